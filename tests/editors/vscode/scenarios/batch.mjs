export const about = 'Several files selected in the explorer: one instruction for each, one fails, only that one is retried';

export const files = {
  'a.py': 'def a():\n    return 1\n',
  'b.py': 'def b():\n    return 2\n',
  'lib/c.py': 'def c():\n    return 3\n',
  'other.py': 'def other():\n    return 0\n',
};

const documented = (name, number) => `def ${name}():\n    """Gives ${number}."""\n    return ${number}\n`;

export const replies = [
  { match: 'Summarize', reply: 'Two files were documented, one failed.' },
  { match: 'path="a.py"', reply: '```python\n' + documented('a', 1) + '```', delay_ms: 1500 },
  { match: 'path="b.py"', reply: "I'm sorry, but I can't help with that." },
  { match: 'path="lib/c.py"', reply: '```python\n' + documented('c', 3) + '```', delay_ms: 8000 },
];

export async function play({ user, expect, code }) {
  await user.openWindow();
  await user.waitForServer();
  await user.row('lib').click();
  await user.explorerMenu(['a.py', 'b.py', 'c.py'], 'Auto-process with stepwright');
  await user.answer('Auto', 'Add docstrings.');
  await user.showRuns();
  await user.runRow('Process lib/c.py').waitFor();
  await user.shot('running');
  await user.see('Auto finished');
  await user.shot('finished');
  const rows = await user.runRows();
  expect(rows.some((row) => row.startsWith('Auto') && row.includes('1 failed')), `the run doesn't say that one file failed: ${rows}`);
  expect(rows.some((row) => row.includes('a.py') && row.includes('changed')), `no changed file in the view: ${rows}`);
  // The model has come to its senses.
  code.replies([{ match: 'Summarize', reply: 'One file was documented.' }, { match: 'path="b.py"', reply: '```python\n' + documented('b', 2) + '```' }]);
  await user.press('Auto finished', 'Retry Failed');
  await user.until('a second run in the view', async () => (await user.runRows()).filter((row) => /^Auto finished/.test(row)).length === 2);
  await user.shot('retried');
  await user.saveAll();
  for (const [file, text] of [['a.py', documented('a', 1)], ['b.py', documented('b', 2)], ['lib/c.py', documented('c', 3)], ['other.py', files['other.py']]]) {
    expect(user.disk(file) === text, `${file} on disk is ${JSON.stringify(user.disk(file))}`);
  }
}
