import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { buildUdpFrame } from './build.ts';
import { ChecksumState } from './checksum.ts';
import { ipv4ChecksumState } from './ipv4.ts';
import { parseFrame } from './parse.ts';
import { plainUdpIsGood } from './plain-udp.ts';
import { Fragment, FrameRecord } from './record.ts';
import { transportChecksumState } from './transport-checksum.ts';

const buffer = new ArrayBuffer(4096);
const memory = { u8: new Uint8Array(buffer), u32: new Uint32Array(buffer) };
const record = new FrameRecord();

/** Puts a frame where slots begin and parses it. Returns whether it is a UDP datagram without fault. */
function place(frame: Uint8Array, at: number): boolean {
  memory.u8.fill(0xff);
  memory.u8.set(frame, at);
  parseFrame(memory.u8, at, frame.length, record);
  return record.error === 0 && record.protocol === 17 && record.fragment === Fragment.NONE;
}

/** What the layers say. */
function isGood(): boolean {
  const state = transportChecksumState(memory.u8, record);
  const transport = state === ChecksumState.GOOD || (state === ChecksumState.ZERO && record.ipVersion === 4);
  return transport && ipv4ChecksumState(memory.u8, record) === ChecksumState.GOOD;
}

const frames = fc.record({
  sourceMac: fc.constant('02:00:00:00:00:01'),
  destinationMac: fc.constant('02:00:00:00:00:02'),
  source: fc.uint8Array({ minLength: 4, maxLength: 4 }),
  destination: fc.uint8Array({ minLength: 4, maxLength: 4 }),
  sourcePort: fc.nat(0xffff),
  destinationPort: fc.nat(0xffff),
  payload: fc.oneof(fc.uint8Array({ maxLength: 70 }), fc.uint8Array({ maxLength: 1400, size: 'max' })),
  checksum: fc.constantFrom('full' as const, 'zero' as const),
  pad: fc.boolean(),
});

test('right frames are found to be right, wherever their slot is', () => {
  fc.assert(
    fc.property(frames, fc.nat(200), (options, word) => {
      assert.ok(place(buildUdpFrame(options), 4 * word + 2));
      assert.ok(plainUdpIsGood(memory, record));
    }),
  );
});

test('what it says is right, the layers say is right: of frames with any bit turned over, or a VLAN tag', () => {
  const property = fc.property(
    frames,
    fc.constantFrom<readonly number[]>([], [5], [5, 6]),
    fc.nat(),
    (options, ids, bit) => {
      const frame = buildUdpFrame({ ...options, vlans: ids.map((id) => ({ id })) });
      const at = bit % (frame.length * 8);
      frame[at >> 3]! ^= 1 << (at & 7);
      if (!place(frame, 2)) return;
      // Only what is on a word is looked at, which all of these are.
      assert.equal(plainUdpIsGood(memory, record), isGood());
    },
  );
  fc.assert(property, { numRuns: 1000 });
});

test('options, IPv6, and places that are not on a word are left to the layers', () => {
  const base = { sourceMac: '02:00:00:00:00:01', destinationMac: '02:00:00:00:00:02' };
  const ports = { sourcePort: 1, destinationPort: 2, payload: 'abc' };
  const plain = buildUdpFrame({ ...base, ...ports, source: '10.0.0.1', destination: '10.0.0.2' });
  for (const at of [0, 1, 3]) {
    assert.ok(place(plain, at));
    assert.equal(plainUdpIsGood(memory, record), false);
  }
  assert.ok(place(buildUdpFrame({ ...base, ...ports, source: '::1', destination: '::2' }), 2));
  assert.equal(plainUdpIsGood(memory, record), false);
});

test('the length that counts is that of the headers, not of the frame', () => {
  const options = { sourceMac: '02:00:00:00:00:01', destinationMac: '02:00:00:00:00:02', payload: 'abc' };
  const frame = buildUdpFrame({
    ...options,
    source: '10.0.0.1',
    destination: '10.0.0.2',
    sourcePort: 1,
    destinationPort: 2,
  });
  const padded = new Uint8Array(60).fill(0xee);
  padded.set(frame);
  assert.ok(place(padded, 2));
  assert.ok(plainUdpIsGood(memory, record));
});
