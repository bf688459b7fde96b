/** What a step says, as a read-only document that grows while it is said. */

import * as vscode from 'vscode';
import { type Run, type Runs, type Step, stepTitle } from './runs';

export const STEP_SCHEME = 'stepwright-step';

export class StepTexts implements vscode.TextDocumentContentProvider, vscode.Disposable {
  private readonly emitter = new vscode.EventEmitter<vscode.Uri>();
  readonly onDidChange = this.emitter.event;
  private readonly registration = vscode.workspace.registerTextDocumentContentProvider(STEP_SCHEME, this);

  /** Those that were asked for, as `RUN/STEP`. */
  private readonly shown = new Set<string>();

  constructor(private readonly runs: Runs) {}

  async show(run: Run, step: Step): Promise<void> {
    await vscode.window.showTextDocument(uriOf(run, step), { preview: true });
  }

  changed(run: Run, step: Step): void {
    if (this.shown.has(`${run.id}/${step.id}`)) this.emitter.fire(uriOf(run, step));
  }

  provideTextDocumentContent(uri: vscode.Uri): string {
    this.shown.add(uri.query);
    const [run = '', step] = uri.query.split('/');
    const text = this.runs.get(run)?.steps.find(({ id }) => id === Number(step))?.text;
    return text ?? 'This run is not kept any more; see the history.\n';
  }

  dispose(): void {
    vscode.Disposable.from(this.registration, this.emitter).dispose();
  }
}

function uriOf(run: Run, step: Step): vscode.Uri {
  // Plans, reviews and summaries are Markdown. A slash would make a folder of what is before it.
  const name = `${run.name}: ${stepTitle(run, step).replace('/', ' of ')}`.replaceAll('/', '∕');
  const path = `/${name}.md`;
  return vscode.Uri.from({ scheme: STEP_SCHEME, path, query: `${run.id}/${step.id}` });
}
