export const about = 'A model server that isn\'t there: the run fails with the reason, and the view shows where';

export const files = { 'store.py': 'LIMIT = 3\n' };

export const config = '[roles]\nmain = "here/any"\n[providers.here]\nwire = "openai"\nbase-url = "http://127.0.0.1:9/v1"\n';

export async function play({ user, expect }) {
  await user.openWindow();
  await user.open('store.py');
  await user.pick('Write tests for store.py');
  await user.see('Write Tests failed');
  await user.showRuns();
  await user.runRow('Write Tests').waitFor();
  await user.shot('failed');
  const rows = await user.runRows();
  expect(rows.some((row) => row.startsWith('Write Tests failed')), `the run doesn't say that it failed: ${rows}`);
  expect(rows.some((row) => row.includes('Plan Tests') && row.includes('127.0.0.1')), `the step doesn't say why: ${rows}`);
}
