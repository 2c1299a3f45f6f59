import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, type TestContext, test } from 'node:test';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { Link, LinkStats } from '../link/link.ts';
import { vlanKey } from '../wire/vlan.ts';
import {
  BROADCAST,
  LinkProbe,
  STATION_A,
  STATION_B,
  sendFrame,
  sequenceOf,
  TEST_ETHERTYPE,
  testFrame,
} from './link-probe.ts';

/** Two links on one wire, just opened, not started. */
export interface LinkPair {
  readonly a: Link;
  readonly b: Link;
  /** Another link on b's interface, where several can be there. */
  readonly beside?: Link;
  /** A link on a third interface of the segment, where there can be one. */
  readonly third?: Link;
  /** Resolves when what has been sent so far has (very probably) arrived. */
  settle(): Promise<void>;
  /** Puts any bytes on the wire towards b, also those that no link would send. */
  inject?(frame: Uint8Array): void;
  /** Takes the wire away; the links are closed already. */
  dispose?(): Promise<void> | void;
}

/** Options of {@link linkConformance}. */
export interface LinkConformanceOptions {
  /** Frames of the test of order. Default 5000. */
  frames?: number;
  /** Shortest frame that arrives as it was sent; shorter ones may be padded up to it. Default 14. */
  unpaddedLength?: number;
  /** Nobody else sends on the wire: the counters are compared exactly. Default false. */
  quietWire?: boolean;
  /** The link's memory is mapped: its views must read as detached once it is closed. Default false. */
  mappedMemory?: boolean;
  /**
   * URL of a module whose export `makePair` makes such pairs: for the tests in a child process of what keeps a
   * process alive. It must not register tests. Without it they are skipped.
   */
  module?: string;
  /** What `makePair` of the module is called with; must fit JSON. Default: nothing. */
  moduleArguments?: readonly unknown[];
  /** A started link does not keep the process alive before its `ref` is called. Default false. */
  unreferenced?: boolean;
  /** Why all of it is skipped here (no privilege, say). */
  skip?: string | false;
}

/** Test frames wait for this long (milliseconds) before a test is given up: slow machines have to pass, too. */
const PATIENCE = 30_000;

/**
 * Registers the tests that every {@link Link} has to pass. Other frames on the wire do not disturb them.
 */
