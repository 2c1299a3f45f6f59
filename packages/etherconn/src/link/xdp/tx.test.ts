import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { eventually } from '../../test-support/eventually.ts';
import { SimulatedXsk } from '../../test-support/simulated-xsk.ts';
import { auditChunks } from './audit.ts';
import { type TxSocket, XdpTx } from './tx.ts';
import { Umem } from './umem.ts';

const SIZE = 16;
const CHUNK = 2048;
const MAX_FRAME = 1522;

interface BenchOptions {
  maxFrameLength?: number;
  start?: number;
  socket?: Partial<TxSocket>;
}

/** A sender over simulated rings, with 16 chunks to send from. */
class Bench {
  readonly umem = new Umem(SIZE, CHUNK);
  readonly xsk: SimulatedXsk;
  readonly tx: XdpTx;
  readonly refusals: number[] = [];
  rooms = 0;

  constructor({ maxFrameLength = MAX_FRAME, start = 0, socket = {} }: BenchOptions = {}) {
    this.xsk = new SimulatedXsk(this.umem, SIZE, { start });
    this.tx = new XdpTx(
      this.umem,
      this.xsk.tx,
      this.xsk.completion,
      { first: 0, count: SIZE },
      maxFrameLength,
      {
        copyMode: true,
        needWakeup: true,
        kick: () => this.xsk.kick(),
        refused: (errno) => this.refusals.push(errno),
        ...socket,
      },
    );
    this.tx.onRoom = () => {
      this.rooms++;
    };
  }

  write(mark: number, length = 60): boolean {
    const offset = this.tx.reserve(length);
    if (offset < 0) return false;
    this.umem.memory.u8.fill(mark, offset, offset + length);
    this.tx.commit(offset, length);
    return true;
  }

  get marks(): number[] {
    return this.xsk.sent.map((frame) => frame[0]);
  }

  audit(): void {
    auditChunks(this.umem, [{ ...this.xsk, ringSize: 0 }], this.tx.accounts());
  }
}

test('frames leave in order, once, and their chunks come back', () => {
  for (const start of [0, 0x7ffffff0, 0xfffffff0]) {
    const bench = new Bench({ start });
    let mark = 0;
    for (let round = 0; round < 10; round++) {
      for (let i = 0; i < 11; i++) assert.ok(bench.write(mark++ & 255, 60 + i));
      assert.equal(bench.tx.flush(), 11);
      assert.equal(bench.tx.flush(), 0);
      bench.audit();
    }
    assert.deepEqual(
      bench.marks,
      Array.from({ length: 110 }, (_, i) => i),
    );
    assert.deepEqual(
      [bench.tx.txFrames, bench.tx.txBytes, bench.tx.txErrors, bench.tx.txNoRoom],
      [110, 10 * (11 * 60 + 55), 0, 0],
    );
  }
});

test('nothing is published before flush, and one kick takes what a kick can take', () => {
  const bench = new Bench();
  for (let i = 0; i < 12; i++) bench.write(i);
  assert.equal(bench.xsk.kicks, 0);
  bench.xsk.budget = 5;
  assert.equal(bench.tx.flush(), 12);
  assert.equal(bench.xsk.kicks, 3);
  assert.equal(bench.xsk.sent.length, 12);
});

test('slots: 2 modulo 4, distinct, cancelled in any order; what is no reserved slot is refused', () => {
  const bench = new Bench();
  const slots = Array.from({ length: SIZE }, () => bench.tx.reserve(MAX_FRAME));
  assert.ok(slots.every((offset) => offset % 4 === 2));
  assert.equal(new Set(slots.map((offset) => Math.floor(offset / CHUNK))).size, SIZE);
  assert.equal(bench.tx.reserve(60), -1);
  assert.equal(bench.tx.txNoRoom, 1);
  for (const wrong of [slots[0] + 4, slots[0] - 2, -2, SIZE * CHUNK + 2, Number.NaN]) {
    assert.throws(() => bench.tx.commit(wrong, 60), RangeError);
    assert.throws(() => bench.tx.cancel(wrong), RangeError);
  }
  for (const length of [13, MAX_FRAME + 1, Number.NaN]) {
    assert.throws(() => bench.tx.commit(slots[0], length), RangeError);
  }
  assert.throws(() => bench.tx.reserve(MAX_FRAME + 1), RangeError);
  assert.throws(() => bench.tx.reserve(Number.NaN), RangeError);
  for (const offset of [slots[5], slots[0], ...slots.slice(6), ...slots.slice(1, 5)]) bench.tx.cancel(offset);
  assert.throws(() => bench.tx.cancel(slots[5]), RangeError);
  assert.throws(() => bench.tx.commit(slots[5], 60), RangeError);
  bench.audit();
  assert.equal(bench.tx.accounts().freeSlots.length, SIZE);
});

