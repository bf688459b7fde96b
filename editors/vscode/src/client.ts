/** The client of the language server: which notifications, requests and settings go where. Loaded apart, since its library is large. */

import { type ConfigurationParams, CloseAction, ErrorAction, LanguageClient, State } from 'vscode-languageclient/node';
import * as vscode from 'vscode';
import { type Events, type InputParams, EVENTS, INPUT } from './protocol';
import type { Listener } from './server';

export interface Connections {
  log: vscode.LogOutputChannel;
  listener: Listener;
  settings(): Record<string, unknown>;
  /** The client has been up. */
  wasReady(): boolean;
  /** The process has ended by itself; whether to start another. */
  closed(): boolean;
}

export function makeClient(program: string, { log, listener, settings, wasReady, closed }: Connections): LanguageClient {
  // Without a transport it is stdio all the same, and nothing is appended to the arguments.
  /** Who starts it tells of a start that failed; the library would tell so a second time. */
  class Client extends LanguageClient {
    override error(message: string, data?: unknown, showNotification?: boolean | 'force'): void {
      super.error(message, data, wasReady() ? showNotification : false);
    }
  }
  const client = new Client(
    'stepwright',
    'stepwright',
    { command: program, args: ['lsp'] },
    {
      documentSelector: [{ scheme: 'file' }, { scheme: 'untitled' }],
      outputChannel: log,
      initializationOptions: { stepwright: { events: true, inputBox: true } },
      initializationFailedHandler: () => false,
      errorHandler: {
        error: () => ({ action: ErrorAction.Continue, handled: true }),
        closed: () => ({ action: closed() ? CloseAction.Restart : CloseAction.DoNotRestart, handled: true }),
      },
      middleware: {
        workspace: {
          configuration: ({ items }: ConfigurationParams) =>
            items.map(({ section }) => (section === 'stepwright' ? settings() : null)),
        },
        handleWorkDoneProgress: (token, value, next) => {
          listener.progress(token, value);
          // The client's own progress is one more line in the status bar; it only has to know of the end.
          if (value.kind === 'end') next(token, value);
        },
      },
    },
  );
  for (const name of EVENTS) {
    client.onNotification(`stepwright/${name}`, (params: Events[typeof name]) => listener.event(name, params as never));
  }
  // In place of the client's own handler, so that outcomes come with buttons.
  client.onNotification('window/showMessage', ({ type, message }: { type: number; message: string }) => {
    listener.message(type, message);
  });
  client.onRequest(INPUT, ask);
  client.onDidChangeState(({ newState }) => {
    if (newState !== State.Starting) listener.changed();
  });
  return client;
}

/** An instruction, for an action that needs one. */
async function ask({ title, placeholder, value }: InputParams): Promise<{ value: string } | null> {
  const typed = await vscode.window.showInputBox({
    title,
    prompt: placeholder ?? '',
    value: value ?? '',
    // A look at another window must not lose what was typed.
    ignoreFocusOut: true,
  });
  return typed === undefined ? null : { value: typed };
}
