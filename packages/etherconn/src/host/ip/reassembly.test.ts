import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { allocateFrameMemory } from '../../link/frame-memory.ts';
import { FrameFlag, type FrameMemory } from '../../link/link.ts';
import { CollectingSender } from '../../test-support/collecting-sender.ts';
import { hex, parsed } from '../../test-support/frames.ts';
import { VirtualClock } from '../../virtual-clock.ts';
import { buildUdpFrame } from '../../wire/build.ts';
import { ChecksumState } from '../../wire/checksum.ts';
import { fillIpv4Checksum } from '../../wire/ipv4.ts';
import { parseFrame } from '../../wire/parse.ts';
import { FrameRecord } from '../../wire/record.ts';
import { transportChecksumState } from '../../wire/transport-checksum.ts';
import { sendFragments } from './fragment.ts';
import { Reassembly, type ReassemblyOptions, type ReassemblyStats, type TimeExceeded } from './reassembly.ts';
import type { ReassembledFrame } from './reassembly-datagram.ts';

const MACS = { sourceMac: '02:00:00:00:00:01', destinationMac: '02:00:00:00:00:02' };
const PORTS = { sourcePort: 7, destinationPort: 9 };
const ADDRESSES = {
  4: { source: '10.0.0.1', destination: '10.0.0.2' },
  6: { source: '2001:db8::1', destination: '2001:db8::2' },
} as const;

function datagram(version: 4 | 6, length: number, vlans: { id: number }[] = []): Uint8Array {
  const payload = Uint8Array.from({ length }, (_, i) => i * 7 + (i >> 8));
  return buildUdpFrame({ ...MACS, ...ADDRESSES[version], ...PORTS, vlans, payload });
}

function cut(frame: Uint8Array, mtu: number, identification = 1): Uint8Array[] {
  const sender = new CollectingSender(8192, 1 << 22);
  const memory = allocateFrameMemory((frame.length + 5) & ~3);
  memory.u8.set(frame, 2);
  const { l3 } = parsed(memory.u8, 2, frame.length);
  sendFragments(sender, memory, 2, l3, 2 + frame.length, mtu, identification);
  return sender.sent;
}

/** A reassembly that tests give plain arrays and get plain arrays from. */
class Bench {
  readonly clock: VirtualClock = new VirtualClock();
  readonly exceeded: Uint8Array[] = [];
  readonly reassembly: Reassembly;
  readonly #memory: FrameMemory = allocateFrameMemory(1 << 17);
  readonly #record: FrameRecord = new FrameRecord();

  constructor(options: ReassemblyOptions = {}) {
    const timeExceeded: TimeExceeded = (memory, offset, length) => {
      this.exceeded.push(memory.u8.slice(offset, offset + length));
    };
    this.reassembly = new Reassembly(this.clock, timeExceeded, options);
  }

