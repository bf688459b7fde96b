/** The server's progress as notifications with a cancel button. The client's own stays in the status bar, where nobody can cancel. */

import * as vscode from 'vscode';
import type { WorkDone } from './server';

type Token = string | number;

interface Report {
  message: string;
  increment: number;
}

interface Shown {
  report: (value: Report) => void;
  end: () => void;
  percentage: number;
}

export class ProgressNotifications {
  private readonly shown = new Map<Token, Shown>();

  constructor(private readonly cancel: (token: Token) => void) {}

  take(token: Token, value: WorkDone): void {
    if (value.kind === 'begin') return this.begin(token, value.title);
    const shown = this.shown.get(token);
    if (!shown) return;
    if (value.kind === 'end') {
      this.shown.delete(token);
      return shown.end();
    }
    const percentage = value.percentage ?? shown.percentage;
    shown.report({ message: value.message ?? '', increment: Math.max(percentage - shown.percentage, 0) });
    shown.percentage = Math.max(percentage, shown.percentage);
  }

  /** The server is gone, and with it the end of everything. */
  endAll(): void {
    for (const { end } of this.shown.values()) end();
    this.shown.clear();
  }

  private begin(token: Token, title: string): void {
    this.shown.get(token)?.end();
    let end = () => {};
    const ended = new Promise<void>((resolve) => (end = resolve));
    // Reports may come before VS Code calls back.
    const early: Report[] = [];
    const shown: Shown = { report: (value) => void early.push(value), end, percentage: 0 };
    this.shown.set(token, shown);
    const location = vscode.ProgressLocation.Notification;
    void vscode.window.withProgress({ location, title, cancellable: true }, (progress, cancellation) => {
      cancellation.onCancellationRequested(() => this.cancel(token));
      early.forEach((value) => progress.report(value));
      shown.report = (value) => progress.report(value);
      return ended;
    });
  }
}