export function linkConformance(
  name: string,
  makePair: () => Promise<LinkPair> | LinkPair,
  options: LinkConformanceOptions = {},
): void {
  const unpadded = options.unpaddedLength ?? 14;

  /** Registers one test: it gets a fresh pair with probes, which afterwards must have seen no violation. */
  function check(title: string, body: (bench: Bench, t: TestContext) => Promise<void>): void {
    test(title, { skip: options.skip ?? false, timeout: 4 * PATIENCE }, async (t) => {
      const bench = new Bench(await makePair());
      try {
        await body(bench, t);
        await bench.pair.settle();
        for (const probe of bench.probes) assert.deepEqual(probe.faults, []);
      } finally {
        await bench.close();
      }
    });
  }

  describe(`link conformance: ${name}`, { concurrency: false }, () => {
    check('says what it is', async ({ a, b }) => {
      for (const link of [a, b]) {
        assert.equal(link.hardwareAddress.length, 6);
        assert.ok(link.maxFrameLength >= link.mtu + 14);
        assert.equal(link.closed, false);
        const info = link.info();
        assert.equal(info.kind, link.kind);
        assert.equal(info.interfaceName, link.interfaceName);
        assert.equal(info.mtu, link.mtu);
        assert.match(info.hardwareAddress, /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/);
        assert.ok(Number.isFinite(link.clock.now()));
      }
    });

    check('frames arrive, both ways', async (bench) => {
      const { a, b, probeA, probeB } = bench.start();
      await bench.sendAll(a, [testFrame(STATION_B, STATION_A, 1, 100)]);
      await bench.until(() => probeB.count === 1, 'the frame from a');
      await bench.sendAll(b, [testFrame(STATION_A, STATION_B, 2, 100)]);
      await bench.until(() => probeA.count === 1, 'the frame from b');
      assert.deepEqual(probeB.frames, [testFrame(STATION_B, STATION_A, 1, 100)]);
      assert.deepEqual(probeA.frames, [testFrame(STATION_A, STATION_B, 2, 100)]);
    });

    check('frames of every length keep their bytes', async (bench) => {
      const { a, probeB } = bench.start();
      // What a link allows beyond that is for VLAN tags only, which these frames do not have.
      const lengths = boundaryLengths(Math.min(a.maxFrameLength, a.mtu + 14));
      const frames = lengths.map((length, index) => testFrame(STATION_B, STATION_A, index, length));
      await bench.sendAll(a, frames);
      await bench.until(() => probeB.count === frames.length, 'all lengths');
      for (const [index, sent] of frames.entries()) {
        const received = probeB.frames[index]!;
        if (sent.length >= unpadded) assert.equal(received.length, sent.length);
        assert.deepEqual(received.subarray(0, sent.length), sent, `${sent.length} bytes`);
        assert.ok(
          received.subarray(sent.length).every((byte) => byte === 0),
          'padding is zero',
        );
      }
    });

    check('thousands of frames arrive in order', async (bench) => {
      const { a, probeB } = bench.start();
      const count = options.frames ?? 5000;
      const frames = Array.from({ length: count }, (_, index) =>
        testFrame(STATION_B, STATION_A, index, 60 + (index % 40)),
      );
      await bench.sendAll(a, frames);
      await bench.until(() => probeB.count + probeB.faults.length >= count, `${count} frames`);
      assert.deepEqual(
        probeB.sequences,
        frames.map((_, index) => index),
      );
    });

    check('slots do not overlap, are aligned, and a full queue has room again', async (bench) => {
      const { a, probeB } = bench.start();
      const before = a.stats().txNoRoom;
      const slots = reserveAll(a, 100);
      assert.ok(slots.length > 0);
      assert.equal(a.tx.reserve(60), -1);
      assert.ok(a.stats().txNoRoom > before);
      assert.deepEqual(
        slots.filter((offset) => offset % 4 !== 2),
        [],
      );
      const sorted = [...slots].sort((x, y) => x - y);
      for (const [index, offset] of sorted.entries()) {
        const next = sorted[index + 1] ?? a.tx.memory.u8.length + 2;
        // Two bytes before a slot may be overwritten by its writer.
        assert.ok(offset + 100 <= next - 2, `slots at ${offset} and ${next}`);
      }
      let rooms = 0;
      let inCall = true;
      let roomInCall = false;
      a.tx.onRoom = () => {
        rooms++;
        roomInCall ||= inCall;
      };
      for (const [index, offset] of slots.entries()) {
        a.tx.memory.u8.set(testFrame(STATION_B, STATION_A, index, 100), offset);
        a.tx.commit(offset, 100);
      }
      a.tx.flush();
      inCall = false;
      await bench.until(() => rooms > 0, 'onRoom');
      assert.equal(roomInCall, false, 'onRoom comes from the event loop');
      const more = Array.from({ length: 100 }, (_, index) =>
        testFrame(STATION_B, STATION_A, slots.length + index, 100),
      );
      a.tx.onRoom = null;
      await bench.sendAll(a, more);
      const total = slots.length + more.length;
      await bench.until(() => probeB.count === total, 'all frames');
      assert.deepEqual(
        probeB.sequences,
        Array.from({ length: total }, (_, index) => index),
      );
    });

    check('onRoom comes when a cancel makes room, too', async (bench) => {
      const { a } = bench.start();
      const slots = reserveAll(a, 60);
      assert.equal(a.tx.reserve(60), -1);
      let rooms = 0;
      a.tx.onRoom = () => {
        rooms++;
      };
      a.tx.cancel(slots[0]!);
      assert.equal(rooms, 0);
      await bench.until(() => rooms > 0, 'onRoom');
      const again = a.tx.reserve(60);
      assert.ok(again >= 0);
      for (const offset of [again, ...slots.slice(1)]) a.tx.cancel(offset);
    });

    check('no slot leaks, whatever is cancelled', async (bench) => {
      const { a, probeB } = bench.start();
      const capacity = releaseAll(a, reserveAll(a, 60));
      let sequence = 0;
      for (let round = 0; round < 5; round++) {
        let slots: number[] = [];
        // Slots that were sent come back when the interface is done with them.
        await bench.until(() => {
          slots = slots.concat(reserveAll(a, 60));
          return slots.length >= capacity;
        }, `all ${capacity} slots in round ${round}`);
        assert.equal(slots.length, capacity);
        const mixed = slots.map((offset, index) => ({ offset, index }));
        mixed.sort((x, y) => ((x.index * 7919 + round) % 101) - ((y.index * 7919 + round) % 101));
        for (const { offset, index } of mixed) {
          if (index % 2 === 0) {
            a.tx.cancel(offset);
          } else {
            a.tx.memory.u8.set(testFrame(STATION_B, STATION_A, sequence++, 60), offset);
            a.tx.commit(offset, 60);
          }
        }
        a.tx.flush();
        await bench.until(() => probeB.count === sequence, `${sequence} frames`);
      }
      assert.deepEqual(
        probeB.sequences,
        Array.from({ length: sequence }, (_, index) => index),
      );
    });

    check('what is too long is refused', async (bench) => {
      const { a, probeB } = bench.start();
      const before = a.stats();
      assert.throws(() => a.tx.reserve(a.maxFrameLength + 1), RangeError);
      assert.throws(() => a.tx.reserve(2 ** 31), RangeError);
      const offset = a.tx.reserve(a.maxFrameLength);
      assert.ok(offset >= 0);
      a.tx.cancel(offset);
      assert.equal(a.tx.flush(), 0);
      await bench.pair.settle();
      assert.equal(probeB.count, 0);
      assert.equal(a.stats().txFrames, before.txFrames);
    });

    check('a frame may be shorter than its slot', async (bench) => {
      const { a, probeB } = bench.start();
      const frame = testFrame(STATION_B, STATION_A, 3, 80);
      const offset = a.tx.reserve(a.maxFrameLength);
      a.tx.memory.u8.fill(0xee, offset, offset + a.maxFrameLength);
      a.tx.memory.u8.set(frame, offset);
      a.tx.commit(offset, 80);
      assert.equal(a.tx.flush(), 1);
      await bench.until(() => probeB.count === 1, 'the frame');
      assert.deepEqual(probeB.frames, [frame]);
    });

    check('the two bytes before a slot belong to its writer', async (bench) => {
      const { a, probeB } = bench.start();
      const slots = [a.tx.reserve(60), a.tx.reserve(60), a.tx.reserve(60)].filter((offset) => offset >= 0);
      for (const [index, offset] of slots.entries()) {
        a.tx.memory.u8.set(testFrame(STATION_B, STATION_A, index, 60), offset);
      }
      for (const offset of slots) a.tx.memory.u16[(offset - 2) >> 1] = 0xdead;
      for (const offset of slots) a.tx.commit(offset, 60);
      a.tx.flush();
      await bench.until(() => probeB.count === slots.length, 'the frames');
      for (const [index, frame] of probeB.frames.entries()) {
        assert.deepEqual(frame, testFrame(STATION_B, STATION_A, index, 60));
      }
    });

    check('nothing leaves before it is flushed; flush says how many', async (bench) => {
      const { a, probeB } = bench.start();
      let sent = 0;
      while (sent < 3 && sendFrame(a, testFrame(STATION_B, STATION_A, sent, 60))) sent++;
      assert.ok(sent > 0);
      await bench.pair.settle();
      assert.equal(probeB.count, 0);
      assert.equal(a.tx.flush(), sent);
      assert.equal(a.tx.flush(), 0);
      await bench.until(() => probeB.count === sent, 'the frames');
    });

    check('deliveries do not come from inside of calls', async (bench) => {
      const { a, b, probeA, probeB } = bench.start();
      let sentA = 0;
      let sentB = 0;
      for (let index = 0; index < 50; index++) {
        probeA.calling = true;
        probeB.calling = true;
        if (sendFrame(a, testFrame(STATION_B, STATION_A, index, 60))) sentA++;
        a.tx.flush();
        if (sendFrame(b, testFrame(STATION_A, STATION_B, index, 60))) sentB++;
        b.tx.flush();
        probeA.calling = false;
        probeB.calling = false;
      }
      assert.ok(sentA > 0 && sentB > 0);
      await bench.until(() => probeA.count === sentB && probeB.count === sentA, 'all frames');
    });

    check('a receiver may send from inside frame() and end()', async (bench) => {
      const { a, b, probeA, probeB } = bench.start();
      const rounds = 200;
      probeB.onFrame = (memory, offset, length) => {
        const sequence = sequenceOf(memory.u8.subarray(offset, offset + length));
        sendFrame(b, testFrame(STATION_A, STATION_B, sequence, length));
        b.tx.flush();
      };
      probeA.onEnd = () => {
        if (probeA.count >= rounds) return;
        sendFrame(a, testFrame(STATION_B, STATION_A, probeA.count, 64));
        a.tx.flush();
      };
      await bench.sendAll(a, [testFrame(STATION_B, STATION_A, 0, 64)]);
      await bench.until(() => probeA.count >= rounds, 'the last round');
      assert.deepEqual(probeA.sequences.slice(0, rounds), [...Array(rounds).keys()]);
    });

    check('all frames of a batch stay valid until its end', async (bench) => {
      const { a, b, probeB } = bench.start();
      probeB.keep = false;
      const batch: { view: Uint8Array; sequence: number }[] = [];
      let checked = 0;
      probeB.onFrame = (memory, offset, length) => {
        const view = memory.u8.subarray(offset, offset + length);
        batch.push({ view, sequence: sequenceOf(view) });
        // Traffic in the other direction must not touch them.
        if (sendFrame(b, testFrame(STATION_A, STATION_B, 0, length))) b.tx.flush();
      };
      probeB.onEnd = () => {
        for (const { view, sequence } of batch.splice(0)) {
          assert.deepEqual(
            Array.from(view),
            Array.from(testFrame(STATION_B, STATION_A, sequence, view.length)),
          );
          checked++;
        }
      };
      const frames = Array.from({ length: 500 }, (_, index) => testFrame(STATION_B, STATION_A, index, 300));
      await bench.sendAll(a, frames);
      await bench.until(() => checked === frames.length, 'all frames');
    });

    check('start delivers what arrived since open, and comes once', async (bench) => {
      const { a, b, probeA, probeB } = bench;
      a.start(probeA);
      bench.steer();
      await bench.sendAll(
        a,
        [0, 1, 2].map((index) => testFrame(STATION_B, STATION_A, index, 60)),
      );
      await bench.pair.settle();
      probeB.calling = true;
      b.start(probeB);
      probeB.calling = false;
      await bench.until(() => probeB.count === 3, 'the frames from before');
      assert.deepEqual(probeB.sequences, [0, 1, 2]);
      assert.throws(() => b.start(probeB));
    });

    check('a receiver may close the link inside frame()', async (bench) => {
      const { a, b, probeB } = bench.start();
      let ended = 0;
      let closing: Promise<void> | null = null;
      probeB.onFrame = (memory, offset) => {
        closing = b.close();
        assert.equal(b.closed, true);
        assert.equal(memory.u8[offset + 12], TEST_ETHERTYPE >> 8, 'valid until the end');
        assert.equal(b.tx.reserve(60), -1);
      };
      probeB.onEnd = () => {
        ended++;
      };
      await bench.sendAll(
        a,
        Array.from({ length: 40 }, (_, index) => testFrame(STATION_B, STATION_A, index, 60)),
      );
      await bench.until(() => ended > 0, 'the end of the batch');
      await closing;
      await bench.pair.settle();
      assert.equal(probeB.count, 1);
      assert.equal(ended, probeB.batches);
      assert.deepEqual(probeB.errors, []);
      await b.close();
    });

    check('closing during traffic stops it at once', async (bench) => {
      const { a, b, probeB } = bench.start();
      const frames = Array.from({ length: 64 }, (_, index) => testFrame(STATION_B, STATION_A, index, 60));
      await bench.sendAll(a, frames);
      await bench.until(() => probeB.count > 0, 'traffic');
      const reserved = b.tx.reserve(60);
      const open = reserveAll(a, 60);
      for (const frame of frames) sendFrame(a, frame);
      await b.close();
      assert.equal(b.closed, true);
      const seen = probeB.count;
      for (const offset of open) a.tx.cancel(offset);
      await bench.sendAll(a, frames);
      await bench.pair.settle();
      assert.equal(probeB.count, seen);
      // What is still in other hands does no harm.
      assert.equal(b.tx.reserve(60), -1);
      if (reserved >= 0) b.tx.commit(reserved, 60);
      b.tx.cancel(2);
      assert.equal(b.tx.flush(), 0);
      b.ref();
      b.unref();
      assert.equal(typeof b.stats().rxFrames, 'number');
      assert.equal(b.info().kind, b.kind);
      await b.close();
      await b.close();
    });

    check('a link can be closed before it was started', async ({ a, b }) => {
      await a.close();
      assert.equal(a.closed, true);
      assert.equal(a.tx.reserve(60), -1);
      await b.close();
    });

    check('views read as detached after close', async (bench, t) => {
      if (options.mappedMemory !== true) {
        t.skip("this link's memory is not mapped");
        return;
      }
      const { a, b, probeB } = bench.start();
      const received: Uint8Array[] = [];
      probeB.onFrame = (memory) => {
        received.push(memory.u8);
      };
      await bench.sendAll(a, [testFrame(STATION_B, STATION_A, 0, 60)]);
      await bench.until(() => received.length > 0, 'a frame');
      const memory = b.tx.memory;
      await b.close();
      for (const view of [memory.u8, memory.u16, memory.u32, received[0]!]) assert.equal(view.length, 0);
    });

    check('two links on one interface both receive, and one outlives the other', async (bench, t) => {
      const beside = bench.pair.beside;
      if (beside === undefined) {
        t.skip('only one such link fits on an interface');
        return;
      }
      const { a, b, probeB } = bench.start();
      const probe = bench.add(beside, STATION_B);
      await bench.sendAll(a, [testFrame(STATION_B, STATION_A, 0, 60)]);
      await bench.until(() => probe.count === 1 && probeB.count === 1, 'the frame on both');
      await b.close();
      await bench.sendAll(a, [testFrame(STATION_B, STATION_A, 1, 60)]);
      await bench.until(() => probe.count === 2, 'the frame on the one that is left');
      assert.deepEqual(probe.sequences, [0, 1]);
      assert.deepEqual(probeB.sequences, [0]);
    });

    check('group frames reach everybody but their sender', async (bench) => {
      const { a, probeA, probeB } = bench.start();
      const third = bench.pair.third;
      const probe = third === undefined ? null : bench.add(third, STATION_B);
      const frames = [
        testFrame(BROADCAST, STATION_A, 0, 60),
        testFrame(Uint8Array.of(1, 0, 0x5e, 0, 0, 0xfb), STATION_A, 1, 60),
      ];
      await bench.sendAll(a, frames);
      await bench.until(() => probeB.count === 2 && (probe?.count ?? 2) === 2, 'both frames');
      await bench.pair.settle();
      assert.deepEqual(probeB.frames, frames);
      assert.equal(probeA.count, 0);
    });

    check('the counters add up', async (bench) => {
      const { a, b, probeB } = bench.start();
      const count = 700;
      const before = { a: a.stats(), b: b.stats() };
      const frames = Array.from({ length: count }, (_, index) =>
        testFrame(STATION_B, STATION_A, index, 60 + (index % 100)),
      );
      const bytes = frames.reduce((sum, frame) => sum + frame.length, 0);
      await bench.sendAll(a, frames);
      await bench.until(() => {
        const now = b.stats();
        return probeB.count + (now.rxDropped - before.b.rxDropped) >= count;
      }, 'every frame received or counted as dropped');
      const sent = difference(a.stats(), before.a);
      const received = difference(b.stats(), before.b);
      assert.equal(sent.txFrames, count);
      assert.equal(sent.txBytes, bytes);
      assert.equal(sent.txErrors, 0);
      assert.ok(received.wakeups > 0);
      assert.ok(received.rxFrames + received.rxDropped >= count);
      assert.equal(received.rxFrames, probeB.count + probeB.strangers);
      if (options.quietWire === true) {
        assert.equal(received.rxFrames + received.rxDropped, count);
        if (received.rxDropped === 0) assert.equal(received.rxBytes, bytes);
      }
    });

    check('runts and frames that are too long are counted, not delivered whole', async (bench, t) => {
      const inject = bench.pair.inject;
      if (inject === undefined) {
        t.skip('nothing can put such frames on this wire');
        return;
      }
      const { a, b, probeB } = bench.start();
      const before = b.stats();
      const long = testFrame(STATION_B, STATION_A, 1, b.maxFrameLength + 200);
      inject(testFrame(STATION_B, STATION_A, 0, 60).subarray(0, 10));
      inject(long);
      await bench.pair.settle();
      await bench.sendAll(a, [testFrame(STATION_B, STATION_A, 2, 60)]);
      await bench.until(() => probeB.sequences.includes(2), 'the frame after them');
      // An interface may drop them before the link sees them; those that it sees it counts.
      const seen = difference(b.stats(), before);
      const whole = probeB.frames.filter((frame) => frame.length === long.length).length;
      assert.equal(whole, 0);
      if (probeB.sequences.includes(1)) assert.ok(seen.rxOversize > 0);
    });

    check('a flood leaves timers their turn', async (bench) => {
      const { a, b, probeB } = bench.start();
      probeB.keep = false;
      const most = 300_000;
      const frame = testFrame(STATION_B, STATION_A, 0, 60);
      let sent = 0;
      let turns = 0;
      let flooding = true;
      const flood = (): void => {
        while (flooding && sent < most && sendFrame(a, frame)) sent++;
        a.tx.flush();
      };
      a.tx.onRoom = flood;
      probeB.onEnd = flood;
      // A chain of timers: one alone could have come due before the flood began.
      const tick = (): void => {
        turns++;
        if (turns < 5) setTimeout(tick, 1);
        else flooding = false;
      };
      flood();
      setTimeout(tick, 1);
      await bench.until(() => !flooding || sent >= most, 'timers, or the end of the flood');
      assert.equal(flooding, false, `${sent} frames went by and only ${turns} timers fired`);
      assert.equal(b.closed, false);
    });

    for (const [title, unref, alive] of [
      [
        `a started link ${options.unreferenced ? 'does not keep' : 'keeps'} the process alive`,
        '',
        !options.unreferenced,
      ],
      ['an unref()ed link lets the process end', 'pair.b.unref();', false],
      ['a link that was ref()ed again keeps it alive', 'pair.b.unref(); pair.b.ref();', true],
      ['a closed link lets the process end', 'await pair.b.close();', false],
    ] as const) {
      const skip =
        options.skip || (options.module === undefined && 'no module to make a pair in a child process');
      test(title, { skip, timeout: 4 * PATIENCE }, async () => {
        assert.equal(await outlives(options.module!, options.moduleArguments ?? [], unref), alive);
      });
    }
  });
}

