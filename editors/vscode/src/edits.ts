/** The text that an edit makes of a text. Positions are the protocol's: lines, and UTF-16 units within a line. */

export interface Position {
  line: number;
  character: number;
}

export interface TextEdit {
  range: { start: Position; end: Position };
  newText: string;
}

/** One of the two forms in which an edit of several files comes. */
export interface WorkspaceEdit {
  changes?: Record<string, TextEdit[]>;
  documentChanges?: { kind?: string; uri?: string; textDocument?: { uri: string }; edits?: TextEdit[] }[];
}

/** The edits of one file; `isSame` compares URIs, which clients and servers spell differently. */
export function editsOf(edit: WorkspaceEdit, isSame: (uri: string) => boolean): TextEdit[] {
  const changed = Object.entries(edit.changes ?? {}).filter(([uri]) => isSame(uri));
  const documents = (edit.documentChanges ?? []).filter(({ textDocument }) => textDocument && isSame(textDocument.uri));
  return [...changed.flatMap(([, edits]) => edits), ...documents.flatMap(({ edits }) => edits ?? [])];
}

/** All edits are against the same text and don't overlap. */
export function applyEdits(text: string, edits: TextEdit[]): string {
  const starts = [0, ...[...text.matchAll(/\r\n|\r|\n/g)].map((end) => end.index + end[0].length)];
  const offset = ({ line, character }: Position) => {
    const start = starts[line];
    if (start === undefined) return text.length;
    const end = starts[line + 1] ?? text.length;
    return Math.min(start + character, end);
  };
  const sorted = edits
    .map(({ range, newText }, order) => ({ start: offset(range.start), end: offset(range.end), newText, order }))
    .sort((a, b) => a.start - b.start || a.order - b.order);
  let result = '';
  let at = 0;
  for (const { start, end, newText } of sorted) {
    result += text.slice(at, start) + newText;
    at = end;
  }
  return result + text.slice(at);
}
