import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readCaptureFile } from 'etherconn/capture';
import type { FrameMemory } from 'etherconn/link';
import { Recorder } from './recorder.ts';
import { fileTarget, ringTarget } from './targets.ts';

const folder = mkdtempSync(join(tmpdir(), 'etherconn-'));
after(() => rmSync(folder, { recursive: true }));

const buffer = new ArrayBuffer(2048);
const memory = {
  buffer,
  u8: new Uint8Array(buffer),
  u16: new Uint16Array(buffer),
  u32: new Uint32Array(buffer),
} as unknown as FrameMemory;
const counters = () => ({ accepted: 0, dropped: 0 });
const options = { interfaceName: 'eth0', snapLength: 262_144 };

/** Numbers of frames in a file: their last four bytes. */
async function numbersIn(path: string): Promise<number[]> {
  const numbers: number[] = [];
  for await (const { data } of readCaptureFile(path))
    numbers.push(new DataView(data.buffer, data.byteOffset + data.length - 4).getUint32(0));
  return numbers;
}

function record(recorder: Recorder, number: number): void {
  new DataView(buffer).setUint32(2 + 1000 - 4, number);
  recorder.frame(memory, 2, 1000, 1000, number, 0, false);
}

test('what the file is too slow for is counted, and the file stays readable', async () => {
  const path = join(folder, 'slow.pcapng');
  const recorder = new Recorder({ ...options, target: fileTarget(path) }, counters);
  // Without a turn of the event loop nothing is written: more than all buffers hold.
  const count = 40_000;
  for (let i = 0; i < count; i++) record(recorder, i);
  assert.ok(recorder.lost > 0);
  assert.equal(recorder.frames + recorder.lost, count);
  await recorder.end();
  assert.equal(recorder.error, null);
  assert.deepEqual(
    await numbersIn(path),
    Array.from({ length: recorder.frames }, (_, i) => i),
  );
  assert.equal(recorder.bytes, statSync(path).size);
});

test('a ring keeps the newest files, each readable by itself', async () => {
  const ring = join(folder, 'ring');
  const { mkdirSync } = await import('node:fs');
  mkdirSync(ring);
  const target = ringTarget(join(ring, 'trace.pcapng'), 3);
  const recorder = new Recorder({ ...options, target, ringSize: 100_000 }, counters);
  for (let i = 0; i < 1000; i++) {
    record(recorder, i);
    if (i % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await recorder.end();
  assert.equal(recorder.lost, 0);
  const files = readdirSync(ring).sort();
  assert.equal(files.length, 3);
  assert.ok(recorder.files > 8, `${recorder.files}`);
  assert.equal(files.at(-1), `trace-${String(recorder.files).padStart(5, '0')}.pcapng`);
  const numbers: number[] = [];
  for (const file of files) {
    assert.ok(statSync(join(ring, file)).size < 103_000);
    numbers.push(...(await numbersIn(join(ring, file))));
  }
  const first = numbers[0]!;
  assert.ok(first > 0);
  assert.deepEqual(
    numbers,
    Array.from({ length: 1000 - first }, (_, i) => first + i),
  );
});

test('when writing fails it is told once, and frames are counted as lost', async () => {
  const recorder = new Recorder({ ...options, target: fileTarget('/dev/full') }, counters);
  let told = 0;
  recorder.onError = () => told++;
  for (let i = 0; i < 5000; i++) record(recorder, i);
  await recorder.end();
  assert.equal((recorder.error as NodeJS.ErrnoException).code, 'ENOSPC');
  assert.equal(told, 1);
});
