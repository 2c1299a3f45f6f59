import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OptionError } from '../../errors.ts';
import { LinkProbe, STATION_A, STATION_B, sendFrame, testFrame } from '../../test-support/link-probe.ts';
import type { Link, LinkTx } from '../link.ts';
import { MemoryNetwork } from '../memory/memory-network.ts';
import { captureLink } from './capture-link.ts';
import type { FrameSink } from './frame-sink.ts';
import { WrappedLink } from './wrapped-link.ts';

interface Captured {
  bytes: Uint8Array;
  direction: string;
  timestamp: number;
  queue: number;
}

function recorder(): [Captured[], FrameSink] {
  const log: Captured[] = [];
  return [
    log,
    (u8, offset, length, direction, timestamp, queue) => {
      log.push({ bytes: u8.slice(offset, offset + length), direction, timestamp, queue });
    },
  ];
}

/** What a link with steering looks like. */
class Steered extends WrappedLink {
  readonly log: unknown[] = [];
  override readonly steer = (...args: unknown[]): void => {
    this.log.push(args);
  };
}

/** A link that commits many frames in one go. */
class FakeManyLink extends WrappedLink {
  override get tx(): LinkTx {
    const { tx } = this.inner;
    const many: Partial<LinkTx> = {
      reserveMany: (offsets, count, length) => {
        for (let i = 0; i < count; i++) offsets[i] = tx.reserve(length + i);
        return count;
      },
      commitMany: (offsets, lengths, count) => {
        for (let i = 0; i < count; i++) tx.commit(offsets[i], lengths[i]);
      },
    };
    return new Proxy(tx, {
      get: (_tx, name: keyof LinkTx) => {
        const value: unknown = many[name] ?? tx[name];
        return typeof value === 'function' ? value.bind(tx) : value;
      },
    });
  }
}

test('both directions are captured, with the time of the clock', async () => {
  const network = new MemoryNetwork({ time: 'virtual' });
  const { virtualClock } = network;
  const [log, sink] = recorder();
  const a = captureLink(network.port(), sink);
  const b = network.port();
  const probeA = new LinkProbe(a);
  const probeB = new LinkProbe(b);
  a.start(probeA);
  b.start(probeB);
  const there = testFrame(STATION_B, STATION_A, 1, 60);
  const back = testFrame(STATION_A, STATION_B, 2, 70);
  await virtualClock.advance(100);
  sendFrame(a, there);
  const cancelled = a.tx.reserve(60);
  a.tx.cancel(cancelled);
  a.tx.flush();
  await virtualClock.advance(50);
  sendFrame(b, back);
  b.tx.flush();
  await virtualClock.settle();
  const start = virtualClock.wallTime() - 150;
  assert.deepEqual(log, [
    { bytes: there, direction: 'out', timestamp: start + 100, queue: 0 },
    { bytes: back, direction: 'in', timestamp: start + 150, queue: 0 },
  ]);
  assert.deepEqual(probeA.frames, [back]);
  assert.deepEqual(probeB.frames, [there]);
  await network.close();
});

test('one direction only', async () => {
  for (const direction of ['in', 'out'] as const) {
    const network = new MemoryNetwork({ time: 'virtual' });
    const [log, sink] = recorder();
    const a = captureLink(network.port(), sink, { direction });
    const b = network.port();
    a.start(new LinkProbe(a));
    for (const link of [a, b]) {
      sendFrame(link, testFrame(STATION_B, STATION_A, 1, 60));
      link.tx.flush();
    }
    await network.virtualClock.settle();
    assert.deepEqual(
      log.map((entry) => entry.direction),
      [direction],
    );
    await network.close();
  }
});

test('a sink that closes the link gets no more frames, nor does the receiver', async () => {
  const network = new MemoryNetwork({ time: 'virtual' });
  const a = network.port();
  let captured = 0;
  const b: Link = captureLink(network.port(), () => {
    captured++;
    void b.close();
  });
  const probe = new LinkProbe(b);
  b.start(probe);
  for (const sequence of [1, 2, 3]) sendFrame(a, testFrame(STATION_B, STATION_A, sequence, 60));
  a.tx.flush();
  await network.virtualClock.settle();
  assert.deepEqual(
    { captured, count: probe.count, inBatch: probe.inBatch },
    { captured: 1, count: 0, inBatch: false },
  );
  await network.close();
});

test('steer is there exactly if the inner link has it', async () => {
  const network = new MemoryNetwork();
  const port = network.port();
  assert.equal(captureLink(port, () => undefined).steer, undefined);
  const steered = new Steered(port);
  const link = captureLink(steered, () => undefined);
  const wants = { all: true, group: false };
  link.steer!([], [], wants);
  assert.deepEqual(steered.log, [[[], [], wants]]);
  await network.close();
});

test('the time of the kernel where the link knows it, else that of the batch', async () => {
  const network = new MemoryNetwork({ time: 'virtual' });
  const a = network.port();
  const b = network.port();
  const times = [1_700_000_000_123_456_789n, null];
  const knowing: Link = new WrappedLink(b);
  Object.assign(knowing, { receivedAt: () => times.shift() });
  const seen: unknown[] = [];
  captureLink(knowing, (_u8, _offset, _length, direction, timestamp, _queue, nanoseconds) => {
    seen.push([direction, timestamp, nanoseconds]);
  }).start(new LinkProbe(b));
  for (const sequence of [1, 2]) sendFrame(a, testFrame(STATION_B, STATION_A, sequence, 60));
  a.tx.flush();
  await network.virtualClock.settle();
  const now = network.virtualClock.wallTime();
  assert.deepEqual(seen, [
    ['in', 1_700_000_000_123.456_8, 1_700_000_000_123_456_789n],
    ['in', now, BigInt(now) * 1_000_000n],
  ]);
  await network.close();
});

test('many frames committed in one go are shown, each', async () => {
  const network = new MemoryNetwork({ time: 'virtual' });
  const [log, sink] = recorder();
  const inner = new FakeManyLink(network.port());
  const link = captureLink(inner, sink);
  const offsets = new Int32Array(4);
  const count = link.tx.reserveMany!(offsets, 3, 60);
  assert.equal(count, 3);
  for (let i = 0; i < count; i++) link.tx.memory.u8.fill(i + 1, offsets[i], offsets[i] + 60 + i);
  link.tx.commitMany!(offsets, Int32Array.of(60, 61, 62), 3);
  assert.deepEqual(
    log.map(({ bytes, direction }) => [direction, bytes.length, bytes[0]]),
    [
      ['out', 60, 1],
      ['out', 61, 2],
      ['out', 62, 3],
    ],
  );
  assert.equal(captureLink(network.port(), sink).tx.commitMany, undefined);
  await network.close();
});

test('wrong options are refused', async () => {
  const network = new MemoryNetwork();
  const port = network.port();
  assert.throws(() => captureLink(port, () => undefined, { direction: 'up' as 'in' }), OptionError);
  assert.throws(() => captureLink(port, () => undefined, { snap: 1 } as object), OptionError);
  for (const sink of [undefined, null, {}, 'file.pcapng', { write: () => true }]) {
    assert.throws(() => captureLink(port, sink as FrameSink), {
      code: 'ERR_ETHERCONN_OPTION',
      message: /sink/,
    });
  }
  for (const link of [undefined, null, {}, 'eth0']) {
    assert.throws(() => captureLink(link as Link, () => undefined), {
      code: 'ERR_ETHERCONN_OPTION',
      message: /link/,
    });
  }
  await network.close();
});
