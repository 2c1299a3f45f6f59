import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SimulatedXsk } from '../../test-support/simulated-xsk.ts';
import type { FrameMemory, LinkReceiver } from '../link.ts';
import { auditChunks } from './audit.ts';
import { RxQueue, SCRATCH_BYTES } from './rx.ts';
import { XdpTx } from './tx.ts';
import { Umem } from './umem.ts';

const SIZE = 16;
const CHUNK = 2048;

function frame(mark: number, length = 60): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (mark + i * 3) & 255);
}

interface Received {
  readonly queue: number;
  readonly bytes: Uint8Array;
  readonly offset: number;
}

/** A receiver that keeps what it gets, and checks the order of calls. */
class Receiver implements LinkReceiver {
  readonly received: Received[] = [];
  readonly batches: number[] = [];
  onFrame: ((offset: number, length: number) => void) | undefined;
  onEnd: (() => void) | undefined;
  #memory: FrameMemory | undefined;
  #queue = -1;

  begin(memory: FrameMemory, queue: number): void {
    assert.equal(this.#memory, undefined);
    this.#memory = memory;
    this.#queue = queue;
    this.batches.push(0);
  }

  frame(offset: number, length: number, flags: number): void {
    assert.equal(flags, 0);
    this.received.push({
      queue: this.#queue,
      bytes: this.#memory!.u8.slice(offset, offset + length),
      offset,
    });
    this.batches[this.batches.length - 1]++;
    this.onFrame?.(offset, length);
  }

  end(): void {
    assert.notEqual(this.#memory, undefined);
    this.onEnd?.();
    this.#memory = undefined;
  }

  error(): void {}
  state(): void {}

  get bytes(): Uint8Array[] {
    return this.received.map(({ bytes }) => bytes);
  }
}

interface BenchOptions {
  queues?: number;
  maxFrameLength?: number;
  start?: number;
  fillNeedsWakeup?: boolean;
  merged?: boolean;
}

/** Queues with 16 chunks each over simulated rings, and a sender with 16 more on the first. */
class Bench {
  readonly umem: Umem;
  readonly xsks: SimulatedXsk[];
  readonly tx: XdpTx;
  readonly rx: RxQueue[];
  readonly receiver = new Receiver();

  constructor({
    queues = 1,
    maxFrameLength = 1522,
    start = 0,
    fillNeedsWakeup = false,
    merged = false,
  }: BenchOptions = {}) {
    const multiBuffer = merged || maxFrameLength > 1790;
    this.umem = new Umem((queues + 1) * SIZE, CHUNK, multiBuffer ? SCRATCH_BYTES : 0);
    this.xsks = Array.from({ length: queues }, () => new SimulatedXsk(this.umem, SIZE, { start }));
    const [first] = this.xsks;
    this.tx = new XdpTx(
      this.umem,
      first.tx,
      first.completion,
      { first: queues * SIZE, count: SIZE },
      maxFrameLength,
      { copyMode: true, needWakeup: true, kick: () => first.kick(), refused: () => {} },
    );
    const setup = { umem: this.umem, maxFrameLength, multiBuffer, merged };
    this.rx = this.xsks.map((xsk, queue) => {
      if (fillNeedsWakeup) xsk.setNeedsWakeup('fill', true);
      return new RxQueue(queue, setup, xsk.rx, xsk.fill, queue * SIZE, SIZE, () => {
        xsk.wakes++;
      });
    });
  }

  /** Sends a received frame back, out of a slot; false without room. */
  answer(offset: number, length: number): boolean {
    const slot = this.tx.reserve(length);
    if (slot < 0) return false;
    this.umem.memory.u8.copyWithin(slot, offset, offset + length);
    this.tx.commit(slot, length);
    return true;
  }

  drain(queue = 0, budget = 256): number {
    const count = this.rx[queue].drain(this.receiver, budget);
    this.audit();
    return count;
  }

  audit(): void {
    auditChunks(
      this.umem,
      this.xsks.map((xsk) => ({ ...xsk, ringSize: SIZE })),
      this.tx.accounts(),
    );
  }
}

test('frames arrive once, in order, aligned; chunks go round for ever', () => {
  for (const start of [0, 0x7ffffff9, 0xfffffff9]) {
    const bench = new Bench({ start });
    const sent: Uint8Array[] = [];
    for (let round = 0; round < 20; round++) {
      for (let i = 0; i < 1 + (round % SIZE); i++) {
        sent.push(frame(sent.length, 14 + sent.length * 5));
        assert.ok(bench.xsks[0].receive(sent.at(-1)!));
      }
      assert.equal(bench.drain(), 1 + (round % SIZE));
      assert.equal(bench.drain(), 0);
    }
    assert.deepEqual(bench.receiver.bytes, sent);
    assert.ok(bench.receiver.received.every(({ offset }) => offset % 4 === 2));
    assert.equal(bench.rx[0].rxFrames, sent.length);
    assert.equal(
      bench.rx[0].rxBytes,
      sent.reduce((sum, { length }) => sum + length, 0),
    );
    assert.equal(bench.receiver.batches.length, 20);
  }
});

test('a batch is as long as the budget, and the rest waits', () => {
  const bench = new Bench();
  for (let i = 0; i < 10; i++) bench.xsks[0].receive(frame(i));
  assert.deepEqual([bench.drain(0, 4), bench.drain(0, 4), bench.rx[0].ready], [4, 4, true]);
  assert.deepEqual([bench.drain(0, 4), bench.drain(0, 4), bench.rx[0].ready], [2, 0, false]);
  assert.deepEqual(bench.receiver.batches, [4, 4, 2]);
});

test('a full ring drops, and has room again after the batch', () => {
  const bench = new Bench();
  for (let i = 0; i < SIZE + 3; i++) bench.xsks[0].receive(frame(i));
  assert.equal(bench.xsks[0].rxRingFull + bench.xsks[0].fillRingEmpty, 3);
  bench.drain();
  for (let i = 0; i < SIZE; i++) assert.ok(bench.xsks[0].receive(frame(i)));
  bench.drain();
  assert.equal(bench.receiver.received.length, 2 * SIZE);
});

test('queues are told apart and do not mix chunks', () => {
  const bench = new Bench({ queues: 3 });
  for (let i = 0; i < 12; i++) bench.xsks[i % 3].receive(frame(i));
  for (const queue of [2, 0, 1]) assert.equal(bench.drain(queue), 4);
  assert.deepEqual(
    bench.receiver.received.map(({ queue }) => queue),
    [2, 2, 2, 2, 0, 0, 0, 0, 1, 1, 1, 1],
  );
  for (const xsk of bench.xsks) for (let i = 0; i < SIZE; i++) assert.ok(xsk.receive(frame(i)));
});

test('runts are counted, and descriptors that name no chunk of the kernel', () => {
  const bench = new Bench({ maxFrameLength: CHUNK - 258 });
  const [xsk] = bench.xsks;
  xsk.receive(frame(1, 13));
  xsk.receive(frame(2, 14));
  assert.equal(bench.drain(), 2);
  assert.deepEqual([bench.rx[0].rxRunts, bench.rx[0].rxFrames], [1, 1]);
  const ofSender = SIZE * CHUNK + 2;
  for (const address of [ofSender, 2 * SIZE * CHUNK, 0xffffff00]) {
    xsk.putReceived({ address, length: 60, options: 0 });
  }
  bench.drain();
  assert.equal(bench.rx[0].rxInvalid, 3);
  // One that reaches beyond its chunk is not delivered, but its chunk is not lost.
  xsk.receive(frame(3, CHUNK - 258 + 1));
  xsk.receive(frame(4, CHUNK - 258));
  bench.drain();
  assert.deepEqual([bench.rx[0].rxInvalid, bench.rx[0].rxFrames], [4, 2]);
});

test('the driver is woken when it sleeps', () => {
  const bench = new Bench({ fillNeedsWakeup: true });
  assert.equal(bench.xsks[0].wakes, 1);
  bench.xsks[0].receive(frame(1));
  bench.drain();
  assert.equal(bench.xsks[0].wakes, 2);
  bench.drain();
  bench.xsks[0].setNeedsWakeup('fill', false);
  bench.xsks[0].receive(frame(1));
  bench.drain();
  assert.equal(bench.xsks[0].wakes, 2);
});

test('a receiver that throws leaves the rings in order', () => {
  const bench = new Bench();
  for (let i = 0; i < 3; i++) bench.xsks[0].receive(frame(i));
  bench.receiver.onFrame = () => {
    throw new Error('mine');
  };
  assert.throws(() => bench.rx[0].drain(bench.receiver, 256), /mine/);
  bench.audit();
  bench.receiver.onFrame = undefined;
  bench.receiver.onEnd = () => {
    throw new Error('mine, too');
  };
  assert.throws(() => bench.rx[0].drain(bench.receiver, 256), /mine, too/);
  bench.audit();
  assert.equal(bench.receiver.received.length, 3);
});

test('stopped inside of frame: no further frame, but the end', () => {
  const bench = new Bench();
  for (let i = 0; i < 3; i++) bench.xsks[0].receive(frame(i));
  let ends = 0;
  bench.receiver.onFrame = () => {
    bench.tx.stop();
    bench.rx[0].stopped = true;
  };
  bench.receiver.onEnd = () => ends++;
  assert.equal(bench.rx[0].drain(bench.receiver, 256), 1);
  assert.deepEqual([bench.receiver.received.length, ends], [1, 1]);
  assert.equal(bench.rx[0].drain(bench.receiver, 256), 0);
  assert.equal(bench.rx[0].ready, false);
});

test('frames in several chunks arrive in one piece, in order with the others, and can be answered', () => {
  const bench = new Bench({ maxFrameLength: 9022 });
  const [xsk] = bench.xsks;
  const parts = [1790, 1790, 1790, 1790, 900];
  const long = frame(7, 8060);
  bench.receiver.onFrame = (offset, length) => {
    if (length > 2000) assert.ok(bench.answer(offset, length));
  };
  for (let round = 0; round < 10; round++) {
    xsk.receive(frame(1));
    xsk.receive(long, parts);
    xsk.receive(frame(2));
    xsk.receive(long.subarray(0, 1791), [1790, 1]);
    bench.drain();
    bench.tx.flush();
  }
  assert.equal(bench.receiver.received.length, 40);
  assert.deepEqual(bench.receiver.bytes.slice(0, 4), [frame(1), long, frame(2), long.subarray(0, 1791)]);
  assert.ok(bench.receiver.received.every(({ offset }) => offset % 4 === 2));
  assert.deepEqual(bench.receiver.batches, new Array(10).fill(4));
  assert.equal(xsk.sent.length, 10);
  for (const bytes of xsk.sent) assert.deepEqual(new Uint8Array(bytes), long);
});

test('a frame in several chunks waits for its end; one that is too long is counted', () => {
  const bench = new Bench({ maxFrameLength: 4000 });
  const [xsk] = bench.xsks;
  xsk.receive(frame(1, 4001), [1790, 1790, 421]);
  xsk.receive(frame(2, 4000), [1790, 1790, 420]);
  bench.drain();
  assert.deepEqual([bench.rx[0].rxOversize, bench.rx[0].rxFrames], [1, 1]);
  assert.deepEqual(bench.receiver.bytes, [frame(2, 4000)]);
});

/** A frame of TCP behind `tags` VLAN tags, or of UDP. */
function ipFrame(length: number, { tags = 0, version = 4, protocol = 6 } = {}): Uint8Array {
  const bytes = frame(3, length);
  let at = 12;
  for (let i = 0; i < tags; i++, at += 4) bytes.set([i === 0 ? 0x88 : 0x81, i === 0 ? 0xa8 : 0x00, 0, 7], at);
  bytes.set(version === 4 ? [0x08, 0x00] : [0x86, 0xdd], at);
  bytes[at + 2 + (version === 4 ? 9 : 6)] = protocol;
  return bytes;
}

test('merged TCP segments are received whatever the MTU; other frames are not', () => {
  const bench = new Bench({ merged: true });
  const [xsk] = bench.xsks;
  const good = [
    ipFrame(1523),
    ipFrame(1600, { version: 6 }),
    ipFrame(20_000),
    ipFrame(20_000, { tags: 1, version: 6 }),
    ipFrame(25_000, { tags: 2 }),
    ipFrame(1522, { protocol: 17 }),
  ];
  const bad = [
    ipFrame(1523, { protocol: 17 }),
    ipFrame(20_000, { protocol: 17 }),
    ipFrame(20_000, { version: 6, protocol: 17 }),
    ipFrame(20_000, { tags: 3 }),
  ];
  for (const bytes of [...good, ...bad]) {
    const parts = Array.from({ length: Math.ceil(bytes.length / 1790) }, (_, i) =>
      Math.min(1790, bytes.length - i * 1790),
    );
    assert.ok(xsk.receive(bytes, parts));
    assert.equal(bench.drain(), parts.length);
  }
  assert.deepEqual(bench.receiver.bytes, good);
  assert.ok(bench.receiver.received.every(({ offset }) => offset % 4 === 2));
  assert.deepEqual([bench.rx[0].rxOversize, bench.rx[0].rxFrames], [bad.length, good.length]);
});

test('whatever arrives and is answered: no chunk is lost', () => {
  const step = fc.record({
    arrive: fc.nat(20),
    parts: fc.integer({ min: 1, max: 3 }),
    budget: fc.integer({ min: 1, max: 20 }),
    reply: fc.boolean(),
    room: fc.nat(8),
    complete: fc.nat(20),
    queue: fc.nat(1),
  });
  fc.assert(
    fc.property(fc.boolean(), fc.array(step, { maxLength: 40 }), (long, steps) => {
      const bench = new Bench({ queues: 2, maxFrameLength: long ? 5000 : 1522 });
      bench.xsks[0].completesAtOnce = false;
      let sent = 0;
      let replies = 0;
      for (const { arrive, parts, budget, reply, room, complete, queue } of steps) {
        const rx = bench.rx[queue];
        for (let i = 0; i < arrive; i++) {
          const lengths = long ? new Array(parts).fill(700) : [700];
          if (bench.xsks[queue].receive(frame(i, 700 * lengths.length), lengths)) sent++;
        }
        bench.receiver.onFrame = (offset, length) => {
          if (reply && bench.answer(offset, length)) replies++;
        };
        rx.drain(bench.receiver, budget);
        bench.xsks[0].room = room;
        bench.tx.flush();
        bench.xsks[0].complete(complete);
        bench.audit();
      }
      bench.receiver.onFrame = undefined;
      for (const rx of bench.rx) while (rx.drain(bench.receiver, 256) > 0);
      bench.xsks[0].room = 1000;
      bench.tx.flush();
      bench.xsks[0].complete();
      bench.tx.flush();
      bench.audit();
      assert.equal(bench.receiver.received.length, sent);
      assert.equal(bench.xsks[0].sent.length, replies);
      assert.equal(bench.tx.accounts().freeSlots.length, long ? 5 : SIZE);
      bench.tx.stop();
    }),
    { numRuns: 300 },
  );
});

test('a frame that is longer than the interface allows is counted and dropped, in one chunk as well', () => {
  const bench = new Bench({ maxFrameLength: 1522 });
  for (const length of [1522, 1523, 1650, 60]) bench.xsks[0].receive(frame(1, length));
  bench.rx[0].drain(bench.receiver, 64);
  const lengths = bench.receiver.bytes.map(({ length }) => length);
  assert.deepEqual([lengths, bench.rx[0].rxOversize, bench.rx[0].rxFrames], [[1522, 60], 2, 2]);
  bench.audit();
});
