export const about = 'Two windows on one folder: each has its own server and its own runs, and the other sees what was saved';

export const files = { 'store.py': 'LIMIT = 3\n' };

export const replies = [
  { match: 'Summarize', reply: 'Raised.' },
  { match: 'path="store.py"', reply: '```python\nLIMIT = 4\n```' },
];

export async function play({ user, expect, newUser, code }) {
  const other = await newUser('two-windows-other');
  await user.openWindow();
  await other.openWindow();
  await user.until('two servers', () => code.servers().length === 2);
  await user.open('store.py');
  await other.open('store.py');
  await user.pick('Auto-process store.py');
  await user.answer('Auto', 'Raise the limit.');
  await user.seeLine('LIMIT = 4');
  expect((await other.lines()).includes('LIMIT = 3'), 'the other window has an edit that nobody saved');
  await user.saveAll();
  await other.seeLine('LIMIT = 4');
  await other.showRuns();
  await other.page.getByText('No workflow has run in this window yet.').waitFor();
  await other.shot('empty-view');
  await other.page.locator('.tabs-container .tab', { hasText: 'store.py' }).click();
  await other.menuWith('Write tests for store.py');
}
