import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Inspected, explicit } from '../src/settings';

function settings(set: Record<string, Inspected>) {
  return explicit(Object.keys(set), (key) => set[key]);
}

test('only what somebody set is sent, the nearest first', () => {
  assert.deepEqual(
    settings({
      'stepwright.server.path': { globalValue: '/bin/sw' },
      'stepwright.trace.server': { globalValue: 'verbose' },
      'stepwright.marker': { globalValue: 'AI', workspaceValue: 'BOT' },
      'stepwright.limits.concurrency': { globalValue: 2, workspaceValue: 3, workspaceFolderValue: 4 },
      'stepwright.limits.max-pages': {},
      'stepwright.limits.idle-timeout': { globalValue: '' },
      'stepwright.limits.max-cost-per-run': { globalValue: 1, workspaceValue: null },
      'stepwright.summary': { globalValue: false },
      'stepwright.presets': { workspaceValue: [] },
    }),
    { marker: 'BOT', limits: { concurrency: 4 }, summary: false, presets: [] },
  );
  assert.deepEqual(settings({}), {});
});
