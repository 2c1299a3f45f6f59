import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type Batch, VirtualClock } from 'etherconn';
import { LinkType, PcapWriter } from 'etherconn/capture';
import { Delta } from '../metrics/delta.ts';
import { Arrivals } from './arrivals.ts';
import { FrameSource, type FrameSourceOptions } from './frame-source.ts';
import { Pace, type PacePlan } from './pace.ts';
import { Rewriter } from './rewrite.ts';

const folder = mkdtempSync(join(tmpdir(), 'etherconn-'));
after(() => rmSync(folder, { recursive: true }));

const rewriter = new Rewriter({ macs: [], stripVlans: false, vlans: [], ips: [], fixChecksums: false });

function frame(number: number, length = 60): Uint8Array {
  const bytes = new Uint8Array(length);
  new DataView(bytes.buffer).setUint32(14, number);
  return bytes;
}

function capture(name: string, packets: Parameters<PcapWriter['write']>[0][], linkType = 1): string {
  const chunks: Uint8Array[] = [];
  const writer = new PcapWriter((bytes) => chunks.push(Uint8Array.from(bytes)), {
    resolution: 'nanosecond',
    linkType,
  });
  for (const packet of packets) writer.write(packet);
  const path = join(folder, name);
  writeFileSync(path, Buffer.concat(chunks));
  return path;
}

function sourceOf(file: string, options: Partial<FrameSourceOptions> = {}, pace?: PacePlan): FrameSource {
  return new FrameSource({
    file,
    rewriter,
    pace: new Pace(pace ?? { kind: 'recorded', speed: 1 }),
    loops: 1,
    count: Number.POSITIVE_INFINITY,
    ...options,
  });
}

/** Numbers and times of all frames. */
async function all(source: FrameSource): Promise<[number, number][]> {
  await source.begin();
  const frames: [number, number][] = [];
  for (;;) {
    const next = source.peek();
    if (next !== undefined) {
      frames.push([new DataView(next.data.buffer, next.data.byteOffset).getUint32(14), next.due]);
      source.shift();
    } else if (source.ended) return frames;
    else await new Promise(setImmediate);
  }
}

const MS = 1_000_000n;
const START = 1_700_000_000_000n * MS;

test('frames are due as recorded, faster, at a rate, or at once; passes follow one another', async () => {
  const packets = [0n, 10n, 30n, 20n, 40n].map((at, i) => ({ timestamp: START + at * MS, data: frame(i) }));
  const file = capture('times.pcap', packets);
  const due = async (pace?: PacePlan, options?: Partial<FrameSourceOptions>): Promise<number[]> =>
    (await all(sourceOf(file, options, pace))).map(([, time]) => time);
  assert.deepEqual(await due(), [0, 10, 30, 30, 40]);
  assert.deepEqual(await due({ kind: 'recorded', speed: 4 }), [0, 2.5, 7.5, 7.5, 10]);
  assert.deepEqual(await due(undefined, { loops: 2 }), [0, 10, 30, 30, 40, 50, 60, 80, 80, 90]);
  assert.deepEqual(await due({ kind: 'rate', rate: { value: 500, unit: 'pps' } }), [0, 2, 4, 6, 8]);
  // 64 bytes with FCS are 512 bits.
  assert.deepEqual(await due({ kind: 'rate', rate: { value: 512_000, unit: 'bps' } }), [0, 1, 2, 3, 4]);
  assert.deepEqual(await due({ kind: 'max' }), [0, 0, 0, 0, 0]);
  assert.deepEqual(
    (await all(sourceOf(file, { loops: Number.POSITIVE_INFINITY, count: 7 }))).map(([number]) => number),
    [0, 1, 2, 3, 4, 0, 1],
  );
});

test('what cannot be sent is skipped with its reason', async () => {
  const cut = { timestamp: START, data: frame(1), originalLength: 1000 };
  const file = capture('skip.pcap', [
    cut,
    { timestamp: START, data: frame(2) },
    cut,
    { timestamp: START, data: new Uint8Array(10) },
  ]);
  const source = sourceOf(file, { select: () => false });
  assert.deepEqual(await all(source), []);
  assert.deepEqual(Object.fromEntries(source.skipped), {
    'truncated in the capture': 2,
    'not selected': 1,
    'no Ethernet frame': 1,
  });
});