test('completions are taken before reserve fails', () => {
  const bench = new Bench();
  bench.xsk.completesAtOnce = false;
  for (let i = 0; i < SIZE; i++) assert.ok(bench.write(i));
  bench.tx.flush();
  assert.equal(bench.tx.reserve(60), -1);
  bench.xsk.complete(3);
  for (let i = 0; i < 3; i++) assert.ok(bench.tx.reserve(60) >= 0);
  assert.equal(bench.tx.reserve(60), -1);
  bench.tx.stop();
});

test('a full kernel: what waits goes in order as soon as there is room, and onRoom comes from the event loop', async () => {
  const bench = new Bench();
  bench.xsk.room = 4;
  for (let i = 0; i < SIZE; i++) assert.ok(bench.write(i));
  assert.equal(bench.write(99), false);
  assert.equal(bench.tx.flush(), SIZE);
  assert.deepEqual([bench.xsk.sent.length, bench.rooms], [4, 0]);
  assert.ok(bench.tx.retry.armed);
  await turn();
  assert.equal(bench.rooms, 1);
  bench.xsk.room = Number.POSITIVE_INFINITY;
  await eventually('all sent', () => bench.xsk.sent.length === SIZE);
  assert.deepEqual(bench.marks, [...Array(SIZE).keys()]);
  await eventually('nothing to try any more', () => !bench.tx.retry.armed);
  bench.audit();
});

test('onRoom comes when only completions were missing', async () => {
  const bench = new Bench();
  bench.xsk.completesAtOnce = false;
  for (let i = 0; i < SIZE; i++) bench.write(i);
  bench.tx.flush();
  assert.equal(bench.write(1), false);
  await turn();
  assert.equal(bench.rooms, 0);
  bench.xsk.complete();
  await eventually('room', () => bench.rooms === 1);
  assert.equal(bench.tx.accounts().freeSlots.length, SIZE);
  await eventually('quiet', () => !bench.tx.retry.armed);
});

test('slots that are only reserved are not waited for by a timer', async () => {
  const bench = new Bench();
  const slots = Array.from({ length: SIZE }, () => bench.tx.reserve(60));
  assert.equal(bench.tx.reserve(60), -1);
  assert.equal(bench.tx.retry.armed, false);
  bench.tx.cancel(slots[3]);
  assert.equal(bench.rooms, 0);
  await turn();
  assert.equal(bench.rooms, 1);
});

test('frames that the interface drops are errors, and hold nothing up', () => {
  for (const drops of [1, 2, 7]) {
    const bench = new Bench();
    for (let i = 0; i < 7; i++) bench.write(i, 60 + i);
    bench.xsk.drops = drops;
    bench.tx.flush();
    const left = [0, 1, 2, 3, 4, 5, 6].slice(drops);
    assert.deepEqual(bench.marks, left);
    assert.deepEqual(
      [bench.tx.txFrames, bench.tx.txErrors, bench.tx.txBytes],
      [left.length, drops, left.reduce((sum, i) => sum + 60 + i, 0)],
    );
    assert.ok(bench.write(9));
    bench.tx.flush();
    assert.equal(bench.marks.at(-1), 9);
    assert.equal(bench.tx.accounts().freeSlots.length, SIZE);
    bench.audit();
  }
});

