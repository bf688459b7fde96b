export const about = 'Write tests from the light bulb: steps as a notification, the new file unsaved, undone by one undo, all of it in the runs view';

export const files = { 'store.py': 'LIMIT = 3\n' };

const tests = 'from store import LIMIT\n\n\ndef test_limit():\n    assert LIMIT == 3\n';

export const replies = [
  { match: 'Plan the tests of', reply: 'The limit is what matters.', delay_ms: 2500 },
  { match: 'Write the tests of', reply: '```python\n' + tests + '```' },
  { match: 'Assess which edge cases', reply: '```python\n' + tests + '```' },
  { match: 'Summarize', reply: 'The limit is tested.' },
];

export async function play({ user, expect }) {
  await user.openWindow();
  await user.open('store.py');
  const titles = await user.menuWith('Write tests for store.py');
  await user.shot('menu');
  await user.page.keyboard.press('Escape');
  expect(titles.includes('Select store.py for workflows'), `the menu has no selection: ${titles}`);
  await user.pick('Write tests for store.py');
  await user.see('2/5 Plan Tests');
  await user.shot('progress');
  const status = await user.status();
  expect(status.includes('replay · 1 running'), `the status bar says \`${status}\` during the run`);
  expect((await user.page.locator('[id="status.progress"]').allInnerTexts()).every((text) => !text.includes('Plan')),
    'the progress shows in the status bar as well');
  await user.see('Write Tests finished');
  await user.shot('finished');
  await user.press('Write Tests finished', 'Show');
  await user.seeLine('def test_limit():');
  expect(await user.isDirty('test_store.py'), 'the new file must be unsaved');
  await user.shot('result');
  await user.showRuns();
  await user.runRow('2/5 Plan Tests').waitFor();
  const rows = await user.runRows();
  expect(rows.some((row) => /Write Tests finished · \d.* tokens/.test(row)), `no run with its tokens in the view: ${rows}`);
  expect(rows.some((row) => row.includes('test_store.py') && row.includes('created')), `no created file in the view: ${rows}`);
  await user.shot('runs');
  await user.runRow('2/5 Plan Tests').click();
  await user.seeLine('The limit is what matters.');
  await user.shot('step');
  await user.tab('test_store.py');
  await user.page.locator('.editor-instance .monaco-editor').first().click();
  await user.page.keyboard.press('Control+z');
  await user.until('the new file to be gone after one undo', () => user.disk('tests/test_store.py') === undefined);
}
