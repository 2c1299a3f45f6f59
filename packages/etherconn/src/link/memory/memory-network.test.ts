import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClosedError, EtherconnError, OptionError } from '../../errors.ts';
import { BROADCAST, LinkProbe, sendFrame, testFrame } from '../../test-support/link-probe.ts';
import { settleTurns } from '../../test-support/memory-pair.ts';
import { VirtualClock } from '../../virtual-clock.ts';
import type { Link } from '../link.ts';
import type { MemoryLink } from './memory-link.ts';
import { MemoryNetwork, type MemoryNetworkOptions } from './memory-network.ts';

const mac = (last: number): Uint8Array => Uint8Array.of(2, 0, 0, 0, last >> 8, last & 255);

function send(link: Link, ...frames: Uint8Array[]): void {
  for (const frame of frames) assert.ok(sendFrame(link, frame));
  link.tx.flush();
}

function start(link: Link): LinkProbe {
  const probe = new LinkProbe(link);
  link.start(probe);
  return probe;
}

/** A network with started ports. */
function setUp(
  count: number,
  options: MemoryNetworkOptions = {},
): [MemoryNetwork, MemoryLink[], LinkProbe[]] {
  const network = new MemoryNetwork(options);
  const ports = Array.from({ length: count }, () => network.port());
  return [network, ports, ports.map(start)];
}

/** An 802.1Q test frame. */
function tagged(target: Uint8Array, source: Uint8Array, tci: number, tpid = 0x8100): Uint8Array {
  const plain = testFrame(target, source, 0, 60);
  const frame = new Uint8Array(64);
  frame.set(plain.subarray(0, 12));
  frame.set([tpid >> 8, tpid & 255, tci >> 8, tci & 255], 12);
  frame.set(plain.subarray(12), 16);
  return frame;
}

test('the switch floods until it knows a station, then sends to its port only', async () => {
  const [network, [a, b, c], probes] = setUp(3);
  send(a!, testFrame(mac(2), mac(1), 0, 60));
  await settleTurns();
  assert.deepEqual(
    probes.map((probe) => probe.count),
    [0, 1, 1],
  );
  send(b!, testFrame(mac(1), mac(2), 1, 60));
  await settleTurns();
  assert.deepEqual(
    probes.map((probe) => probe.count),
    [1, 1, 1],
  );
  send(a!, testFrame(mac(2), mac(1), 2, 60));
  // A station that moves is found where it was seen last.
  send(c!, testFrame(BROADCAST, mac(2), 3, 60));
  send(a!, testFrame(mac(2), mac(1), 4, 60));
  await settleTurns();
  assert.deepEqual(probes[1]!.sequences, [0, 2, 3]);
  assert.deepEqual(probes[2]!.sequences, [0, 4]);
  assert.deepEqual(network.stats(), { frames: 5, flooded: 2, filtered: 0, notLearned: 0, stations: 2 });
  await network.close();
});

test('frames for a station behind the same port are not sent back', async () => {
  const [network, [a, b], probes] = setUp(2);
  send(a!, testFrame(BROADCAST, mac(1), 0, 60), testFrame(mac(1), mac(9), 1, 60));
  send(b!, testFrame(mac(1), mac(2), 2, 60));
  await settleTurns();
  assert.deepEqual(probes[0]!.sequences, [2]);
  assert.deepEqual(probes[1]!.sequences, [0]);
  assert.equal(network.stats().filtered, 1);
  await network.close();
});

test('stations are learned for each outermost VLAN; a priority tag is none', async () => {
  const [network, [a, b, c], probes] = setUp(3);
  const strangers = (): number[] => probes.map((probe) => probe.strangers);
  send(b!, tagged(BROADCAST, mac(2), 0x6064), tagged(BROADCAST, mac(2), 0xe000, 0x88a8));
  await settleTurns();
  assert.deepEqual(strangers(), [2, 0, 2]);
  send(a!, tagged(mac(2), mac(1), 0x0064, 0x88a8), testFrame(mac(2), mac(1), 0, 60));
  await settleTurns();
  assert.deepEqual(strangers(), [2, 1, 2]);
  assert.deepEqual(
    probes.map((probe) => probe.count),
    [0, 1, 0],
  );
  send(a!, tagged(mac(2), mac(1), 0x0065));
  await settleTurns();
  assert.deepEqual(strangers(), [2, 2, 3]);
  await c!.close();
  await network.close();
});

