export const about = 'Results for protected files wait: an existing file that isn\'t open is compared with, a new one with nothing; one is discarded, one applied';

export const files = { 'store.py': 'LIMIT = 3\n', Makefile: 'all:\n\techo all\n' };

export const replies = [
  { match: 'Determine which files', reply: '[{"file_name": "Makefile", "purpose": "runs the tests"}, {"file_name": "package.json", "purpose": "names it"}]' },
  { match: 'The file to plan is', reply: 'Plainly.' },
  { match: 'Write the file Makefile', reply: '```makefile\nall:\n\techo all\n\ntest:\n\tpytest\n```' },
  { match: 'Write the file package.json', reply: '```json\n{ "name": "shop" }\n```' },
  { match: 'Summarize', reply: 'Both wait.' },
];

export async function play({ user, expect }) {
  await user.openWindow();
  await user.open('store.py');
  await user.pick('Write from store.py');
  await user.answer('Write', 'Set it up.');
  await user.see('Write finished');
  await user.showRuns();
  await user.runRow('Makefile').waitFor();
  const rows = await user.runRows();
  for (const name of ['Makefile', 'package.json']) {
    expect(rows.some((row) => row === `${name} waits for you`), `${name} doesn't wait in the view: ${rows}`);
  }
  await user.clearToasts();
  await user.runRow('Makefile').click();
  await user.seeLine('pytest', '.editor.modified');
  await user.seeLine('echo all', '.editor.original');
  await user.shot('existing');
  await user.page.getByRole('button', { name: 'Discard Waiting Result' }).first().click();
  await user.until('one result in the view', async () => (await user.runRows()).filter((row) => row.includes('waits')).length === 1);
  await user.runRow('package.json').click();
  await user.seeLine('"shop"', '.editor.modified');
  await user.shot('new');
  await user.page.getByRole('button', { name: 'Apply Waiting Result' }).first().click();
  await user.see('applied the result of Write to package.json');
  await user.until('what became of both in the view', async () => {
    const rows = await user.runRows();
    return rows.includes('Makefile discarded') && rows.includes('package.json created');
  });
  // VS Code shows the tab of a file that it was told to create only after a while, and saves nothing before that.
  await user.until('package.json on disk', async () => {
    await user.saveAll();
    return user.disk('package.json') === '{ "name": "shop" }\n';
  });
  expect(user.disk('Makefile') === files.Makefile, `Makefile on disk is ${JSON.stringify(user.disk('Makefile'))}`);
}
