export const about = 'A result for lines that were changed meanwhile waits: compared side by side, merged with what is typed, applied with both sides marked';

export const files = { 'store.py': 'LIMIT = 3\nNAME = "store"\n' };

export const replies = [
  { match: 'Summarize', reply: 'The limit was raised.' },
  { match: 'path="store.py"', reply: '```python\nLIMIT = 10\nNAME = "store"\n```', delay_ms: 4000 },
];

export async function play({ user, expect }) {
  await user.openWindow();
  await user.open('store.py');
  await user.pick('Auto-process store.py');
  await user.answer('Auto', 'Raise the limit.');
  await user.see('Process store.py');
  await user.goToLine(1);
  await user.page.keyboard.press('End');
  await user.page.keyboard.type('000  # mine');
  await user.see('Auto finished');
  await user.shot('waits');
  expect((await user.lines()).includes('LIMIT = 3000  # mine'), `what was typed was overwritten: ${JSON.stringify(await user.lines())}`);
  await user.press('Auto finished', 'Compare');
  await user.seeLine('LIMIT = 10', '.editor.modified');
  await user.shot('compare');
  await user.page.getByRole('button', { name: 'Apply Waiting Result' }).first().click();
  await user.see('applied the result of Auto');
  await user.seeLine('LIMIT = 3000  # mine');
  await user.seeLine('LIMIT = 10');
  await user.shot('applied');
  await user.showRuns();
  await user.until('nothing waits in the view', async () => !(await user.runRows()).some((row) => row.includes('waits')));
}