test('stations are forgotten when they are silent for long, or their port goes down', async () => {
  const clock = new VirtualClock();
  const [network, [a, b], probes] = setUp(3, { clock, macAgeing: 1000 });
  const third = probes[2]!;
  send(b!, testFrame(BROADCAST, mac(2), 0, 60));
  await clock.advance(1000);
  send(a!, testFrame(mac(2), mac(1), 1, 60));
  await clock.settle();
  assert.deepEqual(third.sequences, [0]);
  await clock.advance(1);
  send(a!, testFrame(mac(2), mac(1), 2, 60));
  await clock.settle();
  assert.deepEqual(third.sequences, [0, 2]);
  send(b!, testFrame(BROADCAST, mac(2), 3, 60));
  await clock.settle();
  b!.setUp(false);
  b!.setUp(true);
  send(a!, testFrame(mac(2), mac(1), 4, 60));
  await clock.settle();
  assert.deepEqual(third.sequences, [0, 2, 3, 4]);
  await network.close();
});

test('a frame that was under way when its port went down teaches nothing', async () => {
  const [network, [a, b], probes] = setUp(3, { time: 'virtual' });
  a!.impair({ direction: 'out', delay: 5 });
  send(a!, testFrame(BROADCAST, mac(1), 0, 60));
  await network.virtualClock.advance(1);
  a!.setUp(false);
  await network.virtualClock.advance(5);
  send(b!, testFrame(mac(1), mac(2), 1, 60));
  await network.virtualClock.settle();
  assert.deepEqual(probes[2]!.sequences, [0, 1]);
  assert.equal(probes[0]!.count, 0);
  await network.close();
});

test('a table that is full floods', async () => {
  const [network, [a, b], probes] = setUp(3, { macTableSize: 1 });
  send(a!, testFrame(BROADCAST, mac(1), 0, 60));
  send(b!, testFrame(mac(1), mac(2), 1, 60));
  send(a!, testFrame(mac(2), mac(1), 2, 60));
  await settleTurns();
  assert.deepEqual(probes[2]!.sequences, [0, 2]);
  assert.equal(network.stats().notLearned, 1);
  await network.close();
});

test('a port that is down neither sends nor receives, and says so', async () => {
  const [network, [a, b], [, probeB]] = setUp(2);
  send(b!, testFrame(BROADCAST, mac(2), 0, 60));
  await settleTurns();
  b!.setUp(false);
  b!.setUp(false);
  assert.deepEqual(probeB!.states, [], 'not from inside the call');
  send(a!, testFrame(mac(2), mac(1), 1, 60), testFrame(BROADCAST, mac(1), 2, 60));
  send(b!, testFrame(BROADCAST, mac(2), 3, 60));
  await settleTurns();
  assert.deepEqual(probeB!.states, [false]);
  assert.equal(b!.up, false);
  assert.equal(b!.info().up, false);
  assert.equal(b!.stats().txErrors, 1);
  b!.setUp(true);
  send(a!, testFrame(mac(2), mac(1), 4, 60));
  await settleTurns();
  assert.deepEqual(probeB!.states, [false, true]);
  assert.deepEqual(probeB!.sequences, [4]);
  const late = network.port();
  late.setUp(false);
  const probe = start(late);
  await settleTurns();
  assert.deepEqual(probe.states, [false]);
  await network.close();
});