/** A pair with its probes. */
class Bench {
  readonly pair: LinkPair;
  readonly a: Link;
  readonly b: Link;
  readonly probeA: LinkProbe;
  readonly probeB: LinkProbe;
  readonly probes: LinkProbe[];

  constructor(pair: LinkPair) {
    this.pair = pair;
    this.a = pair.a;
    this.b = pair.b;
    this.probeA = new LinkProbe(pair.a);
    this.probeB = new LinkProbe(pair.b);
    this.probes = [this.probeA, this.probeB];
  }

  /** Starts both links, listening for the stations. */
  start(): this {
    this.a.start(this.probeA);
    this.b.start(this.probeB);
    this.steer();
    return this;
  }

  steer(): void {
    listenFor(this.a, STATION_A);
    listenFor(this.b, STATION_B);
  }

  /** Starts one more link of the pair, listening for a station. */
  add(link: Link, station: Uint8Array): LinkProbe {
    const probe = new LinkProbe(link);
    link.start(probe);
    listenFor(link, station);
    this.probes.push(probe);
    return probe;
  }

  /** Sends frames in order, waiting for room, and not more at a time than a receive ring holds. */
  async sendAll(link: Link, frames: readonly Uint8Array[]): Promise<void> {
    let burst = 0;
    for (const frame of frames) {
      while (!sendFrame(link, frame)) {
        link.tx.flush();
        await nextTurn();
      }
      if (++burst % 64 === 0) {
        link.tx.flush();
        await nextTurn();
      }
    }
    link.tx.flush();
  }

