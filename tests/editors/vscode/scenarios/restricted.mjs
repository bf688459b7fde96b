export const about = 'A folder that isn\'t trusted: workflows work, and neither its program path, nor its workflows, nor its check command are used';

export const files = {
  'store.py': 'LIMIT = 3\n',
  '.vscode/settings.json': '{ "stepwright.server.path": "/nowhere/evil", "stepwright.presets": [{ "id": "doc", "title": "Document it", "workflow": "auto", "instruction": "Add docs." }] }\n',
  '.stepwright/workflows/evil.toml': 'title = "Evil for {{file}}"\noffer = "file"\n[[steps]]\ndo = "chat"\nmodule = "Evil"\nrole = "main"\nprompt = "{{files}}"\n',
  '.stepwright/config.toml': '[check]\ncommand = ["touch", "pwned"]\n',
};

export const settings = { 'security.workspace.trust.enabled': true, 'security.workspace.trust.startupPrompt': 'never' };

export const replies = [
  { match: 'Summarize', reply: 'Raised.' },
  { match: 'path="store.py"', reply: '```python\nLIMIT = 4\n```' },
];

export async function play({ user, expect }) {
  await user.openWindow();
  await user.page.getByText('Restricted Mode is intended for safe code browsing').waitFor();
  await user.open('store.py');
  // The preset comes by settings that the extension gives to the server, and shows that those are read.
  const titles = await user.menuWith('Document it');
  expect(!titles.some((title) => title.includes('Evil')), `the folder's workflow is offered: ${titles}`);
  await user.shot('restricted');
  await user.pick('Auto-process store.py');
  await user.answer('Auto', 'Raise the limit.');
  await user.seeLine('LIMIT = 4');
  expect(user.disk('pwned') === undefined, 'the check command ran');
}
