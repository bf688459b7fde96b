export const about = 'Cancel from the notification: the run ends at once, nothing is written, the view says so';

export const files = { 'store.py': 'LIMIT = 3\n' };

// Far longer than any deadline of the test: only cancelling ends it.
export const replies = [{ match: 'Plan the tests of', reply: 'never seen', delay_ms: 600_000 }];

export async function play({ user, expect }) {
  await user.openWindow();
  await user.open('store.py');
  await user.pick('Write tests for store.py');
  await user.see('2/5 Plan Tests');
  await user.press('Plan Tests', 'Cancel');
  await user.see('Write Tests was cancelled');
  await user.until('no progress', async () => (await user.page.locator('.notification-toast', { hasText: 'Plan Tests' }).count()) === 0);
  await user.showRuns();
  await user.runRow('Write Tests').waitFor();
  await user.shot('cancelled');
  const rows = await user.runRows();
  expect(rows.some((row) => row.startsWith('Write Tests cancelled')), `the view doesn't say that it was cancelled: ${rows}`);
  expect(!(await user.status()).includes('running'), `the status bar says ${await user.status()}`);
  expect(user.disk('tests/test_store.py') === undefined, 'a cancelled run wrote a file');
}
