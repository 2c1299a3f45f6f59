import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { RawSocketRelay } from '../../relay/raw-socket-relay.ts';
import { addVethPair, type Namespace, openNamespace, requireNamespaces } from '../../testing/namespaces.ts';
import { openPacketTap } from './tap.ts';

const skip = requireNamespaces();
let near: Namespace;
let far: Namespace;

before(async () => {
  if (skip !== false) return;
  [near, far] = [await openNamespace(), await openNamespace()];
  addVethPair({ namespace: near, name: 'eth0' }, { namespace: far, name: 'eth1' });
});
after(async () => {
  await near?.close();
  await far?.close();
});

/** Number of what the kernel sends. Frames of relays pass no taps (PACKET_QDISC_BYPASS). */
const ARP = 2;

/** A frame that no machine sends by itself, with a number in it. */
function frame(number: number, length = 100, tags: readonly number[] = []): Uint8Array {
  const u8 = new Uint8Array(length);
  u8.set([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2]);
  u8.set([...tags, 0x88, 0xb5, number], 12);
  return u8;
}

interface Seen {
  readonly number: number;
  readonly outgoing: boolean;
  readonly length: number;
  readonly original: number;
  readonly time: number;
  readonly bytes: string;
}

function watch(options: Parameters<typeof openPacketTap>[1]) {
  const tap = openPacketTap('eth0', { netns: near.path, ...options });
  const seen: Seen[] = [];
  let u8: Uint8Array;
  tap.start({
    begin(memory) {
      u8 = memory.u8;
    },
    frame(offset, length) {
      const bytes = u8.slice(offset, offset + length);
      const type = bytes.findIndex((byte, i) => i >= 12 && byte === 0x88 && bytes[i + 1] === 0xb5);
      const isArp = bytes[12] === 8 && bytes[13] === 6;
      if (type < 0 && !isArp) return;
      const { outgoing, originalLength: original, seconds, nanoseconds } = tap;
      const time = seconds * 1000 + nanoseconds / 1e6;
      const hex = Buffer.from(bytes).toString('hex');
      seen.push({ number: isArp ? ARP : bytes[type + 2], outgoing, length, original, time, bytes: hex });
    },
    end() {},
    error(error) {
      throw error;
    },
    state() {},
  });
  return { tap, seen };
}

test('a tap sees both directions, as they are on the wire, and changes nothing', { skip }, async () => {
  const there = await RawSocketRelay.open('eth1', { netns: far.path });
  // ret #40
  const snap = new Uint8Array(new Uint32Array([0x06, 40]).buffer);
  const taps = {
    both: watch({}),
    in: watch({ direction: 'in', promiscuous: false }),
    out: watch({ direction: 'out' }),
    cut: watch({ filter: snap, receiveRing: 64 }),
  };
  const before_ = Date.now();
  const tagged = frame(3, 200, [0x81, 0x00, 0xe0, 0x64]);
  there.trySendFrame(frame(1));
  near.run('ip', 'addr', 'add', '10.0.0.1/24', 'dev', 'eth0');
  near.run('bash', '-c', 'echo > /dev/udp/10.0.0.2/9');
  there.trySendFrame(tagged);
  while (
    Object.values(taps).some(({ seen }) => seen.length === 0) ||
    taps.both.seen.at(-1)?.number !== 3 ||
    taps.cut.seen.at(-1)?.number !== 3
  )
    await new Promise((done) => setTimeout(done, 5));
  for (const { tap } of Object.values(taps)) await tap.close();
  const numbers = (seen: readonly Seen[]): number[] => seen.map(({ number }) => number);
  const { both, cut } = taps;
  assert.deepEqual(numbers(both.seen), [1, 2, 3]);
  assert.deepEqual(numbers(taps.in.seen), [1, 3]);
  assert.deepEqual(numbers(taps.out.seen), [2]);
  assert.deepEqual(
    both.seen.map(({ outgoing }) => outgoing),
    [false, true, false],
  );
  assert.deepEqual(
    both.seen.map(({ length, original }) => [length, original]),
    [
      [100, 100],
      [42, 42],
      [200, 200],
    ],
  );
  assert.equal(both.seen[2].bytes, Buffer.from(tagged).toString('hex'));
  assert.deepEqual(
    cut.seen.map(({ length, original }) => [length, original]),
    [
      [40, 100],
      [40, 42],
      // The tag that was taken out is not among what the filter counts.
      [44, 200],
    ],
  );
  for (const { time } of both.seen) assert.ok(time > before_ - 1000 && time < Date.now() + 1000);
  const { frames, dropped } = both.tap.stats();
  assert.ok(frames >= 3);
  assert.equal(dropped, 0);
  await there.close();
});

test('frames that find the ring full are counted', { skip }, async () => {
  const there = await RawSocketRelay.open('eth1', { netns: far.path });
  const { tap } = watch({ receiveRing: 64, direction: 'in' });
  const count = 2000;
  for (let i = 0; i < count; i++) while (there.trySendFrame(frame(i & 255, 1400)) === 0) there.flush();
  await tap.close();
  const { frames, dropped } = tap.stats();
  assert.ok(dropped > 0);
  assert.ok(frames + dropped >= count, `${frames} + ${dropped}`);
  await there.close();
});

test('what is wrong is told', { skip }, () => {
  assert.throws(() => openPacketTap('eth0', { direction: 'up' as never }), /direction/);
  assert.throws(() => openPacketTap('eth0', { filter: new Uint8Array(4) }), /filter/);
  assert.throws(() => openPacketTap('eth0', { netns: near.path, filter: new Uint8Array(8) }), {
    code: 'EINVAL',
  });
  assert.throws(() => openPacketTap('eth9', { netns: near.path }), { code: 'ENODEV' });
});
