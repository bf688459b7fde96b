/** What the server says and takes beside the standard protocol: names and shapes, nothing else. */

export type Status =
  | 'pending'
  | 'in-progress'
  | 'streaming'
  | 'finished'
  | 'error'
  | 'cancelled'
  | 'skipped'
  | 'interrupted';

export interface StepDescriptor {
  step_id: number;
  module: string;
  description: string;
  parameters: { file_name?: string };
  status: Status;
}

export interface Descriptor {
  workflow_name: string;
  status: Status;
  steps: StepDescriptor[];
}

export type FileAction = 'created' | 'changed' | 'pending' | 'refused' | 'reverted' | 'discarded' | 'failed' | 'sent';

export interface FileOutcome {
  uri: string;
  action: FileAction;
  reason?: string;
}

/** The notifications, by what follows `stepwright/`. */
export interface Events {
  workflow: { run: string; workflow: Descriptor };
  step: {
    run: string;
    step_id: number;
    status: Status;
    response?: { text?: string };
    file_name?: string;
    error?: string;
  };
  text: { run: string; step_id: number; text: string };
  usage: { run: string; input_tokens: number; output_tokens: number; cached_tokens: number; cost_usd: number | null };
  end: { run: string; status: Status; summary: string; files?: FileOutcome[] };
}

export const EVENTS: readonly (keyof Events)[] = ['workflow', 'step', 'text', 'usage', 'end'];

/** The request for an instruction. */
export const INPUT = 'stepwright/input';

export interface InputParams {
  title: string;
  placeholder?: string;
  value?: string;
}

/** The request for the model of the main role; `null` as long as nobody knows it. */
export const MODEL = 'stepwright/model';

/** The request for what became of a run's files by now. */
export const FILES = 'stepwright/files';

/** The request for what a run can be given. */
export const CHOICES = 'stepwright/choices';

export interface Choice {
  value: string;
  detail: string;
}

export interface Choices {
  models: Choice[];
  messages: Choice[];
}

/** The server's commands that are called from here. The extension's own are named `stepwright.ui.*`: a second command of the same name
 * would keep the client from starting. */
export const COMMANDS = {
  run: 'stepwright.run',
  cancel: 'stepwright.cancel',
  select: 'stepwright.select',
  apply: 'stepwright.apply',
  discard: 'stepwright.discard',
  revert: 'stepwright.revert',
  resume: 'stepwright.resume',
  retry: 'stepwright.retry',
  newPrompt: 'stepwright.newPrompt',
  estimate: 'stepwright.estimate',
  showRun: 'stepwright.showRun',
  showHistory: 'stepwright.showHistory',
} as const;

/** The kinds of code actions that say what waits, and which failed files can be repeated. */
export const APPLY_KIND = 'refactor.rewrite.stepwright.apply';
export const RETRY_KIND = 'refactor.rewrite.stepwright.retry';
