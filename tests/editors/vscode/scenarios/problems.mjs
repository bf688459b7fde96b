import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const about = 'No program, another program, a too old one: each is said with what to do, and a corrected setting starts the server at once';

const naming = (path) => JSON.stringify({ 'stepwright.server.path': path });

export const files = { 'store.py': 'LIMIT = 3\n', '.vscode/settings.json': naming('/nowhere/stepwright') };

export async function play({ user, expect, code }) {
  const set = (path) => writeFileSync(join(user.workspace, '.vscode/settings.json'), naming(path));
  await user.openWindow();
  await user.see('names `/nowhere/stepwright`, which is no program here');
  await user.shot('missing');
  const warns = await user.page.locator('[id="stepwright.stepwright.stepwright"].warning-kind').count();
  expect(warns === 1, 'the status bar shows no warning');
  // Without a server the commands say why.
  await user.clearToasts();
  await user.palette('stepwright: Run Workflow…');
  await user.see('which is no program here');
  await user.clearToasts();
  const program = join(code.folder, 'bin/another');
  for (const [says, expected] of [['cat (GNU coreutils) 9.1', 'is another program'], ['stepwright 0.0.9', 'is version 0.0.9, and this extension needs 0.1.0']]) {
    writeFileSync(program, `#!/bin/sh\necho '${says}'\n`);
    chmodSync(program, 0o755);
    set(program);
    await user.see(expected);
    await user.shot('refused');
    await user.clearToasts();
    set('/nowhere/stepwright');
    await user.see('which is no program here');
    await user.clearToasts();
  }
  set('');
  await user.waitForServer();
  await user.until('no warning in the status bar', async () => (await user.page.locator('[id="stepwright.stepwright.stepwright"].warning-kind').count()) === 0);
  await user.shot('started');
  await user.open('store.py');
  await user.menuWith('Write tests for store.py');
}