  add(frame: Uint8Array, flags = 0): Uint8Array | null {
    this.#memory.u8.set(frame, 2);
    parseFrame(this.#memory.u8, 2, frame.length, this.#record);
    const whole = this.reassembly.add(this.#memory, this.#record, flags);
    if (whole === null) return null;
    assert.equal(whole.offset % 4, 2);
    const copy = whole.memory!.u8.slice(whole.offset, whole.offset + whole.length);
    this.reassembly.release(whole);
    this.reassembly.release(whole);
    return copy;
  }

  addAll(frames: readonly Uint8Array[]): (Uint8Array | null)[] {
    return frames.map((frame) => this.add(frame));
  }

  stats(): ReassemblyStats {
    const stats = this.reassembly.stats();
    const { fragments, reassembled, timeouts, ...dispositions } = stats;
    const sum = Object.values(dispositions).reduce((a, b) => a + b, 0);
    assert.equal(sum, fragments, JSON.stringify(stats));
    return stats;
  }
}

/** What comes of `frame`: its IP identification is that of the fragments. */
function expected(frame: Uint8Array, identification = 1): Uint8Array {
  const copy = frame.slice();
  const { l3, ipVersion } = parsed(copy);
  if (ipVersion === 4) {
    copy.set([identification >> 8, identification & 255], l3 + 4);
    fillIpv4Checksum(copy, l3);
  }
  return copy;
}

test('property: cut anywhere, in any order, with duplicates: the same datagram comes once', () => {
  fc.assert(
    fc.property(
      fc.constantFrom<4 | 6>(4, 6),
      fc.integer({ min: 0, max: 5000 }),
      fc.integer({ min: 128, max: 1500 }),
      fc.array(fc.nat(), { minLength: 1, maxLength: 60 }),
      fc.nat(2),
      (version, length, mtu, order, tags) => {
        const vlans = [{ id: 5 }, { id: 6 }].slice(0, tags);
        const frame = datagram(version, length, vlans);
        const fragments = cut(frame, mtu);
        if (fragments.length < 2) return;
        const bench = new Bench();
        const shuffled = [...fragments.keys()].sort(
          (a, b) => order[a % order.length]! - order[b % order.length]! || a - b,
        );
        // Each but the last one twice: a datagram that is whole is no longer known.
        const got = shuffled.flatMap((at, i) =>
          bench.addAll(i < shuffled.length - 1 ? [fragments[at]!, fragments[at]!] : [fragments[at]!]),
        );
        assert.deepEqual(got.pop(), expected(frame));
        assert.ok(got.every((one) => one === null));
        const stats = bench.stats();
        assert.deepEqual(
          [stats.reassembled, stats.used, stats.duplicates, stats.pending],
          [1, fragments.length, fragments.length - 1, 0],
        );
        assert.equal(bench.reassembly.bytes, 0);
      },
    ),
  );
});

test('the largest datagrams there are', () => {
  for (const [version, length] of [
    [4, 65_507],
    [6, 65_527],
  ] as const) {
    const frame = datagram(version, length);
    for (const mtu of [1500, 9000]) {
      const bench = new Bench();
      const whole = bench.addAll(cut(frame, mtu)).at(-1)!;
      assert.deepEqual(whole, expected(frame));
      assert.equal(transportChecksumState(whole, parsed(whole)), ChecksumState.GOOD);
    }
  }
});

test('fragments of several datagrams, interleaved', () => {
  const bench = new Bench();
  const frame = datagram(4, 3000);
  const one = cut(frame, 1500, 1);
  const other = cut(frame, 1500, 2);
  const six = cut(datagram(6, 3000), 1500, 1);
  const got = one.flatMap((fragment, i) => bench.addAll([fragment, six[i]!, other[i]!]));
  assert.deepEqual(got.slice(-3), [expected(frame, 1), datagram(6, 3000), expected(frame, 2)]);
});

test('property: fragments that overlap, and all others of their datagram, are dropped', () => {
  fc.assert(
    fc.property(
      fc.constantFrom<4 | 6>(4, 6),
      fc.integer({ min: 64, max: 400 }),
      fc.integer({ min: 64, max: 400 }),
      fc.nat(),
      (version, a, b, pick) => {
        const frame = datagram(version, 3000);
        const header = version === 4 ? 20 : 48;
        const one = cut(frame, header + (a & ~7));
        const other = cut(frame, header + (b & ~7));
        const stranger = other[pick % other.length]!;
        if (one.some((fragment) => Buffer.from(fragment).equals(stranger))) return;
        const bench = new Bench();
        assert.ok(
          bench.addAll([...one.slice(0, -1), stranger, one.at(-1)!]).every((whole) => whole === null),
        );
        // What comes later of it is refused, too.
        assert.ok(bench.addAll(one).every((whole) => whole === null));
        assert.equal(bench.stats().overlaps, 2 * one.length + 1);
        assert.equal(bench.reassembly.bytes, 0);
      },
    ),
  );
});

test('the same place with other bytes is no duplicate', () => {
  const bench = new Bench();
  const [first, second, third] = cut(datagram(4, 3000), 1500) as [Uint8Array, Uint8Array, Uint8Array];
  const forged = second.slice();
  forged[100] ^= 1;
  assert.deepEqual(bench.addAll([first, second, forged, third]), [null, null, null, null]);
  assert.equal(bench.stats().overlaps, 4);
});

test('two ends contradict each other', () => {
  for (const order of [
    [0, 1],
    [1, 0],
  ]) {
    const ends = [cut(datagram(4, 3000), 1500).at(-1)!, cut(datagram(4, 4400), 1500).at(-1)!];
    const bench = new Bench();
    bench.addAll(order.map((at) => ends[at]!));
    assert.equal(bench.stats().overlaps, 2);
  }
});

test('a fragment behind the end', () => {
  const bench = new Bench();
  bench.addAll([cut(datagram(4, 3000), 1500).at(-1)!, cut(datagram(4, 9000), 1500)[4]!]);
  assert.equal(bench.stats().overlaps, 2);
});

test('what is not whole in time goes, with word of its first fragment', async () => {
  const bench = new Bench();
  const four = cut(datagram(4, 3000), 1500);
  const six = cut(datagram(6, 3000), 1500);
  const later = cut(datagram(4, 3000), 1500, 2);
  bench.addAll([four[1]!, four[0]!, six[0]!, later[1]!]);
  await bench.clock.advance(29_999);
  assert.deepEqual(bench.exceeded, []);
  await bench.clock.advance(1);
  assert.deepEqual(bench.exceeded, [four[0]]);
  assert.deepEqual(
    [bench.stats().timeouts, bench.stats().timedOut, bench.stats().pending],
    [2, 3, 1],
    'of the second, the first fragment never came',
  );
  await bench.clock.advance(29_999);
  assert.equal(bench.exceeded.length, 1);
  await bench.clock.advance(1);
  assert.deepEqual(bench.exceeded[1], six[0]);
  assert.equal(bench.clock.pendingTimers, 0);
  assert.equal(bench.reassembly.bytes, 0);
});

test('a refused datagram is known for as long as it could have lasted', async () => {
  const bench = new Bench();
  const frame = datagram(4, 3000);
  const fragments = cut(frame, 1500);
  bench.addAll([fragments[0]!, cut(frame, 1000)[0]!]);
  await bench.clock.advance(29_000);
  bench.addAll(fragments);
  assert.equal(bench.stats().overlaps, 5);
  await bench.clock.advance(1000);
  assert.deepEqual(bench.addAll(fragments).at(-1), expected(frame));
  assert.deepEqual(bench.exceeded, []);
});

test('bounded in datagrams: the oldest goes', async () => {
  const bench = new Bench({ maxDatagrams: 2 });
  const parts = [1, 2, 3].map((id) => cut(datagram(4, 3000), 1500, id));
  for (const [first] of parts) {
    bench.add(first!);
    await bench.clock.advance(1);
  }
  assert.equal(bench.stats().noRoom, 1);
  const ends = parts.reverse().map((fragments) => bench.addAll(fragments.slice(1)).at(-1));
  assert.deepEqual(ends, [expected(datagram(4, 3000), 3), expected(datagram(4, 3000), 2), null]);
});

test('datagrams that are not whole are counted beside their fragments', () => {
  const bench = new Bench();
  const [first, second, ...rest] = cut(datagram(4, 3000), 576, 1);
  bench.add(first);
  bench.add(second);
  bench.add(cut(datagram(4, 3000), 576, 2)[0]);
  assert.deepEqual([bench.reassembly.gathering, bench.reassembly.stats().pending], [2, 3]);
  for (const fragment of rest) bench.add(fragment);
  assert.deepEqual([bench.reassembly.gathering, bench.reassembly.stats().pending], [1, 1]);
});

test('whole datagrams that wait for their reader are in the way of bytes alone', () => {
  const clock = new VirtualClock();
  const maxBytes = 128 << 10;
  const reassembly = new Reassembly(clock, null, { maxDatagrams: 1, maxBytes });
  const memory = allocateFrameMemory(4096);
  const record = new FrameRecord();
  const whole: ReassembledFrame[] = [];
  for (let id = 0; id < 100; id++) {
    for (const fragment of cut(datagram(4, 2000), 1500, id)) {
      memory.u8.set(fragment, 2);
      parseFrame(memory.u8, 2, fragment.length, record);
      const frame = reassembly.add(memory, record, 0);
      if (frame !== null) whole.push(frame);
    }
  }
  const room = Math.floor(maxBytes / whole[0]!.memory!.u8.length);
  assert.equal(whole.length, room);
  assert.equal(reassembly.stats().noRoom, 2 * (100 - room));
  for (const [id, { memory: buffer, offset, length }] of whole.entries())
    assert.deepEqual(buffer!.u8.slice(offset, offset + length), expected(datagram(4, 2000), id));
  // Closed by one who reads them: they stay until they are released.
  reassembly.close();
  assert.ok(whole.every((frame) => frame.memory !== null));
  for (const frame of whole) reassembly.release(frame);
  assert.equal(reassembly.bytes, 0);
  assert.equal(reassembly.add(memory, record, 0), null);
  assert.equal(clock.pendingTimers, 0);
});

test('bounded in bytes, whatever comes', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(30), fc.nat(7)), { maxLength: 300 }), (picks) => {
      const maxBytes = 128 << 10;
      const bench = new Bench({ maxBytes });
      const sets = SETS.slice();
      for (const [set, at] of picks) {
        const fragments = sets[set % sets.length]!;
        bench.add(fragments[at % fragments.length]!);
        assert.ok(bench.reassembly.bytes <= maxBytes);
      }
      bench.stats();
      bench.reassembly.close();
      assert.equal(bench.reassembly.bytes, 0);
      assert.equal(bench.clock.pendingTimers, 0);
    }),
    { numRuns: 50 },
  );
});