test('a drop after frames of the same kick were sent', () => {
  const bench = new Bench();
  for (let i = 0; i < 3; i++) bench.write(i, 100);
  bench.tx.flush();
  let kicks = 0;
  const kick = bench.xsk.kick.bind(bench.xsk);
  bench.xsk.kick = () => {
    bench.xsk.budget = 2;
    if (++kicks === 2) bench.xsk.drops = 1;
    return kick();
  };
  for (let i = 0; i < 5; i++) bench.write(10 + i, 61 + i);
  bench.tx.flush();
  assert.deepEqual(bench.marks, [0, 1, 2, 10, 11, 13, 14]);
  assert.deepEqual([bench.tx.txFrames, bench.tx.txErrors, bench.tx.txBytes], [7, 1, 300 + 61 + 62 + 64 + 65]);
});

test('down: what is committed is given up, flush takes nothing; up: it goes on', async () => {
  const bench = new Bench();
  bench.write(1);
  bench.tx.setUp(false);
  assert.deepEqual([bench.tx.txErrors, bench.tx.accounts().freeSlots.length], [1, SIZE]);
  bench.write(2);
  bench.write(3);
  assert.equal(bench.tx.flush(), 0);
  assert.deepEqual([bench.tx.txErrors, bench.xsk.sent.length, bench.tx.txFrames], [3, 0, 0]);
  bench.tx.setUp(true);
  bench.write(4);
  assert.equal(bench.tx.flush(), 1);
  assert.deepEqual(bench.marks, [4]);
  bench.audit();
  bench.tx.stop();
});

test('an errno that is not "again" is reported; the frames wait', async () => {
  const bench = new Bench();
  bench.xsk.room = 0;
  bench.xsk.errno = -100;
  bench.write(1);
  assert.equal(bench.tx.flush(), 1);
  assert.deepEqual(bench.refusals, [-100]);
  for (const errno of [-11, -105, -12]) {
    bench.xsk.errno = errno;
    bench.tx.flush();
  }
  assert.deepEqual(bench.refusals, [-100]);
  bench.xsk.room = 10;
  bench.tx.flush();
  assert.deepEqual(bench.marks, [1]);
  bench.tx.stop();
});

test('hardware that sends by itself is kicked only when it asks for it', () => {
  const bench = new Bench({ socket: { copyMode: false } });
  bench.write(1);
  bench.tx.flush();
  assert.equal(bench.xsk.kicks, 0);
  bench.xsk.setNeedsWakeup('tx', true);
  bench.write(2);
  bench.tx.flush();
  assert.equal(bench.xsk.kicks, 1);
  const always = new Bench({ socket: { copyMode: false, needWakeup: false } });
  always.write(1);
  always.tx.flush();
  assert.equal(always.xsk.kicks, 1);
  for (const { tx } of [bench, always]) tx.stop();
});

test('stop: what was not sent is an error, nothing can be reserved, late calls do no harm', () => {
  const bench = new Bench();
  bench.xsk.room = 2;
  const late = bench.tx.reserve(60);
  for (let i = 0; i < 5; i++) bench.write(i, 70);
  bench.tx.flush();
  bench.write(9);
  bench.tx.stop();
  assert.deepEqual([bench.tx.txFrames, bench.tx.txErrors, bench.tx.txBytes], [2, 4, 140]);
  assert.equal(bench.tx.reserve(60), -1);
  bench.tx.commit(late, 60);
  bench.tx.cancel(late);
  assert.equal(bench.tx.flush(), 0);
  bench.tx.stop();
  assert.equal(bench.tx.txErrors, 4);
});

test('chunks that were not sent are not taken back', () => {
  const bench = new Bench();
  bench.xsk.putCompleted(5 * CHUNK);
  bench.xsk.putCompleted(100 * CHUNK);
  bench.xsk.putCompleted(0, 1);
  bench.write(1);
  bench.tx.flush();
  assert.equal(bench.tx.invalidCompletions, 3);
  assert.equal(bench.tx.accounts().freeSlots.length, SIZE);
  bench.audit();
});

