/** The extension's own commands: they ask what has to be asked, and hand it to the server's commands. */

import * as vscode from 'vscode';
import { type PendingResults, type Waiting } from './pending';
import { CHOICES, COMMANDS, type Choice, type Choices } from './protocol';
import type { Runs } from './runs';
import type { Node } from './runs_view';
import type { Server } from './server';
import type { StepTexts } from './step_texts';

/** What `workflows --json` lists. */
interface Workflow {
  id: string;
  title: string;
  source: string;
  problems: { message: string }[];
}

export interface Parts {
  context: vscode.ExtensionContext;
  server: Server;
  runs: Runs;
  pending: PendingResults;
  steps: StepTexts;
  log: vscode.LogOutputChannel;
}

export function register(parts: Parts): vscode.Disposable {
  const { context, server, pending, steps, log } = parts;
  const ofRun = (command: string) => (node?: Node) => onRun(parts, command, node);
  const commands: Record<string, (...args: never[]) => unknown> = {
    run: () => run(server, COMMANDS.run),
    runWith: () => runWith(server),
    estimate: () => run(server, COMMANDS.estimate),
    newPrompt: () => newPrompt(server),
    autoProcess: (uri?: vscode.Uri, uris?: vscode.Uri[]) => onFiles(server, uri, uris, (files) => [COMMANDS.run, { workflow: 'auto', files }]),
    select: (uri?: vscode.Uri, uris?: vscode.Uri[]) => onFiles(server, uri, uris, (files) => [COMMANDS.select, { files }]),
    cancel: ofRun(COMMANDS.cancel),
    resume: ofRun(COMMANDS.resume),
    revert: ofRun(COMMANDS.revert),
    retry: ofRun(COMMANDS.retry),
    showRun: ofRun(COMMANDS.showRun),
    showHistory: () => server.execute(COMMANDS.showHistory),
    showFiles: (node: Node) => showFiles(node),
    showStep: (node: Node) => (node.kind === 'step' ? steps.show(node.run, node.step) : undefined),
    showPending: (target?: Node | vscode.Uri) => withPending(parts, target, (waiting) => pending.compare(waiting)),
    applyPending: (target?: Node | vscode.Uri) => withPending(parts, target, (waiting) => pending.finish(waiting, COMMANDS.apply)),
    discardPending: (target?: Node | vscode.Uri) => withPending(parts, target, (waiting) => pending.finish(waiting, COMMANDS.discard)),
    trust: () => trust(server),
    restart: () => server.restart(),
    showLog: () => log.show(),
    status: () => (server.problem ? server.tellProblem() : vscode.commands.executeCommand('stepwright.runs.focus')),
    walkthrough: () =>
      vscode.commands.executeCommand('workbench.action.openWalkthrough', `${context.extension.id}#start`, false),
  };
  const registered = Object.entries(commands).map(([name, action]) => vscode.commands.registerCommand(`stepwright.ui.${name}`, action));
  return vscode.Disposable.from(...registered);
}

async function run(server: Server, command: string): Promise<void> {
  const workflow = await pickWorkflow(server);
  if (workflow) await server.execute(command, { workflow: workflow.id, ...spot() });
}

/** As `run`, with a model and earlier messages. */
async function runWith(server: Server): Promise<void> {
  const workflow = await pickWorkflow(server);
  if (!workflow) return;
  const choices = await server.request<Choices>(CHOICES, {});
  if (!choices) return;
  const model = await pickModel(choices.models);
  if (model === undefined) return;
  const messages = await pickMessages(choices.messages);
  if (!messages) return;
  await server.execute(COMMANDS.run, { workflow: workflow.id, ...spot(), messages, tags: { model } });
}

async function newPrompt(server: Server): Promise<void> {
  const workflow = await pickWorkflow(server);
  if (!workflow) return;
  const { uri } = spot();
  await server.execute(COMMANDS.newPrompt, { workflow: workflow.id, ...(uri ? { files: [uri] } : {}) });
}

/** The document and the selected lines that a command is about. */
function spot(): { uri?: string; range?: object } {
  const editor = vscode.window.activeTextEditor;
  if (!editor || !['file', 'untitled'].includes(editor.document.uri.scheme)) return {};
  const { start, end } = editor.selection;
  const range = editor.selection.isEmpty ? {} : { range: { start, end } };
  return { uri: editor.document.uri.toString(), ...range };
}

async function pickWorkflow(server: Server): Promise<Workflow | undefined> {
  const name = vscode.window.activeTextEditor?.document.uri.path.split('/').pop() ?? 'the current file';
  const listed = async () => {
    const workflows = JSON.parse(await server.run(['workflows', '--json'])) as Workflow[];
    return workflows
      .filter(({ problems }) => problems.length === 0)
      .map((workflow) => ({
        label: workflow.title.replaceAll('{{file}}', () => name),
        description: workflow.id,
        ...(workflow.source === 'built-in' ? {} : { detail: workflow.source }),
        workflow,
      }));
  };
  const items = listed().catch((error: unknown) => {
    void (server.problem ? server.tellProblem() : vscode.window.showErrorMessage(`stepwright: failed to list the workflows: ${String(error)}`));
    return [];
  });
  if ((await items).length === 0) return undefined;
  const picked = await vscode.window.showQuickPick(items, { title: 'stepwright', placeHolder: 'Which workflow?', matchOnDescription: true });
  return picked?.workflow;
}

