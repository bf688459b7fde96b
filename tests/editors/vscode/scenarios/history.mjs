export const about = 'A finished run is reverted from its message, the history opens as a document; a run that a killed server interrupted is resumed';

export const files = { 'store.py': 'LIMIT = 3\n' };

export const replies = [
  { match: 'path="store.py"', reply: '```python\nLIMIT = 4\n```' },
  { match: 'Summarize', reply: 'Raised.' },
];

export async function play({ user, expect, code }) {
  await user.openWindow();
  await user.open('store.py');
  await user.pick('Auto-process store.py');
  await user.answer('Auto', 'Raise the limit.');
  await user.seeLine('LIMIT = 4');
  await user.press('Auto finished', 'Revert');
  await user.seeLine('LIMIT = 3');
  await user.clearToasts();
  await user.showRuns();
  await user.until('a reverted file in the view', async () => (await user.runRows()).includes('store.py reverted'));
  await user.shot('reverted');
  await user.palette('stepwright: Show History');
  await user.until('the history', async () => (await user.lines()).some((line) => line.includes('auto')));
  await user.shot('history');
  await user.tab('store.py');
  code.replies([{ match: 'path="store.py"', reply: 'never seen', delay_ms: 600_000 }]);
  await user.pick('Auto-process store.py');
  await user.answer('Auto', 'Raise it again.');
  await user.see('Process store.py');
  code.replies([{ match: 'path="store.py"', reply: '```python\nLIMIT = 5\n```' }, { match: 'Summarize', reply: 'Raised.' }]);
  process.kill(code.servers()[0], 'SIGKILL');
  await user.press('What shall become of it?', 'Resume');
  await user.seeLine('LIMIT = 5');
  await user.showRuns();
  await user.shot('resumed');
  const rows = await user.runRows();
  expect(rows.some((row) => row.startsWith('Auto finished')), `no resumed run in the view: ${rows}`);
}