test('frames that a port cannot take are counted there', async () => {
  const network = new MemoryNetwork();
  const a = network.port({ mtu: 9000 });
  const small = network.port();
  const short = network.port({ rxFrames: 10 });
  const tight = network.port({ rxBytes: 4096, mtu: 9000 });
  send(a, testFrame(BROADCAST, mac(1), 0, 1522), testFrame(BROADCAST, mac(1), 1, 1523));
  for (let sequence = 2; sequence < 20; sequence++) send(a, testFrame(BROADCAST, mac(1), sequence, 60));
  await settleTurns();
  const probes = [small, short, tight].map(start);
  await settleTurns();
  assert.equal(probes[0]!.count, 19);
  assert.equal(small.stats().rxOversize, 1);
  assert.equal(small.stats().rxDropped, 0);
  assert.equal(probes[1]!.count, 10);
  assert.equal(short.stats().rxDropped, 9);
  assert.equal(probes[2]!.count, 20, 'two of the longest frames fit in any case');
  send(a, ...Array.from({ length: 10 }, (_, index) => testFrame(BROADCAST, mac(1), index, 9000)));
  tight.setUp(false);
  tight.setUp(true);
  await settleTurns();
  const { rxFrames, rxDropped } = tight.stats();
  assert.equal(rxFrames + rxDropped, 30);
  assert.ok(rxDropped > 0);
  await network.close();
});

test('ports that are started lose nothing, however fast the senders are', async () => {
  const senders = 40;
  const each = 2000;
  const [network, ports, probes] = setUp(senders + 1);
  const sink = probes[senders]!;
  sink.keep = false;
  send(ports[senders]!, testFrame(BROADCAST, mac(999), 0, 60));
  await settleTurns();
  let left = senders;
  await new Promise<void>((resolve) => {
    for (const [index, port] of ports.slice(0, senders).entries()) {
      const frame = testFrame(mac(999), mac(index), 0, 200);
      let sent = 0;
      const go = (): void => {
        while (sent < each && sendFrame(port, frame)) sent++;
        port.tx.flush();
        if (sent === each && port.tx.onRoom !== null) {
          port.tx.onRoom = null;
          if (--left === 0) resolve();
        }
      };
      port.tx.onRoom = go;
      go();
    }
  });
  while (network.stats().frames < senders * each + 1 || sink.count < senders * each) {
    const before = sink.count;
    await settleTurns();
    assert.ok(sink.count > before || sink.count === senders * each, 'it has stopped');
  }
  assert.equal(sink.count, senders * each);
  assert.equal(ports[senders]!.stats().rxDropped, 0);
  await network.close();
});

test('a flood over many ports overflows none of them', async () => {
  const network = new MemoryNetwork();
  const ports = Array.from({ length: 600 }, () => network.port({ rxFrames: 4 }));
  const probes = ports.map(start);
  const frames = 60;
  for (let sequence = 0; sequence < frames; sequence++) {
    send(ports[0]!, testFrame(BROADCAST, mac(1), sequence, 60));
  }
  for (
    let turns = 0;
    turns < 2000 && probes.some((probe, index) => probe.count < frames && index > 0);
    turns++
  ) {
    await settleTurns();
  }
  for (const port of ports) assert.equal(port.stats().rxDropped, 0);
  for (const probe of probes.slice(1)) assert.equal(probe.count, frames);
  await network.close();
});

test('what was flushed before a close still goes out, what was not does not', async () => {
  const [network, [a, b], [, probeB]] = setUp(2);
  send(a!, testFrame(BROADCAST, mac(1), 0, 60));
  sendFrame(a!, testFrame(BROADCAST, mac(1), 1, 60));
  await a!.close();
  const next = network.port();
  send(next, testFrame(BROADCAST, mac(1), 2, 60));
  await settleTurns();
  assert.deepEqual(probeB!.sequences, [0, 2]);
  assert.equal(next.interfaceName, 'mem2');
  await b!.close();
  await network.close();
});

test('what is learned of a port does not pass to the one that takes its place', async () => {
  const [network, [a, b], [probeA]] = setUp(2);
  send(b!, testFrame(BROADCAST, mac(2), 0, 60));
  await settleTurns();
  await b!.close();
  const heir = network.port();
  const other = network.port();
  const probes = [start(heir), start(other)];
  send(a!, testFrame(mac(2), mac(1), 1, 60));
  await settleTurns();
  assert.deepEqual(
    probes.map((probe) => probe.sequences),
    [[1], [1]],
  );
  assert.equal(probeA!.count, 1);
  await network.close();
});

