export const about = 'The server is killed during a run: said once, the run counts as interrupted, and a new server works on';

export const files = { 'store.py': 'LIMIT = 3\n' };

export const replies = [
  { match: 'Plan the tests of', reply: 'never seen', delay_ms: 600_000 },
  { match: 'path="store.py"', reply: '```python\nLIMIT = 4\n```' },
  { match: 'Summarize', reply: 'Raised.' },
];

export async function play({ user, expect, code }) {
  await user.openWindow();
  await user.open('store.py');
  await user.pick('Write tests for store.py');
  await user.see('2/5 Plan Tests');
  const [first] = code.servers();
  process.kill(first, 'SIGKILL');
  await user.see('stepwright ended unexpectedly and was started again; Write Tests was interrupted');
  await user.until('no progress', async () => (await user.page.locator('.notification-toast', { hasText: 'Plan Tests' }).count()) === 0);
  await user.until('another server', () => code.servers().some((pid) => pid !== first));
  await user.showRuns();
  await user.runRow('Write Tests').waitFor();
  await user.shot('interrupted');
  const rows = await user.runRows();
  expect(rows.some((row) => row.startsWith('Write Tests interrupted')), `the run isn't interrupted: ${rows}`);
  await user.clearToasts();
  await user.tab('store.py');
  await user.pick('Auto-process store.py');
  await user.answer('Auto', 'Raise the limit.');
  await user.see('Auto finished');
  await user.seeLine('LIMIT = 4');
}