test('bounded for all hosts of a thread together', () => {
  // What is broadcast is kept by every host: the last fragment of a long datagram takes the largest buffer.
  const last = Array.from({ length: 64 }, (_, id) => cut(datagram(4, 60_000), 1500, id).at(-1)!);
  const first = cut(datagram(4, 3000), 1500, 99);
  const benches = Array.from({ length: 60 }, () => new Bench());
  for (const bench of benches) for (const fragment of last) bench.add(fragment);
  const bytes = benches.map((bench) => bench.reassembly.bytes);
  assert.ok(bytes.reduce((a, b) => a + b, 0) <= 128 << 20);
  assert.equal(bytes[0], bytes[1]);
  assert.equal(bytes.at(-1), 0);
  assert.equal(benches.at(-1)!.stats().noRoom, 64);
  benches[0]!.reassembly.close();
  assert.deepEqual(benches.at(-1)!.addAll(first).at(-1), expected(datagram(4, 3000), 99));
  for (const bench of benches) bench.reassembly.close();
});

const SETS = Array.from({ length: 31 }, (_, id) =>
  cut(datagram(id % 2 === 0 ? 4 : 6, id * 2000 + 1600), 9000, id),
)
  .concat([cut(datagram(4, 60_000), 9000, 99)])
  .filter((fragments) => fragments.length > 1);

