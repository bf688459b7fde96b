import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const about = 'A program of the right version that ends at once is said once, with its log; a repaired one starts by "Try Again"';

const naming = (path) => JSON.stringify({ 'stepwright.server.path': path });

export const files = { 'store.py': 'LIMIT = 3\n', '.vscode/settings.json': naming('') };

export async function play({ user, expect, code }) {
  const program = join(code.folder, 'bin/crashing');
  const script = (lsp) => {
    writeFileSync(program, `#!/bin/sh\n[ "$1" = --version ] && echo 'stepwright 0.1.0' && exit\n${lsp}\n`);
    chmodSync(program, 0o755);
  };
  script('echo "no disk left" >&2; exit 3');
  writeFileSync(join(user.workspace, '.vscode/settings.json'), naming(program));
  await user.openWindow();
  await user.see('as a language server; see its log');
  await user.shot('ended');
  expect((await user.page.locator('.notification-toast').count()) === 1, 'it is said more than once');
  script(`exec '${code.program}' "$@"`);
  await user.press('as a language server', 'Try Again');
  await user.waitForServer();
  await user.open('store.py');
  await user.menuWith('Write tests for store.py');
}
