/** The view of runs: each with its steps as they go on, its files, and what can be done about it. */

import * as vscode from 'vscode';
import type { FileOutcome, Status } from './protocol';
import { type Run, type Runs, type Step, abilities, failedSteps, runDetail, stepDetail, stepTitle } from './runs';

const REFRESH_PAUSE_MS = 100;

export type Node =
  | { kind: 'run'; run: Run }
  | { kind: 'step'; run: Run; step: Step }
  | { kind: 'file'; run: Run; file: FileOutcome };

const ICONS: Record<Status, [icon: string, color?: string]> = {
  pending: ['circle-outline'],
  'in-progress': ['loading~spin'],
  streaming: ['loading~spin'],
  finished: ['pass', 'testing.iconPassed'],
  error: ['error', 'testing.iconFailed'],
  cancelled: ['circle-slash'],
  skipped: ['dash'],
  interrupted: ['debug-disconnect', 'list.warningForeground'],
};

const FILE_WORDS = {
  created: 'created',
  changed: 'changed',
  pending: 'waits for you',
  refused: 'refused',
  reverted: 'reverted',
  discarded: 'discarded',
  failed: 'not applied',
  sent: 'perhaps applied',
};

export class RunsView implements vscode.TreeDataProvider<Node> {
  private readonly emitter = new vscode.EventEmitter<void>();
  readonly onDidChangeTreeData = this.emitter.event;

  private waiting: NodeJS.Timeout | undefined;

  constructor(private readonly runs: Runs) {}

  /** Soon, since a batch of many files tells much at once. */
  refresh(): void {
    this.waiting ??= setTimeout(() => {
      this.waiting = undefined;
      this.emitter.fire();
    }, REFRESH_PAUSE_MS);
  }

  getChildren(node?: Node): Node[] {
    if (!node) return this.runs.all.map((run) => ({ kind: 'run', run }));
    if (node.kind !== 'run') return [];
    const { run } = node;
    const steps: Node[] = run.steps.map((step) => ({ kind: 'step', run, step }));
    const files: Node[] = run.files.map((file) => ({ kind: 'file', run, file }));
    return [...files, ...steps];
  }

  getTreeItem(node: Node): vscode.TreeItem {
    if (node.kind === 'run') return runItem(node.run);
    return node.kind === 'step' ? stepItem(node.run, node.step) : fileItem(node.run, node.file);
  }
}

function runItem(run: Run): vscode.TreeItem {
  const item = new vscode.TreeItem(run.name, vscode.TreeItemCollapsibleState.Expanded);
  item.id = run.id;
  item.description = runDetail(run);
  // One file may have failed where the run as a whole has not.
  item.iconPath = run.status === 'finished' && failedSteps(run).length > 0 ? new vscode.ThemeIcon('warning', new vscode.ThemeColor('list.warningForeground')) : icon(run.status);
  item.tooltip = run.summary ?? `${run.name} is running`;
  item.contextValue = ['run', ...abilities(run)].join(' ');
  return item;
}

function stepItem(run: Run, step: Step): vscode.TreeItem {
  const item = new vscode.TreeItem(stepTitle(run, step));
  item.id = `${run.id}/step/${step.id}`;
  item.iconPath = icon(step.status);
  item.tooltip = step.error ?? step.description;
  item.contextValue = 'step';
  item.description = stepDetail(step);
  if (step.text) {
    const node: Node = { kind: 'step', run, step };
    item.command = { command: 'stepwright.ui.showStep', title: 'Show What It Says', arguments: [node] };
  }
  return item;
}

function fileItem(run: Run, file: FileOutcome): vscode.TreeItem {
  const uri = vscode.Uri.parse(file.uri);
  const item = new vscode.TreeItem(uri);
  item.id = `${run.id}/file/${file.uri}`;
  item.iconPath = vscode.ThemeIcon.File;
  item.description = FILE_WORDS[file.action];
  item.tooltip = `${vscode.workspace.asRelativePath(uri)} ${FILE_WORDS[file.action]}${file.reason ? `: ${file.reason}` : ''}`;
  item.contextValue = `file ${file.action}`;
  const node: Node = { kind: 'file', run, file };
  if (file.action === 'pending') {
    item.command = { command: 'stepwright.ui.showPending', title: 'Compare', arguments: [node] };
  } else if (file.action === 'created' || file.action === 'changed') {
    item.command = { command: 'vscode.open', title: 'Open', arguments: [uri] };
  }
  return item;
}

function icon(status: Status): vscode.ThemeIcon {
  const [name, color] = ICONS[status];
  return new vscode.ThemeIcon(name, color ? new vscode.ThemeColor(color) : undefined);
}
