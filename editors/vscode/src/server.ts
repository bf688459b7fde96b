/** The server process and the client that talks to it: found, started, started again, and said clearly when it can't be. */

import { execFile } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import type {
  LanguageClient,
  WorkDoneProgressBegin,
  WorkDoneProgressEnd,
  WorkDoneProgressReport,
} from 'vscode-languageclient/node';
import * as vscode from 'vscode';
import { type Found, find, judge } from './binary';
import { type Events, MODEL } from './protocol';
import { explicit } from './settings';

const VERSION_DEADLINE_MS = 10_000;
const START_DEADLINE_MS = 30_000;
/** A server that ends more often than this isn't started again by itself. */
const MOST_RESTARTS = 4;
const RESTART_WINDOW_MS = 180_000;

export type WorkDone = WorkDoneProgressBegin | WorkDoneProgressReport | WorkDoneProgressEnd;

/** Who is told what. */
export interface Listener {
  event<Name extends keyof Events>(name: Name, params: Events[Name]): void;
  progress(token: string | number, value: WorkDone): void;
  /** `level` as in the protocol: 1 error, 2 warning, else information. */
  message(level: number, text: string): void;
  /** The process has ended by itself; `restarts` says whether a new one is being started. */
  lost(restarts: boolean): void;
  /** The process was ended on purpose. */
  stopped(): void;
  changed(): void;
}

export class Server implements vscode.Disposable {
  private client: LanguageClient | undefined;
  private program: string | undefined;
  private ends: number[] = [];
  /** The present client has been up. */
  private wasReady = false;
  /** Starts and stops one after the other, and none within the activation. */
  private turn = new Promise<void>((resolve) => setImmediate(resolve));
  /** Why there is no server. */
  problem: string | undefined;

  constructor(
    private readonly context: vscode.ExtensionContext,
    private readonly log: vscode.LogOutputChannel,
    private readonly listener: Listener,
  ) {}

  get isRunning(): boolean {
    return this.client?.isRunning() ?? false;
  }

  restart(): Promise<void> {
    this.turn = this.turn.then(async () => {
      await this.stop();
      this.listener.stopped();
      this.ends = [];
      await this.start().catch((error: unknown) => this.fail(`failed to start stepwright: ${String(error)}`));
    });
    return this.turn;
  }

  async stop(): Promise<void> {
    const client = this.client;
    this.client = undefined;
    // A server that never started, or is gone, has nothing to stop.
    await client?.stop().catch(() => {});
    await client?.dispose().catch(() => {});
  }

  dispose(): void {
    void this.stop();
  }

  /** Carries out one of the server's commands; says why when there is no server. */
  async execute(command: string, argument: object = {}): Promise<void> {
    await this.request('workspace/executeCommand', { command, arguments: [argument] });
  }

  /** `undefined` when there is no answer; the user has been told why. */
  async request<Answer>(method: string, params: object): Promise<Answer | undefined> {
    await this.turn;
    const client = this.client;
    if (!client || this.problem) {
      await this.tellProblem();
      return undefined;
    }
    try {
      return await client.sendRequest<Answer>(method, params);
    } catch (error) {
      const cause = error instanceof Error ? error.message : String(error);
      void vscode.window.showErrorMessage(`stepwright: failed to reach the server: ${cause}`);
      return undefined;
    }
  }

  /** The model of the main role; `undefined` as long as nobody knows it, or can be asked. */
  async model(): Promise<string | undefined> {
    if (!this.isRunning) return undefined;
    const answer = this.client?.sendRequest<string | null>(MODEL, {});
    return (await answer?.catch(() => null)) ?? undefined;
  }

  cancelProgress(token: string | number): void {
    if (this.isRunning) void this.client?.sendNotification('window/workDoneProgress/cancel', { token });
  }

  /** The settings have changed: the server asks for them. */
  pushSettings(): void {
    if (this.isRunning) void this.client?.sendNotification('workspace/didChangeConfiguration', { settings: null });
  }

  /** Runs the program itself, for what has no command; gives what it prints. */
  async run(arguments_: string[]): Promise<string> {
    await this.turn;
    if (!this.program) throw new Error(this.problem ?? 'stepwright has not started yet');
    return output(this.program, arguments_, true);
  }

