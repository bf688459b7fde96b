// Writes the server's settings into package.json, out of `stepwright schema config`: `node scripts/settings.mjs PROGRAM [--check]`.
// With --check nothing is written, and the exit status is 1 if package.json is out of date.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const file = join(dirname(dirname(fileURLToPath(import.meta.url))), 'package.json');
// Of the extension, written by hand.
const OWN = /^stepwright\.(server|trace)\./;
// The server takes these from the user's own file alone, since a folder can change settings, and says so in their descriptions.
const USERS_ALONE = /Only in the user's own file\.$/;
// From settings it would run only in folders that are listed in the user's own file; who has that file writes it there.
const LEFT_OUT = ['check'];

function settings(schema, name = 'stepwright', inherited = '') {
  const group = schema.type === 'object' && schema.properties;
  if (!group) return [[name, setting(schema, inherited)]];
  return Object.entries(schema.properties)
    .filter(([key, inner]) => name !== 'stepwright' || !(LEFT_OUT.includes(key) || USERS_ALONE.test(inner.description ?? '')))
    .flatMap(([key, inner]) => settings(inner, `${name}.${key}`, schema.description));
}

// A made-up default would look like a value: the defaults are the server's. Nothing is written as null, or as no text, for which the
// settings editor has fields.
function setting({ type, enum: values, pattern, default: _, description = undefined, ...rest }, inherited) {
  const common = { markdownDescription: description ?? inherited, scope: 'window', ...rest };
  if (type === 'array') return { type, default: [], ...common };
  if (type !== 'string') return { type: [type, 'null'], default: null, ...common };
  const choice = values ? { enum: ['', ...values], enumItemLabels: ['as configured', ...values] } : {};
  return { type, default: '', ...choice, ...(pattern ? { pattern: `^$|${pattern}` } : {}), ...common };
}

const [program, check] = process.argv.slice(2);
if (!program) throw new Error('usage: node scripts/settings.mjs PROGRAM [--check]');
const schema = JSON.parse(execFileSync(program, ['schema', 'config'], { encoding: 'utf8' }));
const before = readFileSync(file, 'utf8');
const manifest = JSON.parse(before);
const own = Object.entries(manifest.contributes.configuration.properties).filter(([name]) => OWN.test(name));
manifest.contributes.configuration.properties = Object.fromEntries([...own, ...settings(schema)]);
const after = JSON.stringify(manifest, undefined, 2) + '\n';
if (check !== '--check') {
  writeFileSync(file, after);
} else if (after !== before) {
  console.error('package.json has other settings than `stepwright schema config`: run `npm run settings -- PROGRAM`');
  process.exit(1);
}