test('a wrong use of slots is loud', async () => {
  const [network, [a]] = setUp(1);
  const offset = a!.tx.reserve(60);
  assert.throws(() => a!.tx.commit(offset, 13), RangeError);
  assert.throws(() => a!.tx.commit(offset, a!.maxFrameLength + 1), RangeError);
  assert.throws(() => a!.tx.commit(offset + 4, 60), RangeError);
  assert.throws(() => a!.tx.reserve(Number.NaN), RangeError);
  a!.tx.cancel(offset);
  assert.throws(() => a!.tx.cancel(offset), RangeError);
  assert.throws(() => a!.tx.commit(offset, 60), RangeError);
  await network.close();
});

test('a receiver that throws holds nobody up', async () => {
  const [network, [a], [, probeB, probeC]] = setUp(3);
  const thrown: unknown[] = [];
  const listeners = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', (error) => thrown.push(error));
  try {
    probeB!.onFrame = () => {
      probeB!.onFrame = null;
      probeB!.end();
      throw new Error('from the receiver');
    };
    send(a!, testFrame(BROADCAST, mac(1), 0, 60));
    await settleTurns();
    send(a!, testFrame(BROADCAST, mac(1), 1, 60));
    await settleTurns();
  } finally {
    process.removeAllListeners('uncaughtException');
    for (const listener of listeners) process.on('uncaughtException', listener);
  }
  assert.deepEqual(thrown.map(String), ['Error: from the receiver']);
  assert.deepEqual(probeB!.sequences, [0, 1]);
  assert.deepEqual(probeC!.sequences, [0, 1]);
  await network.close();
});

test('thousands of ports are cheap, and a broadcast reaches them all', async () => {
  const [network, ports, probes] = setUp(3000);
  send(ports[0]!, testFrame(BROADCAST, mac(1), 7, 60));
  while (probes.some((probe, index) => probe.count === 0 && index > 0)) await settleTurns();
  assert.equal(probes[0]!.count, 0);
  assert.ok(probes.slice(1).every((probe) => probe.count === 1));
  await network.close();
});

test('delays and rates go by the clock', async () => {
  const clock = new VirtualClock();
  const [network, [a, b], [, probeB]] = setUp(2, { clock });
  const arrivals: number[] = [];
  probeB!.onFrame = () => {
    arrivals.push(clock.now());
  };
  // 1 ms for each frame of 1000 bytes on the way out of a, and 10 ms on the way into b.
  a!.impair({ direction: 'out', rate: 8_000_000 });
  b!.impair({ direction: 'in', delay: 10 });
  send(a!, ...[0, 1, 2].map((sequence) => testFrame(mac(2), mac(1), sequence, 1000)));
  await clock.advance(10.9);
  assert.deepEqual(arrivals, []);
  await clock.advance(100);
  assert.deepEqual(arrivals, [11, 12, 13]);
  assert.deepEqual(probeB!.sequences, [0, 1, 2]);
  assert.equal(a!.impairmentStats('out').delayed, 3);
  assert.equal(a!.impairmentStats('in').frames, 0);
  assert.equal(b!.impairmentStats('in').delayed, 3);
  b!.impair({});
  a!.impair({});
  send(a!, testFrame(mac(2), mac(1), 3, 1000));
  await clock.settle();
  assert.equal(probeB!.count, 4);
  await network.close();
});

test("the network's faults strike each frame once, unless a port has its own", async () => {
  const network = new MemoryNetwork({ impair: { duplicate: 1 }, time: 'virtual' });
  const ports = [network.port(), network.port(), network.port({ impair: { loss: 0 } })];
  const probes = ports.map(start);
  send(ports[0]!, testFrame(BROADCAST, mac(1), 0, 60));
  await network.virtualClock.settle();
  assert.deepEqual(
    probes.map((probe) => probe.count),
    [0, 2, 1],
  );
  network.impair({ loss: 1 });
  send(ports[0]!, testFrame(BROADCAST, mac(1), 1, 60));
  await network.virtualClock.settle();
  assert.deepEqual(
    probes.map((probe) => probe.count),
    [0, 2, 2],
  );
  network.impair({});
  send(ports[0]!, testFrame(BROADCAST, mac(1), 2, 60));
  await network.virtualClock.settle();
  assert.deepEqual(
    probes.map((probe) => probe.count),
    [0, 3, 3],
  );
  await network.close();
});

