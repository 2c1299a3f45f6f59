import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OptionError } from '../../errors.ts';
import { LinkProbe, STATION_A, STATION_B, sendFrame, testFrame } from '../../test-support/link-probe.ts';
import type { VirtualClock } from '../../virtual-clock.ts';
import type { Link } from '../link.ts';
import type { MemoryLink } from '../memory/memory-link.ts';
import { MemoryNetwork } from '../memory/memory-network.ts';
import { type FaultLink, type FaultLinkOptions, faultLink } from './fault-link.ts';

interface Bench {
  clock: VirtualClock;
  /** The link with faults, and the port below it. */
  a: FaultLink;
  port: MemoryLink;
  b: MemoryLink;
  probeA: LinkProbe;
  probeB: LinkProbe;
}

async function bench(
  options: FaultLinkOptions,
  body: (bench: Bench) => Promise<void>,
  txSlots = 128,
): Promise<void> {
  const network = new MemoryNetwork({ time: 'virtual' });
  const port = network.port({ txSlots });
  const a = faultLink(port, options);
  const b = network.port();
  const probeA = new LinkProbe(a);
  const probeB = new LinkProbe(b);
  a.start(probeA);
  b.start(probeB);
  await body({ clock: network.virtualClock, a, port, b, probeA, probeB });
  assert.deepEqual([...probeA.faults, ...probeB.faults], []);
  await a.close();
  await network.close();
}

/** Sends frames numbered from `first`, waiting for room. */
async function send(link: Link, clock: VirtualClock, count: number, first = 0, length = 100): Promise<void> {
  const [target, source] = [STATION_B, STATION_A];
  for (let sequence = first; sequence < first + count; sequence++) {
    while (!sendFrame(link, testFrame(target, source, sequence, length))) {
      link.tx.flush();
      await clock.settle();
    }
  }
  link.tx.flush();
  await clock.settle();
}

const NUMBERS = (count: number): number[] => [...Array(count).keys()];

test('loss, both ways', async () => {
  await bench({ in: { loss: 0.3 }, out: { loss: 0.1 } }, async ({ clock, a, port, b, probeA, probeB }) => {
    await send(a, clock, 1000);
    await send(b, clock, 1000);
    const out = a.impairmentStats('out');
    const into = a.impairmentStats('in');
    assert.equal(out.frames, 1000);
    assert.ok(out.lost > 60 && out.lost < 140);
    assert.ok(into.lost > 240 && into.lost < 360);
    assert.equal(probeB.count, 1000 - out.lost);
    assert.equal(probeA.count, 1000 - into.lost);
    assert.equal(port.stats().txFrames, 1000 - out.lost);
    assert.equal(port.stats().rxFrames, 1000);
    // Lost frames have given their slots back: the flush counts them as taken.
    a.impair({ direction: 'out', loss: 1 });
    sendFrame(a, testFrame(STATION_B, STATION_A, 0, 60));
    assert.equal(a.tx.flush(), 1);
    assert.equal(a.tx.flush(), 0);
  });
});

test('duplicates arrive twice, both ways', async () => {
  await bench({ in: { duplicate: 1 }, out: { duplicate: 1 } }, async ({ clock, a, b, probeA, probeB }) => {
    await send(a, clock, 100);
    assert.deepEqual(
      probeB.sequences.sort((x, y) => x - y),
      NUMBERS(200).map((number) => number >> 1),
    );
    await send(b, clock, 100);
    assert.deepEqual(
      probeA.sequences.sort((x, y) => x - y),
      NUMBERS(200).map((number) => number >> 1),
    );
    for (const [index, frame] of probeA.frames.entries()) {
      assert.deepEqual(frame, testFrame(STATION_B, STATION_A, probeA.sequences[index]!, 100));
    }
  });
});

test('delays go by the clock, both ways', async () => {
  await bench({ in: { delay: 7 }, out: { delay: 5 } }, async ({ clock, a, b, probeA, probeB }) => {
    await send(a, clock, 50);
    await send(b, clock, 50);
    await clock.advance(4.99);
    assert.equal(probeB.count, 0);
    await clock.advance(0.01);
    assert.deepEqual(probeB.sequences, NUMBERS(50));
    assert.equal(probeA.count, 0);
    await clock.advance(2);
    assert.deepEqual(probeA.sequences, NUMBERS(50));
  });
});

test('delayed frames wait for room, and keep their order', async () => {
  await bench(
    { out: { delay: 5 } },
    async ({ clock, a, probeB }) => {
      await send(a, clock, 60);
      await clock.advance(5);
      assert.deepEqual(probeB.sequences, NUMBERS(60));
      // Their owner's own slots come first.
      let rooms = 0;
      a.tx.onRoom = () => {
        rooms++;
      };
      await send(a, clock, 3, 60);
      const slots = [0, 1, 2, 3].map(() => a.tx.reserve(60));
      assert.ok(slots.every((offset) => offset >= 0));
      await clock.advance(5);
      assert.equal(probeB.count, 60);
      for (const offset of slots) a.tx.cancel(offset);
      await clock.settle();
      assert.deepEqual(probeB.sequences, NUMBERS(63));
      assert.ok(rooms > 0);
    },
    4,
  );
});

