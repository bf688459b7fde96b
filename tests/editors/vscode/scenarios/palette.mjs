export const about = 'From the palette: a workflow, a model, an instruction; the conversation opens, and its reply can be sent along later. An untitled document is worked on like a file';

export const files = { 'store.py': 'LIMIT = 3\n' };

export const replies = [
  { match: 'What is the limit?', reply: 'The limit is three.' },
  { match: 'One item a line.', reply: '- apples\n- pears\n' },
  { match: 'Summarize', reply: 'Listed.' },
];

export async function play({ user, expect }) {
  await user.openWindow();
  await user.open('store.py');
  await user.menuWith('Chat about store.py');
  await user.page.keyboard.press('Escape');
  await user.palette('stepwright: Run Workflow with Model');
  const workflows = await user.choices('write-pages');
  expect(workflows.length === 5 && workflows[0].includes('Chat about store.py'), `the workflows are ${workflows}`);
  await user.shot('workflows');
  await user.choose('Chat about store.py');
  const models = await user.choices('the role for planning and writing');
  expect(models.some((model) => model.includes('planning and writing: replay')), `the models are ${models}`);
  await user.shot('models');
  await user.choose('the role for planning and writing');
  await user.answer('Chat', 'What is the limit?');
  await user.seeLine('The limit is three.');
  await user.seeLine('## you');
  await user.shot('conversation');
  await user.clearToasts();
  await user.palette('stepwright: Run Workflow with Model');
  await user.choose('chat');
  await user.choose('the role for planning and writing');
  const messages = await user.choices('m1');
  expect(messages.some((message) => message.includes('The limit is three.')), `the messages are ${messages}`);
  await user.shot('messages');
  await user.page.keyboard.press('Escape');
  await user.palette('File: New Untitled Text File');
  await user.page.keyboard.type('apples, pears');
  await user.pick('Auto-process');
  await user.answer('Auto', 'One item a line.');
  await user.seeLine('- pears');
  await user.shot('untitled');
}
