// Plays scenarios in a real VS Code, one test each, and says which of them went as expected:
// node run.mjs --stepwright PROGRAM --vsix FILE --code FOLDER --out FOLDER [SCENARIO...]
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Code } from './code.mjs';
import { User } from './user.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const text = { type: 'string' };
const { values: options, positionals } = parseArgs({ allowPositionals: true, options: { stepwright: text, vsix: text, code: text, out: text } });
const { chromium } = createRequire(join(options.code, 'package.json'))('playwright-core');
const out = resolve(options.out);
rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });

const code = new Code({
  folder: mkdtempSync(join(tmpdir(), 'stepwright-')),
  code: resolve(options.code),
  stepwright: resolve(options.stepwright),
  log: join(out, 'code-server.log'),
});
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run',
    '--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1'],
});

async function play(name) {
  const started = Date.now();
  const { about, files = {}, replies = [], config, settings = {}, play } = await import(join(HERE, 'scenarios', `${name}.mjs`));
  const workspace = join(code.folder, 'workspaces', name);
  write(workspace, files);
  code.replies(replies);
  writeFileSync(code.environment.STEPWRIGHT_CONFIG, config ?? replayed(join(code.folder, 'replay.json')));
  code.settings(settings);
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  const newUser = async (as) => new User({ page: await context.newPage(), code, workspace, out, name: as });
  const user = await newUser(name);
  const problems = [];
  const expect = (condition, problem) => { if (!condition) problems.push(problem); };
  try {
    await play({ user, expect, code, newUser });
  } catch (error) {
    problems.push(error.message);
    await user.shot('stuck').catch(() => {});
  }
  await context.close();
  if (problems.length > 0) problems.push(`see ${join(out, name)}-*`);
  console.log(`${problems.length > 0 ? 'FAIL' : 'ok  '} ${name}: ${about} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
  for (const problem of problems) console.log(`       ${problem}`);
  return problems.length === 0;
}

function write(folder, files) {
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
}

/** The user's configuration: the scenario's replies are the model's. */
function replayed(path) {
  return `[roles]\nmain = "replay/any"\nfast = "replay/any"\n[providers.replay]\nwire = "replay"\npath = ${JSON.stringify(path)}\n`;
}

let passed = 0;
let failed = 0;
try {
  await code.install(resolve(options.vsix));
  await code.start();
  const all = readdirSync(join(HERE, 'scenarios')).map((file) => file.replace(/\.mjs$/, ''));
  for (const name of positionals.length > 0 ? positionals : all) {
    if (await play(name)) passed++;
    else failed++;
  }
} finally {
  await browser.close();
  rmSync(join(out, 'logs'), { recursive: true, force: true });
  try { code.keepLogs(join(out, 'logs')); } catch { /* it never started */ }
  await code.stop();
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
