import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { LineOutput } from './line-output.ts';

test('lines are gathered, and written when the event loop is free', async () => {
  const writes: string[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      writes.push(String(chunk));
      done();
    },
  });
  const output = new LineOutput(stream);
  assert.equal(output.line('one'), undefined);
  assert.equal(output.line('two'), undefined);
  assert.deepEqual(writes, []);
  await nextTurn();
  await nextTurn();
  assert.deepEqual(writes, ['one\ntwo\n']);
  output.line('three');
  await output.flush();
  await output.flush();
  assert.deepEqual(writes, ['one\ntwo\n', 'three\n']);
});

test('a slow stream is waited for', async () => {
  let release: (() => void) | undefined;
  const stream = new Writable({
    write(_chunk, _encoding, done) {
      release = done;
    },
  });
  const output = new LineOutput(stream);
  const full = output.line('x'.repeat(100_000));
  assert.ok(full !== undefined);
  let done = false;
  void full.then(() => {
    done = true;
  });
  await nextTurn();
  assert.equal(done, false);
  release!();
  await full;
});

test('a reader that left is no error, anything else is', async () => {
  const failing = (code: string): Writable =>
    new Writable({
      write(_chunk, _encoding, done) {
        done(Object.assign(new Error(code), { code }));
      },
    });
  const left = new LineOutput(failing('EPIPE'));
  left.line('one');
  await left.flush();
  await nextTurn();
  assert.equal(left.closed, true);
  left.line('two');
  await left.flush();

  const full = new LineOutput(failing('ENOSPC'));
  full.line('one');
  await nextTurn();
  await nextTurn();
  assert.equal(full.closed, true);
  await assert.rejects(full.flush(), { code: 'ENOSPC' });
});