test('IP packets without Ethernet need addresses', async () => {
  const packet = Uint8Array.of(0x45, ...new Uint8Array(19));
  const file = capture('raw.pcap', [{ timestamp: START, data: packet }], LinkType.RAW);
  const without = sourceOf(file);
  assert.deepEqual(await all(without), []);
  assert.deepEqual(Object.fromEntries(without.skipped), { 'no Ethernet frame': 1 });
  const ethernet = Uint8Array.from([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0, 0]);
  const source = sourceOf(file, { ethernet });
  await source.begin();
  assert.equal(Buffer.from(source.peek()!.data).toString('hex', 0, 15), '020000000002020000000001080045');
  await source.close();
});

test('reading stops ahead of what is sent: memory has a limit', async () => {
  const count = 30_000;
  const file = capture(
    'long.pcap',
    Array.from({ length: count }, (_, i) => ({ timestamp: START, data: frame(i) })),
  );
  const source = sourceOf(file, { loops: Number.POSITIVE_INFINITY });
  await source.begin();
  for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setTimeout(resolve, 2));
  assert.equal(source.read, 8192);
  const big = capture(
    'big.pcap',
    Array.from({ length: 1000 }, (_, i) => ({ timestamp: START, data: frame(i, 60_000) })),
  );
  const bigSource = sourceOf(big);
  await bigSource.begin();
  for (let turn = 0; turn < 100 && bigSource.read < 140; turn++)
    await new Promise((resolve) => setTimeout(resolve, 2));
  assert.equal(bigSource.read, 140);
  await Promise.all([source.close(), bigSource.close()]);
  assert.equal((await all(sourceOf(file))).length, count);
});

/** A batch of received frames. */
function batchOf(frames: readonly Uint8Array[]): Batch {
  let at = -1;
  const batch = {
    next: () => ++at < frames.length,
    get u8() {
      return frames[at]!;
    },
    frameOffset: 0,
    get frameLength() {
      return frames[at]!.length;
    },
  };
  return batch as unknown as Batch;
}

test('arrivals: loss, duplicates, order, and equal frames one by one', () => {
  const clock = new VirtualClock();
  const arrivals = new Arrivals(clock, clock.now());
  for (let i = 0; i < 10; i++) arrivals.sent(frame(i), 0);
  for (let i = 0; i < 3; i++) arrivals.sent(frame(77), 0);
  arrivals.sent(frame(88, 50), 0);
  const padded = new Uint8Array(60);
  padded.set(frame(88, 50));
  arrivals.onBatch(
    batchOf([
      frame(0),
      frame(5),
      frame(2),
      frame(2),
      frame(1000),
      frame(77),
      frame(77),
      frame(77),
      frame(77),
      padded,
    ]),
  );
  const delta = new Delta();
  arrivals.counters(delta);
  assert.deepEqual(Object.fromEntries(delta.counters), {
    expected: 14,
    received: 7,
    receivedBytes: 7 * 64,
    duplicates: 2,
    reordered: 1,
    foreign: 1,
  });
  assert.equal(arrivals.furthest, 3);
});

test('arrivals: more frames than are remembered', () => {
  const clock = new VirtualClock();
  const arrivals = new Arrivals(clock, clock.now());
  const equal = frame(1);
  const total = 300_000;
  for (let i = 0; i < total; i++) {
    arrivals.sent(i % 3 === 0 ? equal : frame(i), 0);
    // Every tenth is lost; a few come late.
    if (i % 10 !== 0) arrivals.onBatch(batchOf([i % 3 === 0 ? equal : frame(i)]));
  }
  arrivals.onBatch(batchOf([frame(10), frame(299_990), frame(299_990)]));
  const delta = new Delta();
  arrivals.counters(delta);
  assert.equal(delta.get('expected'), total);
  // Frame 10 is not remembered any more.
  assert.equal(delta.get('received'), 270_001);
  assert.deepEqual([delta.get('foreign'), delta.get('duplicates')], [1, 1]);
});
