/** The server's code actions of a kind, asked for directly: they say what can be done, which no notification does. */

import type { WorkspaceEdit } from './edits';
import type { Server } from './server';

export interface Action {
  title: string;
  edit?: WorkspaceEdit;
  command?: { command: string; arguments?: { run?: string; file?: string }[] };
}

/** Those of `kind`; any file's menu names what belongs to runs. */
export async function actions(server: Server, uri: string, kind: string): Promise<Action[]> {
  const start = { line: 0, character: 0 };
  const found = await server.request<Action[] | null>('textDocument/codeAction', {
    textDocument: { uri },
    range: { start, end: start },
    context: { diagnostics: [], only: [kind], triggerKind: 1 },
  });
  return found ?? [];
}
