import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Surroundings, find, judge } from '../src/binary';

function look(around: Partial<Surroundings>, ...programs: string[]) {
  const found = find({
    setting: undefined,
    extensionFolder: '/ext',
    workspaceFolder: '/w',
    home: '/home/me',
    environment: { PATH: '/usr/local/bin:/usr/bin:relative:' },
    platform: 'linux',
    isProgram: (file) => programs.includes(file),
    ...around,
  });
  return 'program' in found ? found.program : found.problem;
}

test('the setting comes first, then the extension, then PATH', () => {
  const all = ['/opt/sw', '/ext/bin/stepwright', '/usr/bin/stepwright'];
  assert.equal(look({ setting: '/opt/sw' }, ...all), '/opt/sw');
  assert.equal(look({ setting: ' ' }, ...all), '/ext/bin/stepwright');
  assert.equal(look({}, '/usr/bin/stepwright'), '/usr/bin/stepwright');
  assert.equal(look({ setting: '~/bin/sw' }, '/home/me/bin/sw'), '/home/me/bin/sw');
  assert.equal(look({ setting: '${workspaceFolder}/target/sw' }, '/w/target/sw'), '/w/target/sw');
  assert.equal(look({ setting: 'sw-nightly' }, '/usr/bin/sw-nightly'), '/usr/bin/sw-nightly');
  assert.equal(look({ platform: 'win32', environment: { Path: 'C:\\tools' } }, 'C:\\tools\\stepwright.exe'), 'C:\\tools\\stepwright.exe');
});

test('what isn\'t there is said with what to do', () => {
  assert.match(look({ setting: '/opt/sw' }, '/usr/bin/stepwright'), /stepwright\.server\.path names `\/opt\/sw`.*correct the setting/);
  assert.match(look({}), /not on PATH; install it/);
  // A folder of the workspace must not be searched because PATH has a relative entry.
  assert.match(look({}, 'relative/stepwright', 'stepwright'), /not on PATH/);
});

test('versions', () => {
  assert.equal(judge('/p', 'stepwright 0.1.0\n'), undefined);
  assert.equal(judge('/p', 'stepwright 0.12.3 (abc)\n'), undefined);
  assert.match(judge('/p', 'stepwright 0.0.9\n') ?? '', /version 0\.0\.9, and this extension needs 0\.1\.0 or newer/);
  assert.match(judge('/p', 'stepwright 1.0.0\n') ?? '', /update the extension/);
  assert.match(judge('/p', 'cat (GNU coreutils) 9.1\nmore') ?? '', /another program \(it says "cat \(GNU coreutils\) 9\.1"\)/);
  assert.match(judge('/p', '') ?? '', /another program; correct/);
});