  async tellProblem(): Promise<void> {
    const problem = this.problem ?? 'failed to start stepwright: see its log';
    const help = problem.endsWith('see its log') ? ['Show Log'] : ['Open Settings', 'How to Install'];
    const picked = await vscode.window.showErrorMessage(problem, 'Try Again', ...help);
    if (picked === 'Show Log') this.log.show();
    if (picked === 'Try Again') await this.restart();
    if (picked === 'Open Settings') await vscode.commands.executeCommand('workbench.action.openSettings', 'stepwright.server.path');
    if (picked === 'How to Install') await vscode.commands.executeCommand('stepwright.ui.walkthrough');
  }

  private async start(): Promise<void> {
    this.problem = undefined;
    this.program = undefined;
    this.wasReady = false;
    const found = await this.find();
    if ('problem' in found) return this.fail(found.problem);
    this.program = found.program;
    this.log.info(`starting ${found.program}`);
    // The library is large: loading it would hold up the activation.
    const { makeClient } = require('./client') as typeof import('./client');
    const client: LanguageClient = makeClient(found.program, {
      log: this.log,
      listener: this.listener,
      settings: () => this.settings(),
      wasReady: () => this.wasReady,
      closed: () => this.closed(client),
    });
    this.client = client;
    try {
      await within(START_DEADLINE_MS, client.start());
      this.wasReady = true;
      this.listener.changed();
    } catch (error) {
      this.log.error(String(error));
      this.fail(`failed to start stepwright: \`${found.program}\` didn't answer as a language server; see its log`);
    }
  }

  private fail(problem: string): void {
    this.problem = problem;
    this.log.error(problem);
    this.listener.changed();
    void this.tellProblem();
  }

  private async find(): Promise<Found> {
    const found = find({
      setting: vscode.workspace.getConfiguration('stepwright').get<string>('server.path'),
      extensionFolder: this.context.extensionPath,
      workspaceFolder: vscode.workspace.workspaceFolders?.[0]?.uri.fsPath,
      home: os.homedir(),
      environment: process.env,
      platform: process.platform,
      isProgram,
    });
    if ('problem' in found) return found;
    try {
      const problem = judge(found.program, await output(found.program, ['--version'], false));
      return problem ? { problem } : found;
    } catch (error) {
      const cause = error instanceof Error ? error.message : String(error);
      return { problem: `failed to start stepwright: \`${found.program}\`: ${cause}` };
    }
  }

  /** Whether a new process is to be started. */
  private closed(client: LanguageClient): boolean {
    // One that ends before it is up would do so again; its start tells why.
    if (!this.wasReady) return false;
    const now = Date.now();
    this.ends = [...this.ends.filter((end) => now - end < RESTART_WINDOW_MS), now];
    const restarts = this.client === client && this.ends.length <= MOST_RESTARTS;
    if (this.client === client && !restarts) {
      this.problem = `stepwright ended ${this.ends.length} times within three minutes and isn't started again; see its log`;
    }
    this.listener.lost(restarts);
    return restarts;
  }

  private settings(): Record<string, unknown> {
    const { contributes } = this.context.extension.packageJSON as {
      contributes: { configuration: { properties: Record<string, unknown> } };
    };
    const configuration = vscode.workspace.getConfiguration();
    return explicit(Object.keys(contributes.configuration.properties), (key) => configuration.inspect(key));
  }
}

async function within<T>(deadlineMs: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${deadlineMs / 1000} s`)), deadlineMs);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

/** What a program prints. `strictly`: a status other than 0 is an error. */
function output(program: string, arguments_: string[], strictly: boolean): Promise<string> {
  const cwd = vscode.workspace.workspaceFolders?.find(({ uri }) => uri.scheme === 'file')?.uri.fsPath;
  return new Promise((resolve, reject) => {
    execFile(program, arguments_, { cwd, timeout: VERSION_DEADLINE_MS, windowsHide: true }, (error, stdout, stderr) => {
      const failed = error as (Error & { killed?: boolean; code?: number | string }) | null;
      if (!failed) resolve(stdout);
      else if (failed.killed) reject(new Error(`it didn't answer within ${VERSION_DEADLINE_MS / 1000} s`));
      else if (typeof failed.code !== 'number') reject(failed);
      else if (strictly) reject(new Error(stderr.trim().replace(/^stepwright: /, '') || failed.message));
      // A program that is none of ours may end with any status: what it says decides.
      else resolve(stdout || stderr);
    });
  });
}

function isProgram(file: string): boolean {
  try {
    fs.accessSync(file, fs.constants.X_OK);
    return fs.statSync(file).isFile();
  } catch {
    return false;
  }
}