test('one flipped bit, in one copy', async () => {
  for (const direction of ['in', 'out'] as const) {
    for (const delay of [0, 5]) {
      const network = new MemoryNetwork({ time: 'virtual', seed: 5 });
      const a = network.port();
      const b = network.port();
      const probe = start(b);
      const strange: Uint8Array[] = [];
      let memory = a.tx.memory;
      probe.begin = (batch) => {
        memory = batch;
      };
      probe.end = () => undefined;
      probe.frame = (offset, length) => {
        strange.push(memory.u8.slice(offset, offset + length));
      };
      (direction === 'in' ? b : a).impair({ direction, corrupt: 1, duplicate: 1, delay });
      const sent = testFrame(BROADCAST, mac(1), 1, 300);
      send(a, sent);
      await network.virtualClock.advance(10);
      assert.equal(strange.length, 2);
      const flips = strange.map((frame) => {
        let bits = '';
        for (const [at, byte] of frame.entries()) {
          const wrong = byte ^ sent[at]!;
          if (wrong !== 0) bits += `${at}:${wrong} `;
        }
        return bits;
      });
      for (const flip of flips) assert.match(flip, /^\d+:(1|2|4|8|16|32|64|128) $/);
      assert.notEqual(flips[0], flips[1]);
      assert.equal((direction === 'in' ? b : a).impairmentStats(direction).corrupted, 2);
      await network.close();
    }
  }
});

test('too many frames held are dropped and counted', async () => {
  const network = new MemoryNetwork({ time: 'virtual', heldFrames: 5 });
  const a = network.port({ impair: { delay: 100 } });
  const b = network.port();
  const probe = start(b);
  send(a, ...Array.from({ length: 8 }, (_, sequence) => testFrame(mac(2), mac(1), sequence, 60)));
  await network.virtualClock.advance(100);
  assert.deepEqual(probe.sequences, [0, 1, 2, 3, 4]);
  assert.equal(a.impairmentStats('out').overflowed, 3);
  await network.close();
});

test('closing the network drops what is under way, and everything is closed', async () => {
  const network = new MemoryNetwork({ time: 'virtual' });
  const a = network.port({ impair: { delay: 100 } });
  const b = network.port();
  const probe = start(b);
  const { virtualClock } = network;
  send(a, testFrame(mac(2), mac(1), 0, 60));
  await virtualClock.advance(50);
  assert.equal(virtualClock.pendingTimers, 1);
  await network.close();
  await network.close();
  assert.ok(a.closed && b.closed);
  assert.equal(virtualClock.pendingTimers, 0);
  await virtualClock.advance(100);
  assert.equal(probe.count, 0);
  assert.throws(() => network.port(), ClosedError);
  assert.throws(() => b.start(probe), ClosedError);
});

/** Two machines that talk over bad wires, and what each of them saw, with the times. */
async function exchange(seed: number): Promise<string[]> {
  await using network = new MemoryNetwork({
    time: 'virtual',
    seed,
    impair: { loss: 0.1, duplicate: 0.05, corrupt: 0.02, reorder: 0.05, delay: 5, jitter: 4 },
  });
  const clock = network.virtualClock;
  const log: string[] = [];
  const ports = [network.port(), network.port()];
  for (const [index, port] of ports.entries()) {
    const probe = start(port);
    port.impair({ direction: 'out', rate: 10_000_000, queueFrames: 20 });
    probe.onFrame = (memory, offset, length) => {
      let sum = 0;
      for (let at = offset; at < offset + length; at++) sum = (sum * 31 + memory.u8[at]!) | 0;
      log.push(`${clock.now()} port ${index}: ${length} bytes, ${sum}`);
      // One in two frames is answered, from inside or a little later.
      const answer = testFrame(mac(2 - index), mac(1 + index), log.length, 60 + (sum & 511));
      if (sum & 1) return;
      if (sum & 2) send(port, answer);
      else clock.setTimer(() => send(port, answer), (sum >>> 4) & 7);
    };
  }
  for (let round = 0; round < 50; round++) {
    send(
      ports[round & 1]!,
      ...[1, 2, 3, 4].map((sequence) => testFrame(BROADCAST, mac(1 + (round & 1)), sequence, 400)),
    );
    await clock.advance(3);
  }
  await clock.advance(10_000);
  log.push(
    JSON.stringify([network.stats(), ports.map((port) => [port.stats(), port.impairmentStats('in')])]),
  );
  return log;
}