  /** Waits until something is so, a long time if need be. */
  async until(predicate: () => boolean, what: string): Promise<void> {
    const start = performance.now();
    while (!predicate()) {
      const faults = this.probes.flatMap((probe) => probe.faults);
      assert.deepEqual(faults, []);
      if (performance.now() - start > PATIENCE) {
        const counts = this.probes.map((probe) => probe.count).join(', ');
        const statistics = JSON.stringify([this.a.stats(), this.b.stats()]);
        assert.fail(`waited in vain for ${what}; test frames received: ${counts}; counters: ${statistics}`);
      }
      await sleep(1);
      await this.pair.settle();
    }
  }

  async close(): Promise<void> {
    await this.a.close();
    await this.b.close();
    await this.pair.beside?.close();
    await this.pair.third?.close();
    await this.pair.dispose?.();
  }
}

function listenFor(link: Link, station: Uint8Array): void {
  const bytes = new DataView(station.buffer, station.byteOffset);
  link.steer?.(
    [
      {
        macHigh: bytes.getUint32(0),
        macLow: bytes.getUint16(4),
        vlanKey: vlanKey([]),
        etherTypes: [TEST_ETHERTYPE],
      },
    ],
    [],
    { all: false, group: true },
  );
}

function boundaryLengths(longest: number): number[] {
  const lengths = new Set<number>();
  for (let length = 14; length <= 68; length++) lengths.add(length);
  for (const middle of [127, 128, 129, 255, 256, 257, 511, 512, 513, 1023, 1024, 1025]) lengths.add(middle);
  for (const near of [1500, 1514, 1518, 1522, 2046, 2048, 4096, longest - 1, longest]) lengths.add(near);
  return [...lengths].filter((length) => length <= longest);
}

