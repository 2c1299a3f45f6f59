import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Impairments, type Link, type LinkReceiver, MemoryNetwork } from 'etherconn/link';
import {
  buildUdpFrame,
  ChecksumState,
  FrameRecord,
  parseFrame,
  transportChecksumState,
} from 'etherconn/wire';
import { Wire } from './wire.ts';

interface End {
  readonly link: Link;
  readonly frames: Uint8Array[];
}

interface Bench {
  readonly left: End;
  readonly right: End;
  readonly wire: Wire;
  /** Lets everything that is under way arrive. */
  settle(milliseconds?: number): Promise<void>;
}

/** Two networks in memory, joined by a wire, with one station at each. */
async function bench(
  impair: Impairments,
  body: (bench: Bench) => Promise<void>,
  rightMtu = 1500,
): Promise<void> {
  const leftNetwork = new MemoryNetwork({ time: 'virtual' });
  const clock = leftNetwork.virtualClock;
  const rightNetwork = new MemoryNetwork({ clock });
  const wire = new Wire(leftNetwork.port(), rightNetwork.port({ mtu: rightMtu }), impair, 7, () => {});
  const station = (network: MemoryNetwork): End => {
    const link = network.port({ txSlots: 4096, rxFrames: 8192 });
    const frames: Uint8Array[] = [];
    let memory: Uint8Array = new Uint8Array();
    const receiver: LinkReceiver = {
      begin: ({ u8 }) => {
        memory = u8;
      },
      frame: (offset, length) => void frames.push(memory.slice(offset, offset + length)),
      end() {},
      error() {},
      state() {},
    };
    link.start(receiver);
    return { link, frames };
  };
  try {
    const [left, right] = [station(leftNetwork), station(rightNetwork)];
    await body({
      left,
      right,
      wire,
      async settle(milliseconds = 1) {
        await clock.settle();
        clock.advance(milliseconds);
        await clock.settle();
      },
    });
  } finally {
    await wire.close();
    await leftNetwork.close();
    await rightNetwork.close();
  }
}

function frame(number: number, length = 100): Uint8Array {
  const bytes = new Uint8Array(length).fill(number);
  bytes.set([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5]);
  return bytes;
}

function send({ link }: End, frames: readonly Uint8Array[]): void {
  for (const bytes of frames) {
    const slot = link.tx.reserve(bytes.length);
    assert.ok(slot >= 0);
    link.tx.memory.u8.set(bytes, slot);
    link.tx.commit(slot, bytes.length);
  }
  link.tx.flush();
}

test('frames go through both ways, unchanged and in order', async () => {
  await bench({}, async ({ left, right, wire, settle }) => {
    const [there, back] = [[1, 2, 3].map((n) => frame(n)), [4, 5].map((n) => frame(n, 1514))];
    send(left, there);
    send(right, back);
    await settle();
    assert.deepEqual(right.frames, there);
    assert.deepEqual(left.frames, back);
    assert.equal(wire.stats().toRight.frames, 0, 'without faults nothing is decided');
  });
});

test('faults are of each direction by itself, and counted', async () => {
  await bench({ loss: 0.5, delay: 10 }, async ({ left, right, wire, settle }) => {
    send(
      left,
      [...Array(200).keys()].map((n) => frame(n)),
    );
    send(
      right,
      [...Array(200).keys()].map((n) => frame(n)),
    );
    await settle(9);
    assert.equal(right.frames.length, 0);
    await settle(2);
    const { toRight, toLeft } = wire.stats();
    assert.equal(toRight.frames, 200);
    assert.equal(right.frames.length, 200 - toRight.lost);
    assert.equal(left.frames.length, 200 - toLeft.lost);
    assert.ok(toRight.lost > 60 && toRight.lost < 140);
    assert.notDeepEqual(
      right.frames.map((each) => each[20]),
      left.frames.map((each) => each[20]),
      'both directions lose the same frames',
    );
  });
});

test('a rate lets through what there is room for', async () => {
  await bench({ rate: 800_000, queueFrames: 10 }, async ({ left, right, wire, settle }) => {
    send(
      left,
      [...Array(30).keys()].map((n) => frame(n, 100)),
    );
    // A millisecond each.
    await settle(5);
    assert.equal(right.frames.length, 5);
    await settle(100);
    assert.equal(right.frames.length, 10);
    assert.equal(wire.stats().toRight.queueDropped, 20);
  });
});

test('frames that are too long for the other side are counted', async () => {
  await bench(
    {},
    async ({ left, right, wire, settle }) => {
      send(left, [frame(1, 700), frame(2, 100)]);
      await settle();
      assert.deepEqual(right.frames, [frame(2, 100)]);
      assert.equal(wire.stats().toRight.oversize, 1);
    },
    500,
  );
});

test('a checksum that the kernel has left to hardware is completed', async () => {
  const whole = buildUdpFrame({
    sourceMac: Uint8Array.of(2, 0, 0, 0, 0, 1),
    destinationMac: Uint8Array.of(2, 0, 0, 0, 0, 2),
    source: Uint8Array.of(10, 0, 0, 1),
    destination: Uint8Array.of(10, 0, 0, 2),
    sourcePort: 1,
    destinationPort: 2,
    payload: new Uint8Array(40).fill(7),
  });
  const partial = whole.slice();
  partial.set([0, 0], 14 + 20 + 6);
  // A memory network never says that a checksum is partial; a socket does.
  const from = new MemoryNetwork({ time: 'virtual' });
  const port = from.port();
  let receiver: LinkReceiver | undefined;
  const pretended = new Proxy(port, {
    get(target, name) {
      if (name === 'start')
        return (given: LinkReceiver) => {
          receiver = given;
        };
      const value = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  const to = new MemoryNetwork({ time: 'virtual' });
  const far = to.port();
  const listener = to.port();
  let seen: Uint8Array = new Uint8Array();
  listener.start({
    begin: ({ u8 }) => {
      seen = u8;
    },
    frame: (offset, length) => {
      seen = seen.slice(offset, offset + length);
    },
    end() {},
    error() {},
    state() {},
  });
  const wire = new Wire(pretended, far, {}, 1, () => {});
  const memory = port.tx.memory;
  memory.u8.set(partial, 2);
  receiver!.begin(memory, 0);
  receiver!.frame(2, partial.length, 1);
  receiver!.end();
  await to.virtualClock.settle();
  const record = new FrameRecord();
  parseFrame(seen, 0, seen.length, record);
  assert.equal(transportChecksumState(seen, record), ChecksumState.GOOD);
  assert.deepEqual(seen, whole);
  await wire.close();
  await from.close();
  await to.close();
});
