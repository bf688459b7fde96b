// Bundles the extension into dist/, and puts the licences beside it; with --tests, each test into dist/test/.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const common = { absWorkingDir: root, bundle: true, platform: 'node', target: 'node20', logLevel: 'warning' };

if (process.argv.includes('--tests')) {
  rmSync(join(root, 'dist/test'), { recursive: true, force: true });
  const tests = readdirSync(join(root, 'test')).map((name) => join('test', name));
  await build({ ...common, entryPoints: tests, outdir: 'dist/test', format: 'esm', outExtension: { '.js': '.mjs' } });
} else {
  // Two bundles, since the client is loaded later.
  const bundle = { ...common, outdir: 'dist', format: 'cjs', minify: true };
  await build({ ...bundle, entryPoints: ['src/extension.ts'], external: ['vscode', './client'] });
  await build({ ...bundle, entryPoints: ['src/client.ts'], external: ['vscode'] });
  const licences = ['LICENSE-MIT', 'LICENSE-APACHE'].map((name) => readFileSync(join(root, '../..', name), 'utf8'));
  writeFileSync(join(root, 'LICENSE.txt'), `MIT or Apache-2.0, as you like.\n\n${licences.join('\n')}`);
}
