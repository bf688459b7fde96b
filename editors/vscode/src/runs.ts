/** The runs of this window, as the server's notifications tell of them. Knows no editor. */

import type { Descriptor, Events, FileOutcome, Status } from './protocol';

/** Older runs are in the history. */
const MOST_RUNS = 50;

export interface Step {
  id: number;
  module: string;
  description: string;
  file: string | undefined;
  status: Status;
  /** What the model says, as far as it is shown. */
  text: string;
  error: string | undefined;
}

export interface Run {
  id: string;
  /** "Write Tests". */
  name: string;
  status: Status;
  steps: Step[];
  usage: Events['usage'] | undefined;
  summary: string | undefined;
  files: FileOutcome[];
  /** The server can repeat the files that failed. */
  retryable: boolean;
}

/** What has changed: a run as a whole, or one step of it, of which maybe only what it says. */
export type Change = { run: Run; step?: Step; onlyText?: boolean };

export class Runs {
  private readonly byId = new Map<string, Run>();

  constructor(private readonly changed: (change: Change) => void) {}

  /** Newest first. */
  get all(): Run[] {
    return [...this.byId.values()].reverse();
  }

  get running(): Run[] {
    return this.all.filter(isRunning);
  }

  get(id: string): Run | undefined {
    return this.byId.get(id);
  }

  /** USD of all runs; `undefined` when no price is known. */
  get cost(): number | undefined {
    const costs = this.all.map((run) => run.usage?.cost_usd).filter((cost) => typeof cost === 'number');
    return costs.length > 0 ? costs.reduce((sum, cost) => sum + cost, 0) : undefined;
  }

  take<Name extends keyof Events>(name: Name, params: Events[Name]): void;
  take(name: keyof Events, params: Events[keyof Events]): void {
    if (name === 'workflow') return this.describe(params as Events['workflow']);
    const run = this.byId.get(params.run);
    if (name === 'end') return this.end(run, params as Events['end']);
    if (!run) return;
    if (name === 'usage') {
      run.usage = params as Events['usage'];
      return this.changed({ run });
    }
    const step = run.steps.find((step) => step.id === (params as Events['step']).step_id);
    if (!step) return;
    if (name === 'text') {
      step.text += (params as Events['text']).text;
      return this.changed({ run, step, onlyText: true });
    }
    const { status, response, file_name, error } = params as Events['step'];
    // A step that begins again, as a resumed run's, shows what it says now.
    if (status === 'in-progress') step.text = '';
    step.status = status;
    step.text = response?.text ?? step.text;
    step.file = file_name ?? step.file;
    step.error = error;
    this.changed({ run, step });
  }

  /** The server has ended without saying so: whatever ran is over. */
  interrupt(): Run[] {
    const lost = this.running;
    for (const run of lost) {
      run.status = 'interrupted';
      for (const step of run.steps) {
        if (step.status === 'in-progress' || step.status === 'streaming') step.status = 'cancelled';
        if (step.status === 'pending') step.status = 'skipped';
      }
      this.changed({ run });
    }
    return lost;
  }

  /** What became of a run's files since it ended. Files that were refused are in no history, and stay as they are. */
  settle(run: Run, now: FileOutcome[]): void {
    const files = run.files.map((file) => now.find(({ uri }) => uri === file.uri) ?? file);
    const isSame = files.every((file, at) => file.action === run.files[at]?.action);
    run.files = files;
    if (!isSame) this.changed({ run });
  }

  /** The files that failed in this run can be repeated, or not any more. */
  setRetryable(run: Run, retryable: boolean): void {
    if (run.retryable === retryable) return;
    run.retryable = retryable;
    this.changed({ run });
  }

  private describe({ run: id, workflow }: Events['workflow']): void {
    const before = this.byId.get(id);
    const run: Run = before ?? { id, name: '', status: 'pending', steps: [], usage: undefined, summary: undefined, files: [], retryable: false };
    run.name = workflow.workflow_name.replace(/ Workflow$/, '');
    run.status = workflow.status;
    run.steps = steps(workflow, run.steps);
    this.byId.set(id, run);
    const oldest = [...this.byId.values()].find((run) => !isRunning(run));
    if (this.byId.size > MOST_RUNS && oldest) this.byId.delete(oldest.id);
    this.changed({ run });
  }

  private end(run: Run | undefined, { status, summary, files }: Events['end']): void {
    if (!run) return;
    run.status = status;
    run.summary = summary;
    run.files = files ?? [];
    this.changed({ run });
  }
}

function steps(workflow: Descriptor, before: Step[]): Step[] {
  return workflow.steps.map(({ step_id, module, description, parameters, status }) => {
    const known = before.find((step) => step.id === step_id);
    const file = parameters?.file_name ?? known?.file;
    return { id: step_id, module, description, file, status, text: known?.text ?? '', error: known?.error };
  });
}

export function isRunning(run: Run): boolean {
  return run.status === 'pending' || run.status === 'in-progress' || run.status === 'streaming';
}

/** "2/5 Writing to File". */
export function stepTitle(run: Run, step: Step): string {
  return `${step.id}/${run.steps.length} ${step.module}`;
}

/** Why it failed, that it didn't run, or else its file. */
export function stepDetail(step: Step): string {
  if (step.error) return step.error;
  if (step.status === 'skipped' || step.status === 'cancelled') return step.status;
  return step.file && !step.module.includes(step.file) ? step.file : '';
}

export function failedSteps(run: Run): Step[] {
  return run.steps.filter((step) => step.status === 'error');
}

/** What can be done about a run, for `when` clauses: words that stand for themselves. */
export function abilities(run: Run): string[] {
  if (isRunning(run)) return ['running'];
  const words = ['over'];
  if (run.status === 'interrupted') words.push('resumable');
  if (run.retryable) words.push('retryable');
  if (run.files.some((file) => file.action === 'created' || file.action === 'changed')) words.push('revertible');
  if (run.files.some((file) => file.action === 'pending')) words.push('waiting');
  return words;
}

/** "2/5 · 1.8k tokens · $0.0123": how far, and what it took. */
export function runDetail(run: Run): string {
  const ended = run.steps.filter(({ status }) => ['finished', 'error', 'cancelled', 'skipped'].includes(status)).length;
  const parts = isRunning(run) ? [`${ended}/${run.steps.length}`] : [run.status === 'error' ? 'failed' : run.status];
  const failed = failedSteps(run).length;
  if (run.status === 'finished' && failed > 0) parts[0] = `finished, ${failed} failed`;
  if (run.usage) {
    parts.push(`${count(run.usage.input_tokens + run.usage.output_tokens)} tokens`, money(run.usage.cost_usd));
  }
  return parts.join(' · ');
}

export function money(usd: number | null | undefined): string {
  if (usd === null || usd === undefined) return 'price unknown';
  // Small sums are the rule: four digits say more than "$0.00".
  return usd === 0 ? '$0' : `$${usd.toFixed(usd < 1 ? 4 : 2)}`;
}

function count(tokens: number): string {
  if (tokens < 1000) return String(tokens);
  return tokens < 1_000_000 ? `${(tokens / 1000).toFixed(1)}k` : `${(tokens / 1_000_000).toFixed(1)}M`;
}

/** Whether a message is the one that tells how this run ended; messages are one line and cut. */
export function isOutcome(run: Run, message: string): boolean {
  const CERTAIN = 400;
  const visible = (text: string) => text.replace(/[\p{Cc}\p{Cf}]/gu, ' ').trim().slice(0, CERTAIN);
  return run.summary !== undefined && visible(run.summary) === visible(message);
}
