import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Status, StepDescriptor } from '../src/protocol';
import { type Run, Runs, abilities, isOutcome, money, runDetail, stepDetail, stepTitle } from '../src/runs';

function step(step_id: number, status: Status = 'pending', file_name?: string): StepDescriptor {
  return { step_id, module: `Step ${step_id}`, description: '', parameters: file_name ? { file_name } : {}, status };
}

function runs() {
  let changes = 0;
  const runs = new Runs(() => changes++);
  const workflow = (status: Status, ...steps: StepDescriptor[]) =>
    runs.take('workflow', { run: 'r1', workflow: { workflow_name: 'Write Tests Workflow', status, steps } });
  return { runs, workflow, run: () => runs.get('r1') as Run, changes: () => changes };
}

test('a run is shown as its events tell', () => {
  const { runs: all, workflow, run } = runs();
  workflow('pending', step(1), step(2));
  workflow('in-progress', step(1), step(2));
  assert.equal(run().name, 'Write Tests');
  assert.deepEqual(abilities(run()), ['running']);
  all.take('step', { run: 'r1', step_id: 1, status: 'in-progress' });
  all.take('text', { run: 'r1', step_id: 1, text: 'Firs' });
  all.take('text', { run: 'r1', step_id: 1, text: 't.' });
  assert.equal(run().steps[0]?.text, 'First.');
  all.take('step', { run: 'r1', step_id: 1, status: 'finished', response: { text: 'First, really.' }, file_name: 'a.py' });
  assert.equal(runDetail(run()), '1/2');
  assert.deepEqual([stepTitle(run(), run().steps[0]!), stepDetail(run().steps[0]!)], ['1/2 Step 1', 'a.py']);
  // A later descriptor has more steps, and doesn't know what was said.
  workflow('in-progress', step(1, 'finished'), step(2), step(3, 'pending', 'b.py'));
  assert.deepEqual(run().steps.map(({ text, file }) => [text, file]), [['First, really.', 'a.py'], ['', undefined], ['', 'b.py']]);
  all.take('usage', { run: 'r1', input_tokens: 1700, output_tokens: 140, cached_tokens: 0, cost_usd: 0.0123 });
  assert.equal(runDetail(run()), '1/3 · 1.8k tokens · $0.0123');
  all.take('end', { run: 'r1', status: 'finished', summary: 'done', files: [{ uri: 'file:///w/a.py', action: 'pending' }] });
  assert.deepEqual(abilities(run()), ['over', 'waiting']);
  assert.equal(all.cost, 0.0123);
  all.settle(run(), [{ uri: 'file:///w/a.py', action: 'changed' }, { uri: 'file:///w/b.py', action: 'discarded' }]);
  assert.deepEqual(run().files, [{ uri: 'file:///w/a.py', action: 'changed' }]);
  assert.deepEqual(abilities(run()), ['over', 'revertible']);
  all.settle(run(), [{ uri: 'file:///w/a.py', action: 'reverted' }]);
  assert.deepEqual(abilities(run()), ['over']);
});

test('what fits a run that is over', () => {
  const { runs: all, workflow, run } = runs();
  workflow('in-progress', step(1), step(2));
  all.take('step', { run: 'r1', step_id: 1, status: 'error', error: 'the model declined' });
  all.take('end', { run: 'r1', status: 'finished', summary: 'Auto finished', files: [{ uri: 'file:///w/a.py', action: 'changed' }] });
  assert.deepEqual(abilities(run()), ['over', 'revertible']);
  all.setRetryable(run(), true);
  assert.deepEqual(abilities(run()), ['over', 'retryable', 'revertible']);
  assert.equal(runDetail(run()), 'finished, 1 failed');
  assert.equal(stepDetail(run().steps[0]!), 'the model declined');
});

test('a server that is gone interrupts what ran, and a run that is resumed goes on', () => {
  const { runs: all, workflow, run } = runs();
  workflow('in-progress', step(1, 'finished'), step(2, 'streaming'), step(3));
  assert.deepEqual(all.interrupt().map(({ id }) => id), ['r1']);
  assert.deepEqual(run().steps.map(({ status }) => status), ['finished', 'cancelled', 'skipped']);
  assert.deepEqual(abilities(run()), ['over', 'resumable']);
  assert.deepEqual(all.interrupt(), []);
  workflow('in-progress', step(1, 'finished'), step(2), step(3));
  assert.deepEqual(abilities(run()), ['running']);
});

test('events of runs and steps that nobody knows change nothing', () => {
  const { runs: all, workflow, changes } = runs();
  all.take('step', { run: 'r9', step_id: 1, status: 'finished' });
  all.take('text', { run: 'r9', step_id: 1, text: 'x' });
  all.take('end', { run: 'r9', status: 'finished', summary: '' });
  assert.equal(changes(), 0);
  workflow('in-progress', step(1));
  all.take('step', { run: 'r1', step_id: 7, status: 'finished' });
  assert.equal(changes(), 1);
});

test('only so many runs are kept, and none that goes on is dropped', () => {
  const all = new Runs(() => {});
  for (let i = 0; i < 60; i++) {
    const status = i < 5 ? 'in-progress' : 'finished';
    all.take('workflow', { run: `r${i}`, workflow: { workflow_name: 'Auto Workflow', status, steps: [] } });
  }
  assert.equal(all.all.length, 50);
  assert.equal(all.running.length, 5);
  assert.equal(all.all[0]?.id, 'r59');
});

test('the outcome is found although messages are one line and cut', () => {
  const { runs: all, workflow, run } = runs();
  workflow('in-progress');
  const summary = `Auto failed: bad\nanswer ${'x'.repeat(900)}`;
  assert.equal(isOutcome(run(), ''), false);
  all.take('end', { run: 'r1', status: 'error', summary });
  assert.equal(isOutcome(run(), summary.replace('\n', ' ').slice(0, 500) + '…'), true);
  assert.equal(isOutcome(run(), 'Auto failed'), false);
});

test('money', () => {
  for (const [usd, text] of [[0, '$0'], [0.00012, '$0.0001'], [0.5, '$0.5000'], [3.14159, '$3.14'], [null, 'price unknown']] as const) {
    assert.equal(money(usd), text);
  }
});
