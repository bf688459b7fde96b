/** The item in the status bar: which model is used, how many runs go on, and what the session has cost. */

import * as vscode from 'vscode';
import { type Runs, money } from './runs';
import type { Server } from './server';

export class StatusItem implements vscode.Disposable {
  private model: string | undefined;
  private readonly item = vscode.window.createStatusBarItem('stepwright', vscode.StatusBarAlignment.Left);

  constructor(
    private readonly runs: Runs,
    private readonly server: Server,
  ) {
    this.item.name = 'stepwright';
    this.item.command = 'stepwright.ui.status';
    this.update();
    this.item.show();
  }

  async askModel(): Promise<void> {
    this.update();
    this.model = await this.server.model();
    this.update();
  }

  update(): void {
    const { problem, isRunning } = this.server;
    const running = this.runs.running;
    const cost = this.runs.cost;
    this.item.backgroundColor = problem ? new vscode.ThemeColor('statusBarItem.warningBackground') : undefined;
    if (problem) {
      this.item.text = '$(warning) stepwright';
      this.item.tooltip = problem;
      return;
    }
    const sign = running.length > 0 ? '$(loading~spin)' : '$(list-ordered)';
    const words = ['stepwright'];
    // Without its provider, which the tooltip names.
    if (this.model) words.push(this.model.slice(this.model.indexOf('/') + 1));
    if (running.length > 0) words.push(`${running.length} running`);
    if (cost !== undefined && cost > 0) words.push(money(cost));
    this.item.text = `${sign} ${words.join(' · ')}`;
    const lines = isRunning ? running.map((run) => `${run.name} is running`) : ['starting'];
    if (this.model) lines.push(`Model: ${this.model}`);
    lines.push(cost === undefined ? 'No cost in this window so far' : `${money(cost)} in this window so far`, 'Click for the runs');
    this.item.tooltip = lines.join('\n');
  }

  dispose(): void {
    this.item.dispose();
  }
}
