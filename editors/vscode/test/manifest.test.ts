import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { COMMANDS } from '../src/protocol';

const manifest = JSON.parse(readFileSync('package.json', 'utf8'));
const sources = readFileSync('src/commands.ts', 'utf8');

test('the extension\'s commands have names of their own, and all of them exist', () => {
  const declared: string[] = manifest.contributes.commands.map(({ command }: { command: string }) => command);
  assert.ok(declared.every((command) => command.startsWith('stepwright.ui.')), 'a command of the server would keep the client from starting');
  assert.ok(Object.values(COMMANDS).every((command) => !declared.includes(command)));
  for (const command of declared) assert.match(sources, new RegExp(`\\b${command.replace('stepwright.ui.', '')}: `), command);
  const menus = Object.values(manifest.contributes.menus).flat() as { command: string }[];
  for (const { command } of menus) assert.ok(declared.includes(command), command);
});

test('no registry is named in the lock file', () => {
  const lock = readFileSync('package-lock.json', 'utf8');
  assert.doesNotMatch(lock, /"resolved"/);
});

test('no key, endpoint or model is a setting', () => {
  const names = Object.keys(manifest.contributes.configuration.properties);
  assert.ok(names.length > 8);
  assert.deepEqual(names.filter((name) => /\.(providers|roles|models|trust|check)\b|key|url/.test(name)), []);
});
