/** Finds the program and judges its version. Asks the disk and the program only through what it is given. */

import * as path from 'node:path';

/** The oldest server that says and understands all that this extension does. */
export const NEEDED_VERSION = '0.1.0';

export interface Surroundings {
  /** The setting `stepwright.server.path`. */
  setting: string | undefined;
  extensionFolder: string;
  workspaceFolder: string | undefined;
  home: string;
  environment: Record<string, string | undefined>;
  platform: string;
  isProgram(file: string): boolean;
}

/** A program, or a sentence that says why there is none and what to do. */
export type Found = { program: string } | { problem: string };

/** The setting, then the extension's own `bin/`, then PATH. A setting that is wrong is told, not passed over. */
export function find(around: Surroundings): Found {
  const setting = around.setting?.trim();
  if (setting) {
    const named = expand(setting, around);
    const program = /[\\/]/.test(named) ? [named].find(around.isProgram) : onPath(named, around);
    if (program) return { program };
    return {
      problem:
        `failed to start stepwright: the setting stepwright.server.path names \`${setting}\`, which is no program here; ` +
        'correct the setting, or clear it to use the one on PATH',
    };
  }
  const own = path.join(around.extensionFolder, 'bin', around.platform === 'win32' ? 'stepwright.exe' : 'stepwright');
  const program = around.isProgram(own) ? own : onPath('stepwright', around);
  if (program) return { program };
  return {
    problem:
      'failed to start stepwright: the program `stepwright` is not on PATH; install it, or name it in the setting ' +
      'stepwright.server.path',
  };
}

/** What is wrong with a program that answers `--version` like this; nothing if it will do. */
export function judge(program: string, answer: string): string | undefined {
  const version = /^stepwright (\d+\.\d+\.\d+)/.exec(answer)?.[1];
  if (!version) {
    const said = answer.trim().split('\n')[0]?.slice(0, 80);
    return `failed to start stepwright: \`${program}\` is another program${said ? ` (it says "${said}")` : ''}; correct the setting stepwright.server.path`;
  }
  if (compare(version, NEEDED_VERSION) < 0) {
    return `failed to start stepwright: \`${program}\` is version ${version}, and this extension needs ${NEEDED_VERSION} or newer; update the program`;
  }
  if (version.split('.')[0] !== NEEDED_VERSION.split('.')[0]) {
    return `failed to start stepwright: \`${program}\` is version ${version}, which this extension doesn't know; update the extension`;
  }
  return undefined;
}

function expand(setting: string, { home, workspaceFolder }: Surroundings): string {
  const text = setting.replace(/^~(?=$|[\\/])/, () => home);
  return workspaceFolder ? text.replaceAll('${workspaceFolder}', () => workspaceFolder) : text;
}

function onPath(name: string, { environment, platform, isProgram }: Surroundings): string | undefined {
  const windows = platform === 'win32';
  const places = windows ? path.win32 : path.posix;
  const list = Object.entries(environment).find(([key]) => (windows ? key.toUpperCase() : key) === 'PATH')?.[1] ?? '';
  const names = windows && !path.extname(name) ? [`${name}.exe`] : [name];
  const folders = list.split(places.delimiter).filter((folder) => places.isAbsolute(folder));
  return folders.flatMap((folder) => names.map((name) => places.join(folder, name))).find(isProgram);
}

function compare(left: string, right: string): number {
  const [a, b] = [left, right].map((version) => version.split('.').map(Number));
  const differences = a!.map((number, i) => number - b![i]!);
  return differences.find((difference) => difference !== 0) ?? 0;
}
