// Starts VS Code in its server flavour, in a scratch folder with its own home, and ends it. Knows nothing of scenarios.
import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, openSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';

const START_DEADLINE_MS = 60_000;

const SETTINGS = {
  'extensions.autoCheckUpdates': false,
  'extensions.autoUpdate': false,
  // As on the desktop: in a browser VS Code saves by itself after a second.
  'files.autoSave': 'off',
  'security.workspace.trust.enabled': false,
  'telemetry.telemetryLevel': 'off',
  'update.mode': 'none',
  'workbench.enableExperiments': false,
  'workbench.startupEditor': 'none',
  'workbench.tips.enabled': false,
  'window.commandCenter': false,
  'chat.commandCenter.enabled': false,
};

export class Code {
  constructor({ folder, code, stepwright, log }) {
    this.folder = folder;
    this.entry = join(code, 'node_modules/code-server/out/node/entry.js');
    this.program = join(folder, 'bin/stepwright');
    this.log = log;
    for (const name of ['bin', 'home', 'data/User', 'workspaces']) mkdirSync(join(folder, name), { recursive: true });
    symlinkSync(stepwright, this.program);
    // VS Code takes PATH from a login shell.
    writeFileSync(join(folder, 'home/.bash_profile'), `export PATH="${join(folder, 'bin')}:$PATH"\n`);
    this.environment = {
      PATH: `${join(folder, 'bin')}:${process.env.PATH}`,
      HOME: join(folder, 'home'),
      LANG: 'C.UTF-8',
      SHELL: '/bin/bash',
      XDG_CONFIG_HOME: join(folder, 'home/config'),
      XDG_DATA_HOME: join(folder, 'home/data'),
      XDG_STATE_HOME: join(folder, 'home/state'),
      STEPWRIGHT_CONFIG: join(folder, 'config.toml'),
    };
  }

  get arguments() {
    return [this.entry, '--user-data-dir', join(this.folder, 'data'), '--extensions-dir', join(this.folder, 'extensions')];
  }

  async install(vsix) {
    const child = this.spawn([...this.arguments, '--install-extension', vsix]);
    const status = await new Promise((resolve) => child.on('exit', resolve));
    if (status !== 0) throw new Error(`VS Code refused the extension, see ${this.log}`);
  }

  async start() {
    this.settings({});
    const port = await freePort();
    this.child = this.spawn([...this.arguments, '--auth', 'none', '--bind-addr', `127.0.0.1:${port}`, '--disable-telemetry',
      '--disable-update-check', '--disable-getting-started-override']);
    this.url = `http://127.0.0.1:${port}/`;
    await until('VS Code to listen', START_DEADLINE_MS, async () => (await fetch(`${this.url}healthz`).catch(() => undefined))?.ok);
  }

  spawn(arguments_) {
    const log = openSync(this.log, 'a');
    // Its own process group, so that its children end with it.
    return spawn(process.execPath, arguments_, { env: this.environment, stdio: ['ignore', log, log], detached: true });
  }

  async stop() {
    if (!this.child) return;
    const ended = new Promise((resolve) => this.child.on('exit', resolve));
    process.kill(-this.child.pid, 'SIGTERM');
    await ended;
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 250 });
  }

  /** The user's settings from now on. */
  settings(own) {
    writeFileSync(join(this.folder, 'data/User/settings.json'), JSON.stringify({ ...SETTINGS, ...own }, undefined, 2));
  }

  /** What the model answers from now on. */
  replies(replies) {
    writeFileSync(join(this.folder, 'replay.json'), JSON.stringify(replies));
  }

  /** The server processes. */
  servers() {
    const isServer = (pid) => {
      try {
        const [program, first] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
        return program === this.program && first === 'lsp';
      } catch {
        return false;
      }
    };
    return readdirSync('/proc').filter((name) => /^\d+$/.test(name) && isServer(name)).map(Number);
  }

  /** Keeps the logs of the extension. */
  keepLogs(to) {
    cpSync(join(this.folder, 'data/logs'), to, { recursive: true });
  }
}

/** Asks until the condition gives something true, and gives that. */
export async function until(what, deadlineMs, condition) {
  const PAUSE_MS = 50;
  const deadline = Date.now() + deadlineMs;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`waited ${deadlineMs / 1000} s for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
