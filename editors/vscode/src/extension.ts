/** Composes the parts. Everything a workflow does is the server's; here it is started, asked and shown. */

import * as vscode from 'vscode';
import { actions } from './actions';
import * as commands from './commands';
import { PendingResults } from './pending';
import { ProgressNotifications } from './progress';
import { FILES, type FileOutcome, RETRY_KIND } from './protocol';
import { type Run, Runs, abilities, failedSteps, isOutcome } from './runs';
import { RunsView } from './runs_view';
import { type Listener, Server } from './server';
import { StatusItem } from './status';
import { StepTexts } from './step_texts';

let server: Server | undefined;

export function activate(context: vscode.ExtensionContext): void {
  const log = vscode.window.createOutputChannel('stepwright', { log: true });
  const runs = new Runs(({ run, step, onlyText }) => {
    if (step) steps.changed(run, step);
    if (onlyText) return;
    view.refresh();
    status.update();
    const waits = runs.all.some((run) => abilities(run).includes('waiting'));
    void vscode.commands.executeCommand('setContext', 'stepwright.waiting', waits);
    void vscode.commands.executeCommand('setContext', 'stepwright.running', runs.running.length > 0);
  });
  const listener: Listener = {
    event: (name, params) => {
      runs.take(name, params);
      // By then a model was found, if one was to be.
      if (name === 'end') void status.askModel();
    },
    progress: (token, value) => progress.take(token, value),
    message: (level, text) => {
      void tell(started, runs, level, text);
      if (SETTLED.test(text)) void settle(started, runs);
    },
    stopped: () => {
      progress.endAll();
      runs.interrupt();
    },
    lost: (restarts) => {
      progress.endAll();
      void tellLost(server, runs.interrupt(), restarts);
    },
    changed: () => void status.askModel(),
  };
  const started = new Server(context, log, listener);
  server = started;
  const progress = new ProgressNotifications((token) => started.cancelProgress(token));
  const pending = new PendingResults(started);
  const steps = new StepTexts(runs);
  const view = new RunsView(runs);
  const status = new StatusItem(runs, started);
  context.subscriptions.push(
    log,
    started,
    pending,
    steps,
    status,
    vscode.window.createTreeView('stepwright.runs', { treeDataProvider: view }),
    commands.register({ context, server: started, runs, pending, steps, log }),
    vscode.workspace.onDidChangeConfiguration((change) => {
      if (change.affectsConfiguration('stepwright.server')) void started.restart();
      else if (change.affectsConfiguration('stepwright')) started.pushSettings();
    }),
    // A setting of the workspace that wasn't used before counts now.
    vscode.workspace.onDidGrantWorkspaceTrust(() => void started.restart()),
  );
  // The window doesn't wait for the server.
  void started.restart();
}

export async function deactivate(): Promise<void> {
  await server?.stop();
}

/** How the server's messages begin that say that a run's files are others than when it ended. */
const SETTLED = /^(applied|discarded|reverted|failed to revert) /;

/** What was applied, discarded or reverted, by whatever way: the server knows. */
async function settle(server: Server, runs: Runs): Promise<void> {
  const canChange = (run: Run) => abilities(run).some((ability) => ability === 'waiting' || ability === 'revertible');
  for (const run of runs.all.filter(canChange)) {
    const files = await server.request<FileOutcome[]>(FILES, { run: run.id });
    if (files) runs.settle(run, files);
  }
}

/** A message of the server's; the one that tells how a run ended comes with what can be done about it. */
async function tell(server: Server, runs: Runs, level: number, text: string): Promise<void> {
  const run = runs.all.find((run) => isOutcome(run, text));
  if (run && runs.all.some((run) => failedSteps(run).length > 0)) {
    const place = vscode.workspace.workspaceFolders?.[0]?.uri ?? vscode.window.activeTextEditor?.document.uri;
    const offered = place ? await actions(server, place.toString(), RETRY_KIND) : [];
    const ids = offered.map(({ command }) => command?.arguments?.[0]?.run);
    // The server offers the latest only; what it offered before may be done by now.
    runs.all.forEach((run) => runs.setRetryable(run, ids.includes(run.id)));
  }
  const buttons = run ? next(run) : [];
  const show = level === 1 ? vscode.window.showErrorMessage : level === 2 ? vscode.window.showWarningMessage : vscode.window.showInformationMessage;
  const picked = await show(text, ...buttons.map(([title]) => title));
  const command = buttons.find(([title]) => title === picked)?.[1];
  if (command && run) await vscode.commands.executeCommand(command, { kind: 'run', run });
}

/** What a user is likely to want next, most likely first. */
function next(run: Run): [title: string, command: string][] {
  const can = abilities(run);
  const buttons: [string, string, string][] = [
    ['waiting', 'Compare', 'stepwright.ui.showPending'],
    ['retryable', 'Retry Failed', 'stepwright.ui.retry'],
    ['resumable', 'Resume', 'stepwright.ui.resume'],
    ['revertible', 'Show', 'stepwright.ui.showFiles'],
    ['revertible', 'Revert', 'stepwright.ui.revert'],
  ];
  return buttons.filter(([ability]) => can.includes(ability)).map(([, title, command]) => [title, command]);
}

/** What shall become of the interrupted runs is the new server's question. */
async function tellLost(server: Server | undefined, lost: Run[], restarts: boolean): Promise<void> {
  if (!restarts) return server?.tellProblem();
  const names = lost.map(({ name }) => name).join(' and ');
  const interrupted = lost.length > 0 ? `; ${names} ${lost.length > 1 ? 'were' : 'was'} interrupted` : '';
  void vscode.window.showWarningMessage(`stepwright ended unexpectedly and was started again${interrupted}`);
}