test('what cannot be a fragment is counted', () => {
  const bench = new Bench();
  const [first, second, third] = cut(datagram(4, 3000), 1500) as [Uint8Array, Uint8Array, Uint8Array];
  const checksum = first.slice();
  checksum[24] ^= 1;
  bench.add(checksum);
  // A length that is not a multiple of 8, but more to come.
  const odd = second.slice();
  odd[17] -= 1;
  fillIpv4Checksum(odd, 14);
  bench.add(odd);
  // Data beyond 65,535.
  const far = third.slice();
  far.set([0x1f, 0xff], 20);
  fillIpv4Checksum(far, 14);
  bench.add(far);
  // Not a fragment.
  bench.add(datagram(4, 100));
  // IPv6 first fragments without their transport header.
  const six = cut(datagram(6, 3000), 1500)[0]!;
  const tiny = six.slice();
  tiny.set([0, 8 + 8], 18);
  tiny[54] = 60;
  bench.add(tiny);
  const error = second.slice(0, 100);
  bench.add(error);
  assert.equal(bench.stats().malformed, 6);
  bench.add(first, FrameFlag.TRUNCATED);
  assert.equal(bench.stats().truncated, 1);
  assert.equal(bench.reassembly.bytes, 0);
});

test('IPv4 data that its header makes too long for a length field', () => {
  const bench = new Bench();
  const fragments = cut(datagram(4, 65_507), 1500);
  // One more byte at the end: data up to 65,516, and 20 of header.
  const last = fragments.at(-1)!;
  const longer = new Uint8Array(last.length + 1);
  longer.set(last);
  longer[17] += 1;
  fillIpv4Checksum(longer, 14);
  assert.ok(bench.addAll([...fragments.slice(0, -1), longer]).every((whole) => whole === null));
  assert.equal(bench.stats().malformed, fragments.length);
});

test('IPv6: headers before the fragment header stay, those behind it are data', () => {
  // Hop-by-hop options, then a fragment header, then destination options and UDP; made by hand.
  const macs = '020000000002 020000000001 86dd';
  const ips = '20010db8000000000000000000000001 20010db8000000000000000000000002';
  const hop = '2c00 010400000000';
  const options = '1100 010400000000';
  const udp = '0001 0002 0010 0000';
  const bench = new Bench();
  const first = hex(`${macs} 60000000 0020 00 40 ${ips} ${hop} 3c00 0001 00000009 ${options} ${udp}`);
  const last = hex(`${macs} 60000000 0018 00 40 ${ips} ${hop} 3c00 0010 00000009 aabbccdd11223344`);
  const whole = hex(
    `${macs} 60000000 0020 00 40 ${ips} 3c00 010400000000 ${options} ${udp} aabbccdd11223344`,
  );
  assert.deepEqual(bench.addAll([last, first]), [null, whole]);
});

test('options are checked', () => {
  const clock = new VirtualClock();
  const wrong = { maxDatagrams: 0 };
  assert.throws(() => new Reassembly(clock, null, wrong), { option: 'maxDatagrams' });
  assert.throws(() => new Reassembly(clock, null, { maxBytes: 5 }), { option: 'maxBytes' });
});