test('the same seed gives the same run, to the last detail; another one does not', async () => {
  const first = await exchange(42);
  assert.ok(first.length > 200);
  assert.deepEqual(await exchange(42), first);
  assert.notDeepEqual(await exchange(43), first);
});

test('a whole exchange with an hour of delay takes a moment by itself', async () => {
  const clock = new VirtualClock({ autoAdvance: true });
  const network = new MemoryNetwork({ clock, impair: { delay: 3_600_000 } });
  const [a, b] = [network.port(), network.port()];
  const probeA = start(a);
  const probeB = start(b);
  probeB.onFrame = () => send(b, testFrame(mac(1), mac(2), 1, 60));
  const answered = new Promise<void>((resolve) => {
    probeA.onFrame = () => resolve();
  });
  send(a, testFrame(mac(2), mac(1), 0, 60));
  await answered;
  assert.equal(clock.now(), 7_200_000);
  await network.close();
});

test('names and addresses', async () => {
  const network = new MemoryNetwork();
  const first = network.port();
  const second = network.port({ name: 'uplink', hardwareAddress: mac(77), mtu: 9000 });
  const third = network.port();
  assert.deepEqual(
    [first, second, third].map((port) => port.interfaceName),
    ['mem0', 'uplink', 'mem2'],
  );
  assert.deepEqual(second.hardwareAddress, mac(77));
  assert.equal(second.maxFrameLength, 9022);
  assert.notDeepEqual(first.hardwareAddress, third.hardwareAddress);
  assert.equal(first.hardwareAddress[0]! & 3, 2, 'locally administered, not a group');
  assert.deepEqual(first.hardwareAddress, new MemoryNetwork().port().hardwareAddress);
  assert.throws(
    () => network.virtualClock,
    (error) => error instanceof EtherconnError && error.code === 'ERR_ETHERCONN_REAL_TIME',
  );
  await network.close();
});

test('wrong options are named before anything is made', () => {
  for (const [option, options] of Object.entries({
    time: { time: 'fast' },
    clock: { time: 'virtual', clock: new VirtualClock() },
    seed: { seed: -1 },
    macTableSize: { macTableSize: 0 },
    macAgeing: { macAgeing: -1 },
    heldFrames: { heldFrames: 0.5 },
    loss: { impair: { loss: 2 } },
    sed: { sed: 1 },
  })) {
    assert.throws(
      () => new MemoryNetwork(options as MemoryNetworkOptions),
      (error) => error instanceof OptionError && error.option === option,
    );
  }
  const network = new MemoryNetwork();
  for (const [option, options] of Object.entries({
    name: { name: '' },
    hardwareAddress: { hardwareAddress: Uint8Array.of(1, 2, 3, 4, 5, 6) },
    mtu: { mtu: 67 },
    txSlots: { txSlots: 0 },
    rxFrames: { rxFrames: 0 },
    rxBytes: { rxBytes: 1 },
    jitter: { impair: { jitter: -1 } },
    vlan: { vlan: 1 },
  })) {
    assert.throws(
      () => network.port(options as object),
      (error) => error instanceof OptionError && error.option === option,
    );
  }
  assert.equal(network.port().interfaceName, 'mem0');
  assert.throws(() => network.port().impair({ direction: 'up' as 'in' }), OptionError);
});
