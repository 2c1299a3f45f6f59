import assert from 'node:assert/strict';
import { test } from 'node:test';
import { frames, hex, parsed } from '../test-support/frames.ts';
import { buildUdpFrame } from './build.ts';
import { ChecksumState } from './checksum.ts';
import { parseErrorText } from './parse-error.ts';
import { transportChecksumState } from './transport-checksum.ts';
import {
  emitUdp,
  fillUdpChecksum,
  printUdp,
  UDP_PAYLOAD_MAX,
  udpChecksum,
  udpDestinationPort,
  udpLength,
  udpSourcePort,
} from './udp.ts';

/** A copy of a frame with other bytes from `at` on. */
function changed(frame: Uint8Array, at: number, bytes: string): Uint8Array {
  const u8 = frame.slice();
  u8.set(hex(bytes), at);
  return u8;
}

test('ports, length and payload', () => {
  for (const u8 of [frames.udp4, frames.udp4Padded, frames.udp6]) {
    const record = parsed(u8);
    assert.deepEqual([record.error, record.sourcePort, record.destinationPort], [0, 1000, 53]);
    assert.equal(new TextDecoder().decode(u8.slice(record.payload, record.payloadEnd)), 'hello');
    assert.deepEqual([udpSourcePort(u8, record.l4), udpDestinationPort(u8, record.l4)], [1000, 53]);
    assert.equal(udpLength(u8, record.l4), 13);
    assert.equal(printUdp(u8, record), 'UDP 1000 > 53, length 5');
  }
});

test('a length under that of the IP payload cuts the payload', () => {
  const record = parsed(changed(frames.udp4, 38, '000a'));
  assert.deepEqual([record.error, record.payload, record.payloadEnd, record.l3End], [0, 42, 44, 47]);
});

test('an empty datagram', () => {
  const record = parsed(changed(frames.udp4, 38, '0008'));
  assert.deepEqual([record.error, record.payload, record.payloadEnd], [0, 42, 42]);
});

test('wrong lengths', () => {
  const faults: [Uint8Array, string, number][] = [
    [changed(frames.udp4, 38, '0007'), 'udp: length is under 8', 42],
    [changed(frames.udp4, 38, '0000'), 'udp: length is under 8', 42],
    [changed(frames.udp6, 58, '0000'), 'udp: length is under 8', 62],
    [changed(frames.udp4, 38, '000e'), 'udp: length is over the IP payload', 47],
    [changed(frames.udp4Padded, 38, '000e'), 'udp: length is over the IP payload', 47],
    [changed(frames.udp6, 58, 'ffff'), 'udp: length is over the IP payload', 67],
  ];
  for (const [u8, text, payloadEnd] of faults) {
    const record = parsed(u8);
    assert.equal(parseErrorText(record.error), text);
    assert.deepEqual([record.sourcePort, record.destinationPort, record.payloadEnd], [1000, 53, payloadEnd]);
  }
});

test('a header that is not whole has no ports', () => {
  const record = parsed(changed(frames.udp4, 16, '001b'));
  assert.equal(parseErrorText(record.error), 'udp: header is not whole (under 8 bytes)');
  assert.deepEqual([record.l4, record.sourcePort, record.destinationPort, record.payload], [34, -1, -1, 0]);
});

test('a first fragment may be shorter than the length says, or than the header', () => {
  assert.equal(udpLength(frames.udp4First, 34), 40);
  assert.equal(parsed(frames.udp4First).error, 0);
  const tiny = parsed(changed(frames.udp4First, 16, '0018'));
  assert.deepEqual([tiny.error, tiny.sourcePort, tiny.payload], [0, -1, 0]);
});

test('emits the same bytes', () => {
  const u8 = frames.udp4.slice();
  u8.fill(0xee, 34, 42);
  assert.equal(emitUdp(u8, 34, { sourcePort: 1000, destinationPort: 53, payloadLength: 5 }), 42);
  assert.equal(udpChecksum(u8, 34), 0);
  fillUdpChecksum(u8, 34, 4, 26, 30);
  assert.deepEqual(u8, frames.udp4);
  const v6 = frames.udp6.slice();
  emitUdp(v6, 54, { sourcePort: 1000, destinationPort: 53, payloadLength: 5 });
  fillUdpChecksum(v6, 54, 6, 22, 38);
  assert.deepEqual(v6, frames.udp6);
});

test('a computed checksum of 0 goes out as 0xffff, and is good', () => {
  const options = {
    sourceMac: '02:00:00:00:00:01',
    destinationMac: '02:00:00:00:00:02',
    source: '10.0.0.1',
    destination: '10.0.0.2',
    sourcePort: 1000,
    destinationPort: 53,
  };
  // The payload is what is missing to a sum of 0xffff: the checksum of the datagram with a payload of zeros.
  const rest = udpChecksum(buildUdpFrame({ ...options, payload: hex('0000') }), 34);
  const u8 = buildUdpFrame({ ...options, payload: Uint8Array.of(rest >> 8, rest & 0xff) });
  assert.equal(udpChecksum(u8, 34), 0xffff);
  assert.equal(transportChecksumState(u8, parsed(u8)), ChecksumState.GOOD);
});

test('wrong fields are refused', () => {
  const u8 = new Uint8Array(8);
  const good = { sourcePort: 1, destinationPort: 2, payloadLength: UDP_PAYLOAD_MAX };
  emitUdp(u8, 0, good);
  assert.equal(udpLength(u8, 0), 0xffff);
  assert.throws(() => emitUdp(u8, 0, { ...good, payloadLength: UDP_PAYLOAD_MAX + 1 }), {
    option: 'payloadLength',
  });
  assert.throws(() => emitUdp(u8, 0, { ...good, sourcePort: 65536 }), { option: 'sourcePort' });
  assert.throws(() => emitUdp(u8, 0, { ...good, destinationPort: -1 }), { option: 'destinationPort' });
  assert.throws(() => emitUdp(u8, 1, good), { option: 'offset' });
});
