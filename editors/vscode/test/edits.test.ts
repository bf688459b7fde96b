import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type TextEdit, applyEdits, editsOf } from '../src/edits';

function edit(from: [number, number], to: [number, number], newText: string): TextEdit {
  const at = ([line, character]: [number, number]) => ({ line, character });
  return { range: { start: at(from), end: at(to) }, newText };
}

test('edits are made against the same text, whatever their order', () => {
  const cases: [string, TextEdit[], string][] = [
    ['', [edit([0, 0], [0, 0], 'a\n')], 'a\n'],
    ['a\nb\nc\n', [edit([2, 0], [2, 1], 'C'), edit([0, 0], [0, 1], 'A')], 'A\nb\nC\n'],
    ['a\r\nb\r\n', [edit([1, 0], [1, 1], 'B')], 'a\r\nB\r\n'],
    ['a\rb', [edit([1, 0], [1, 1], 'B')], 'a\rB'],
    // Positions count UTF-16 units, and U+2028 is no line end.
    ['𐐀\u2028é\nz', [edit([0, 2], [0, 3], ''), edit([1, 0], [1, 1], 'Z')], '𐐀é\nZ'],
    ['ab', [edit([0, 1], [0, 1], '1'), edit([0, 1], [0, 1], '2')], 'a12b'],
    // Beyond the end is the end.
    ['ab\n', [edit([5, 0], [9, 9], '!')], 'ab\n!'],
    ['ab\ncd', [edit([0, 1], [1, 1], '')], 'ad'],
  ];
  for (const [before, edits, after] of cases) assert.equal(applyEdits(before, edits), after);
});

test('edits come in two forms', () => {
  const edits = [edit([0, 0], [0, 0], 'x')];
  const isSame = (uri: string) => decodeURIComponent(uri) === 'file:///w/a b.py';
  assert.deepEqual(editsOf({ changes: { 'file:///w/a%20b.py': edits, 'file:///w/c.py': [] } }, isSame), edits);
  const documentChanges = [{ kind: 'create', uri: 'file:///w/a%20b.py' }, { textDocument: { uri: 'file:///w/a%20b.py' }, edits }];
  assert.deepEqual(editsOf({ documentChanges }, isSame), edits);
  assert.deepEqual(editsOf({}, isSame), []);
});