test('one bit is flipped, both ways, and never in the other copy', async () => {
  const faults = { corrupt: 1, duplicate: 1 };
  await bench({ in: faults, out: faults }, async ({ clock, a, b, probeA, probeB }) => {
    for (const [from, probe] of [
      [a, probeB],
      [b, probeA],
    ] as const) {
      await send(from, clock, 60, 0, 1000);
      // A flip in the EtherType makes a stranger of a frame.
      assert.equal(probe.count + probe.strangers, 120);
      for (const [index, frame] of probe.frames.entries()) {
        // The number itself may be hit: compare with the nearest one that fits.
        const distance = Math.min(
          ...NUMBERS(60).map((number) => difference(frame, testFrame(STATION_B, STATION_A, number, 1000))),
        );
        assert.equal(distance, 1, `frame ${index}`);
      }
    }
    assert.equal(a.impairmentStats('in').corrupted, 120);
    assert.equal(a.impairmentStats('out').corrupted, 120);
  });
});

test('closing inside a delayed batch ends it, and drops what is held', async () => {
  await bench({ in: { delay: 3 } }, async ({ clock, a, b, probeA }) => {
    await send(b, clock, 10);
    probeA.onFrame = () => {
      void a.close();
    };
    await clock.advance(100);
    assert.equal(probeA.count, 1);
    assert.equal(probeA.inBatch, false);
    assert.equal(clock.pendingTimers, 0);
    assert.equal(a.closed, true);
  });
});

test('closing drops what is held on the way out, too', async () => {
  await bench({ out: { delay: 3 } }, async ({ clock, a, probeB }) => {
    await send(a, clock, 10);
    assert.equal(clock.pendingTimers, 1);
    await a.close();
    assert.equal(clock.pendingTimers, 0);
    await clock.advance(10);
    assert.equal(probeB.count, 0);
  });
});

test('too many frames held are dropped and counted', async () => {
  await bench(
    { in: { delay: 3 }, out: { delay: 3 }, heldFrames: 4 },
    async ({ clock, a, b, probeA, probeB }) => {
      await send(a, clock, 10);
      await send(b, clock, 10);
      await clock.advance(3);
      assert.deepEqual(probeA.sequences, NUMBERS(4));
      assert.deepEqual(probeB.sequences, NUMBERS(4));
      assert.equal(a.impairmentStats('in').overflowed, 6);
      assert.equal(a.impairmentStats('out').overflowed, 6);
    },
  );
});

test('the same seed does the same', async () => {
  const run = async (seed: number): Promise<string> => {
    let result = '';
    const faults = { loss: 0.1, duplicate: 0.1, corrupt: 0.05, reorder: 0.1, delay: 4, jitter: 3 };
    await bench({ in: faults, out: faults, seed }, async ({ clock, a, b, probeA, probeB }) => {
      const log: string[] = [];
      for (const [name, probe] of [
        ['a', probeA],
        ['b', probeB],
      ] as const) {
        probe.onFrame = (memory, offset, length) => {
          log.push(`${clock.now()} ${name} ${memory.view.getUint32(offset + 14)} ${length}`);
        };
      }
      for (let round = 0; round < 20; round++) {
        await send(round % 2 === 0 ? a : b, clock, 10, round * 10);
        await clock.advance(1);
      }
      await clock.advance(100);
      assert.ok(log.length > 100);
      result = log.join('\n');
    });
    return result;
  };
  assert.equal(await run(1), await run(1));
  assert.notEqual(await run(1), await run(2));
});

test('wrong options are named', async () => {
  const network = new MemoryNetwork();
  const port = network.port();
  for (const [option, options] of Object.entries({
    loss: { in: { loss: 2 } },
    delay: { out: { delay: -1 } },
    seed: { seed: 0.5 },
    heldFrames: { heldFrames: 0 },
    both: { both: {} },
  })) {
    assert.throws(
      () => faultLink(port, options as FaultLinkOptions),
      (error) => error instanceof OptionError && error.option === option,
    );
  }
  const link = faultLink(port);
  assert.throws(() => link.impair({ direction: 'sideways' as 'in' }), OptionError);
  assert.throws(() => link.impair({ jitter: -1 }), OptionError);
  await network.close();
});

function bitCount(byte: number): number {
  let count = 0;
  for (let rest = byte; rest !== 0; rest >>= 1) count += rest & 1;
  return count;
}

/** Bits in which two frames of equal length differ. */
function difference(x: Uint8Array, y: Uint8Array): number {
  let bits = 0;
  for (let at = 0; at < x.length; at++) bits += bitCount(x[at]! ^ y[at]!);
  return bits;
}