test('long frames go as descriptors of adjacent chunks', () => {
  const bench = new Bench({ maxFrameLength: 5000 });
  assert.equal(bench.tx.accounts().freeSlots.length, 5);
  for (const length of [14, 60, CHUNK - 2, CHUNK - 1, 2 * CHUNK - 2, 2 * CHUNK - 1, 5000]) {
    const offset = bench.tx.reserve(length);
    assert.equal(offset % 4, 2);
    for (let i = 0; i < length; i++) bench.umem.memory.u8[offset + i] = (i * 7 + length) & 255;
    bench.tx.commit(offset, length);
    assert.equal(bench.tx.flush(), 1);
    const frame = bench.xsk.sent.at(-1)!;
    assert.equal(frame.length, length);
    assert.ok(frame.every((byte, i) => byte === ((i * 7 + length) & 255)));
    bench.audit();
  }
  assert.equal(bench.tx.accounts().freeSlots.length, 5);
  bench.xsk.drops = 1;
  bench.write(1, 5000);
  bench.write(2, 3000);
  const { txFrames, txBytes } = bench.tx;
  bench.tx.flush();
  assert.deepEqual(
    [bench.tx.txErrors, bench.tx.txFrames - txFrames, bench.tx.txBytes - txBytes],
    [1, 1, 3000],
  );
  bench.tx.setUp(false);
  bench.write(3, 5000);
  assert.equal(bench.tx.flush(), 0);
  assert.equal(bench.tx.txErrors, 2);
  assert.equal(bench.tx.accounts().freeSlots.length, 5);
  bench.xsk.room = 0;
  bench.tx.setUp(true);
  bench.write(4, 5000);
  bench.tx.flush();
  bench.tx.stop();
  assert.equal(bench.tx.txErrors, 3);
});

test('whatever is reserved, committed, cancelled, completed: no chunk is lost, order holds', () => {
  const step = fc.record({
    action: fc.constantFrom('reserve', 'commit', 'cancel', 'flush', 'complete'),
    pick: fc.nat(100),
    length: fc.integer({ min: 14, max: 4500 }),
  });
  fc.assert(
    fc.property(
      fc.boolean(),
      fc.constantFrom(0, 0x7ffffffe, 0xfffffff7),
      fc.nat(6),
      fc.array(step, { maxLength: 150 }),
      (long, start, drops, steps) => {
        const bench = new Bench({ start, maxFrameLength: long ? 4500 : MAX_FRAME });
        bench.xsk.completesAtOnce = false;
        bench.xsk.budget = 3;
        const reserved: number[] = [];
        let committed = 0;
        for (const { action, pick, length } of steps) {
          const most = long ? length : Math.min(length, MAX_FRAME);
          if (action === 'reserve') {
            const offset = bench.tx.reserve(most);
            if (offset >= 0) reserved.push(offset);
          } else if (action === 'flush') {
            bench.xsk.room = pick % 20;
            bench.tx.flush();
          } else if (action === 'complete') {
            bench.xsk.complete(pick % 10);
          } else if (reserved.length > 0) {
            const [offset] = reserved.splice(pick % reserved.length, 1);
            if (action === 'cancel') {
              bench.tx.cancel(offset);
            } else {
              bench.umem.memory.view.setUint32(offset, committed++);
              bench.tx.commit(offset, most);
            }
          }
          bench.audit();
        }
        for (const offset of reserved) bench.tx.cancel(offset);
        bench.xsk.room = Number.POSITIVE_INFINITY;
        bench.xsk.drops = drops;
        bench.tx.flush();
        bench.xsk.complete();
        bench.tx.flush();
        const { txFrames, txErrors } = bench.tx;
        assert.equal(txFrames, bench.xsk.sent.length);
        assert.equal(txFrames + txErrors, committed);
        assert.equal(
          bench.tx.txBytes,
          bench.xsk.sent.reduce((sum, { length }) => sum + length, 0),
        );
        const order = bench.xsk.sent.map((frame) => Buffer.from(frame).readUInt32BE());
        assert.deepEqual(
          order,
          [...order].sort((a, b) => a - b),
        );
        assert.equal(bench.tx.accounts().freeSlots.length, long ? 5 : SIZE);
        bench.tx.stop();
      },
    ),
    { numRuns: 500 },
  );
});