async function pickModel(models: Choice[]): Promise<string | undefined> {
  const named = { label: 'Another model…', description: 'as provider/model' };
  const items = [...models.map(toItem), named];
  const picked = await vscode.window.showQuickPick(items, { title: 'stepwright', placeHolder: 'Which model?', matchOnDescription: true });
  if (picked !== named) return picked?.label;
  return vscode.window.showInputBox({ title: 'Model', placeHolder: 'provider/model, as in your configuration' });
}

async function pickMessages(messages: Choice[]): Promise<string[] | undefined> {
  if (messages.length === 0) return [];
  const options = {
    title: 'stepwright',
    placeHolder: 'Earlier messages to send along; none is fine',
    canPickMany: true,
    matchOnDescription: true,
  } as const;
  const picked = await vscode.window.showQuickPick(messages.map(toItem), options);
  return picked?.map(({ label }) => label);
}

function toItem({ value, detail }: Choice): vscode.QuickPickItem {
  return { label: value, description: detail };
}

type Order = (files: string[]) => [command: string, argument: object];

/** What is selected in the explorer, folders as all files below them. */
async function onFiles(server: Server, uri: vscode.Uri | undefined, uris: vscode.Uri[] | undefined, order: Order): Promise<void> {
  const one = uri ?? vscode.window.activeTextEditor?.document.uri;
  const chosen = uris?.length ? uris : one ? [one] : [];
  if (chosen.length === 0) {
    void vscode.window.showInformationMessage('stepwright: select files in the explorer first');
    return;
  }
  const references = chosen.map(async (uri) => {
    const { type } = await vscode.workspace.fs.stat(uri).then((stat) => stat, () => ({ type: vscode.FileType.File }));
    const isFolder = (type & vscode.FileType.Directory) !== 0;
    return isFolder ? `${vscode.workspace.asRelativePath(uri)}/**/*` : uri.toString();
  });
  await server.execute(...order(await Promise.all(references)));
}

/** From the view, or from the palette, where the run has to be picked if there are several. */
async function onRun({ server, runs }: Parts, command: string, node?: Node): Promise<void> {
  if (node) return server.execute(command, { run: node.run.id });
  const fits = command === COMMANDS.cancel ? runs.running : runs.all.filter((run) => !runs.running.includes(run));
  if (fits.length === 0) {
    const what = command === COMMANDS.cancel ? 'nothing is running' : 'there is no run in this window yet';
    void vscode.window.showInformationMessage(`stepwright: ${what}`);
    return;
  }
  const items = fits.map((run) => ({ label: run.name, description: run.status, detail: run.summary ?? '', run }));
  const picked = items.length === 1 ? items[0] : await vscode.window.showQuickPick(items, { title: 'stepwright', placeHolder: 'Which run?' });
  if (picked) await server.execute(command, { run: picked.run.id });
}

/** The files that a run made or changed: one as it is, several to pick from in the view. */
async function showFiles({ run }: Node): Promise<void> {
  const [file, ...more] = run.files.filter(({ action }) => action === 'created' || action === 'changed');
  if (file && more.length === 0) await vscode.commands.executeCommand('vscode.open', vscode.Uri.parse(file.uri));
  else await vscode.commands.executeCommand('stepwright.runs.focus');
}

/** `target` is a file in the view, a run whose results wait, or the comparison that is shown. */
async function withPending({ server, pending }: Parts, target: Node | vscode.Uri | undefined, action: (waiting: Waiting) => Promise<void>): Promise<void> {
  const tab = vscode.window.tabGroups.activeTabGroup.activeTab?.input;
  const shown = target instanceof vscode.Uri ? target : tab instanceof vscode.TabInputTextDiff ? tab.modified : undefined;
  const compared = shown && pending.shownIn(shown);
  if (compared) return action(compared);
  const node = target instanceof vscode.Uri ? undefined : target;
  const uri = node?.kind === 'file' ? vscode.Uri.parse(node.file.uri) : (vscode.workspace.workspaceFolders?.[0]?.uri ?? vscode.window.activeTextEditor?.document.uri);
  if (!uri) return;
  const all = await pending.list(uri);
  const meant = all.filter(({ run, uri: of }) => (!node || run === node.run.id) && (node?.kind !== 'file' || of.toString() === uri.toString()));
  if (meant.length === 0) {
    if (server.isRunning) void vscode.window.showInformationMessage('stepwright: no result waits here');
    return;
  }
  const items = meant.map((waiting) => ({ label: vscode.workspace.asRelativePath(waiting.uri), description: waiting.title, waiting }));
  const picked = items.length === 1 ? items[0] : await vscode.window.showQuickPick(items, { title: 'stepwright', placeHolder: 'Which result?' });
  if (picked) await action(picked.waiting);
}

/** Lets the workspace's check command and workflows run. The server keeps the decision, bound to what they are now. */
async function trust(server: Server): Promise<void> {
  if (!vscode.workspace.isTrusted) {
    void vscode.window.showWarningMessage('stepwright: trust the folder in VS Code first (Workspaces: Manage Workspace Trust)');
    return;
  }
  const detail =
    'The check command in .stepwright/config.toml runs a program on this machine; the workflows in .stepwright/workflows are ' +
    'offered in the menu. Look at both first. When they change, you are asked again.';
  const picked = await vscode.window.showWarningMessage('Trust this workspace\'s check command and workflows?', { modal: true, detail }, 'Trust');
  if (picked !== 'Trust') return;
  try {
    const said = await server.run(['trust']);
    server.pushSettings();
    void vscode.window.showInformationMessage(`stepwright: ${said.trim()}`);
  } catch (error) {
    void vscode.window.showErrorMessage(`stepwright: ${error instanceof Error ? error.message : String(error)}`);
  }
}
