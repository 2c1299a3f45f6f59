import assert from 'node:assert/strict';
import { test } from 'node:test';
import { frames, hex, parsed } from '../test-support/frames.ts';
import {
  emitIcmpv4,
  fillIcmpv4Checksum,
  Icmpv4Type,
  Icmpv4Unreachable,
  icmpv4Code,
  icmpv4EchoId,
  icmpv4EchoSequence,
  icmpv4Mtu,
  icmpv4Rest,
  icmpv4Type,
  printIcmpv4,
} from './icmpv4.ts';
import { parsePacket } from './parse.ts';
import { parseErrorText } from './parse-error.ts';
import { FrameRecord } from './record.ts';

test('echo', () => {
  const u8 = frames.icmpv4Echo;
  const record = parsed(u8);
  assert.deepEqual(
    [record.error, record.l4, record.sourcePort, record.payload, record.payloadEnd],
    [0, 34, -1, 42, 46],
  );
  assert.deepEqual([icmpv4Type(u8, 34), icmpv4Code(u8, 34)], [Icmpv4Type.ECHO_REQUEST, 0]);
  assert.deepEqual([icmpv4EchoId(u8, 34), icmpv4EchoSequence(u8, 34)], [0x1234, 5]);
  assert.equal(printIcmpv4(u8, record), 'ICMP echo request, id 4660, seq 5, length 12');
});

test('an unreachable message quotes the datagram', () => {
  const u8 = frames.icmpv4Unreachable;
  const record = parsed(u8);
  assert.deepEqual([icmpv4Type(u8, record.l4), icmpv4Code(u8, record.l4)], [3, Icmpv4Unreachable.PORT]);
  assert.equal(printIcmpv4(u8, record), 'ICMP port unreachable, length 36');
  const quoted = new FrameRecord();
  parsePacket(u8, record.payload, record.payloadEnd - record.payload, quoted);
  assert.deepEqual([quoted.ipVersion, quoted.sourcePort, quoted.destinationPort], [4, 1000, 53]);
});

test('a header that is not whole', () => {
  const u8 = frames.icmpv4Echo.slice();
  u8.set(hex('001b'), 16);
  const record = parsed(u8);
  assert.equal(parseErrorText(record.error), 'icmpv4: header is not whole (under 8 bytes)');
  assert.deepEqual([record.l4, record.payload], [34, 0]);
});

test('emits the same bytes', () => {
  const u8 = frames.icmpv4Echo.slice();
  u8.fill(0xee, 34, 42);
  assert.equal(emitIcmpv4(u8, 34, { type: Icmpv4Type.ECHO_REQUEST, rest: 0x12340005 }), 42);
  fillIcmpv4Checksum(u8, 34, 46);
  assert.deepEqual(u8, frames.icmpv4Echo);
  emitIcmpv4(u8, 34, { type: 3, code: Icmpv4Unreachable.FRAGMENTATION_NEEDED, rest: 1400 });
  assert.equal(icmpv4Mtu(u8, 34), 1400);
  assert.equal(icmpv4Rest(u8, 34), 1400);
  assert.equal(printIcmpv4(u8, parsed(u8)), 'ICMP unreachable, need to fragment (mtu 1400), length 12');
  assert.throws(() => emitIcmpv4(u8, 34, { type: 256 }), { option: 'type' });
  assert.throws(() => emitIcmpv4(u8, 40, { type: 8 }), { option: 'offset' });
});