/** Reserves until there is no room. */
function reserveAll(link: Link, length: number): number[] {
  const slots: number[] = [];
  for (let offset = link.tx.reserve(length); offset >= 0; offset = link.tx.reserve(length)) {
    slots.push(offset);
    assert.ok(slots.length <= 1 << 20, 'reserve never refuses');
  }
  assert.equal(new Set(slots).size, slots.length, 'a slot was given out twice');
  return slots;
}

/** Cancels slots, the last ones first, and says how many they were. */
function releaseAll(link: Link, slots: readonly number[]): number {
  for (const offset of [...slots].reverse()) link.tx.cancel(offset);
  return slots.length;
}

function difference(now: LinkStats, before: LinkStats): LinkStats {
  const result = { ...now };
  for (const key of Object.keys(now) as (keyof LinkStats)[]) result[key] = now[key] - before[key];
  return result;
}

/** Whether a process in which only link b is left (after `statement`) is still there when a timer fires. */
function outlives(module: string, args: readonly unknown[], statement: string): Promise<boolean> {
  const program = `
    const { makePair } = await import(${JSON.stringify(module)});
    const pair = await makePair(...${JSON.stringify(args)});
    const receiver = { begin() {}, frame() {}, end() {}, error() {}, state() {} };
    pair.b.start(receiver);
    await pair.a.close();
    await pair.beside?.close();
    await pair.third?.close();
    ${statement}
    process.on('exit', () => process.stdout.write('ended '));
    setTimeout(() => { process.stdout.write('alive '); process.exit(0); }, 1000).unref();
  `;
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      ['--input-type=module', '--eval', program],
      { timeout: 2 * PATIENCE },
      (error, stdout, stderr) => {
        if (error === null && stdout.includes('ended')) resolve(stdout.includes('alive'));
        else reject(new Error(`the child process failed: ${stderr || error?.message || stdout}`));
      },
    );
  });
}
