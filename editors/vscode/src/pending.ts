/** Results that wait: shown beside the file as it is, applied, discarded. What they are and what applying gives is the server's word. */

import * as vscode from 'vscode';
import { actions } from './actions';
import { type TextEdit, type WorkspaceEdit, applyEdits, editsOf } from './edits';
import { APPLY_KIND, COMMANDS } from './protocol';
import type { Server } from './server';

/** The scheme of what a file would be. */
export const RESULT_SCHEME = 'stepwright-result';

/** A waiting result. */
export interface Waiting {
  run: string;
  /** As the server names it: relative to the workspace, or a URI. */
  file: string;
  title: string;
  uri: vscode.Uri;
  edit: WorkspaceEdit | undefined;
}

export class PendingResults implements vscode.TextDocumentContentProvider, vscode.Disposable {
  private readonly emitter = new vscode.EventEmitter<vscode.Uri>();
  readonly onDidChange = this.emitter.event;
  private readonly shown = new Map<string, { uri: vscode.Uri; of: Waiting }>();
  private readonly listeners: vscode.Disposable[];

  constructor(private readonly server: Server) {
    this.listeners = [
      vscode.workspace.registerTextDocumentContentProvider(RESULT_SCHEME, this),
      // The result is merged with what is typed beside it.
      vscode.workspace.onDidChangeTextDocument(({ document }) => this.refresh(document.uri)),
      vscode.workspace.onDidCloseTextDocument(({ uri }) => this.shown.delete(uri.toString())),
    ];
  }

  dispose(): void {
    vscode.Disposable.from(...this.listeners, this.emitter).dispose();
  }

  /** All of them, those for `uri` first. Any file's menu names all. */
  async list(uri: vscode.Uri): Promise<Waiting[]> {
    const found = await actions(this.server, uri.toString(), APPLY_KIND);
    return found.flatMap(({ title, edit, command }) => {
      const { run, file } = command?.arguments?.[0] ?? {};
      if (!run || !file) return [];
      return [{ run, file, title, edit, uri: (edit && uriOf(edit)) ?? byName(file) }];
    });
  }

  /** Shows a result beside the file as it is now. */
  async compare(waiting: Waiting): Promise<void> {
    const exists = await isFile(waiting.uri);
    // The server knows the text of open documents; only against that can the result be computed.
    if (exists) await vscode.workspace.openTextDocument(waiting.uri);
    const result = waiting.uri.with({ scheme: RESULT_SCHEME, authority: '', query: waiting.run });
    const nothing = waiting.uri.with({ scheme: RESULT_SCHEME, authority: '', query: '' });
    this.shown.set(result.toString(), { uri: result, of: waiting });
    this.emitter.fire(result);
    const name = vscode.workspace.asRelativePath(waiting.uri);
    const title = `${name} ↔ ${waiting.title.replace(/^Apply /, '').replace(/ to .*$/, '')}`;
    await vscode.commands.executeCommand('vscode.diff', exists ? waiting.uri : nothing, result, title, { preview: true });
  }

  /** The result that a comparison shows. */
  shownIn(uri: vscode.Uri): Waiting | undefined {
    return this.shown.get(uri.toString())?.of;
  }

  async finish(waiting: Waiting, command: typeof COMMANDS.apply | typeof COMMANDS.discard): Promise<void> {
    const { run, file } = waiting;
    await this.server.execute(command, { run, file });
    const tabs = vscode.window.tabGroups.all.flatMap((group) => group.tabs);
    const isShown = ({ input }: vscode.Tab) =>
      input instanceof vscode.TabInputTextDiff && this.shownIn(input.modified)?.run === run && this.shownIn(input.modified)?.file === file;
    await vscode.window.tabGroups.close(tabs.filter(isShown));
  }

  async provideTextDocumentContent(result: vscode.Uri): Promise<string> {
    const of = this.shownIn(result);
    if (!of) return '';
    const document = (await isFile(of.uri)) ? await vscode.workspace.openTextDocument(of.uri) : undefined;
    const now = (await this.list(of.uri)).find(({ run, file }) => run === of.run && file === of.file);
    if (!now?.edit) return 'This result doesn\'t wait any more.\n';
    const edits: TextEdit[] = editsOf(now.edit, (uri) => vscode.Uri.parse(uri).toString() === of.uri.toString());
    return applyEdits(document?.getText() ?? '', edits);
  }

  private refresh(changed: vscode.Uri): void {
    for (const { uri, of } of this.shown.values()) {
      if (of.uri.toString() === changed.toString()) this.emitter.fire(uri);
    }
  }
}

function uriOf({ changes, documentChanges }: WorkspaceEdit): vscode.Uri | undefined {
  const uri = Object.keys(changes ?? {})[0] ?? documentChanges?.map((change) => change.textDocument?.uri ?? change.uri)[0];
  return uri === undefined ? undefined : vscode.Uri.parse(uri);
}

/** Of a file that isn't open, only the name is told. */
function byName(name: string): vscode.Uri {
  if (/^[a-z][a-z0-9+.-]+:/i.test(name)) return vscode.Uri.parse(name);
  const folders = vscode.workspace.workspaceFolders ?? [];
  const [first, ...rest] = name.split('/');
  // With several folders, names begin with the folder's.
  const named = folders.length > 1 ? folders.find((folder) => folder.name === first) : undefined;
  if (named) return vscode.Uri.joinPath(named.uri, ...rest);
  return folders[0] ? vscode.Uri.joinPath(folders[0].uri, name) : vscode.Uri.file(name);
}

async function isFile(uri: vscode.Uri): Promise<boolean> {
  if (uri.scheme === 'untitled') return true;
  return vscode.workspace.fs.stat(uri).then(
    () => true,
    () => false,
  );
}
