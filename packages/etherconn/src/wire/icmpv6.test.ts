import assert from 'node:assert/strict';
import { test } from 'node:test';
import { frames, hex, parsed } from '../test-support/frames.ts';
import {
  emitIcmpv6,
  fillIcmpv6Checksum,
  Icmpv6Type,
  icmpv6Code,
  icmpv6EchoId,
  icmpv6EchoSequence,
  icmpv6Rest,
  icmpv6Type,
  printIcmpv6,
} from './icmpv6.ts';
import { parseErrorText } from './parse-error.ts';

test('echo', () => {
  const u8 = frames.icmpv6Echo;
  const record = parsed(u8);
  assert.deepEqual(
    [record.error, record.l4, record.sourcePort, record.payload, record.payloadEnd],
    [0, 54, -1, 58, 66],
  );
  assert.deepEqual([icmpv6Type(u8, 54), icmpv6Code(u8, 54)], [Icmpv6Type.ECHO_REQUEST, 0]);
  assert.deepEqual([icmpv6EchoId(u8, 54), icmpv6EchoSequence(u8, 54)], [0x1234, 5]);
  assert.equal(printIcmpv6(u8, record), 'ICMPv6 echo request, id 4660, seq 5, length 12');
});

test('a header that is not whole', () => {
  const u8 = frames.icmpv6Echo.slice();
  u8.set(hex('0003'), 18);
  const record = parsed(u8);
  assert.equal(parseErrorText(record.error), 'icmpv6: header is not whole (under 4 bytes)');
  assert.deepEqual([record.l4, record.payload], [54, 0]);
});

test('emits the same bytes', () => {
  const u8 = frames.icmpv6Echo.slice();
  u8.fill(0xee, 54, 62);
  assert.equal(emitIcmpv6(u8, 54, { type: Icmpv6Type.ECHO_REQUEST, rest: 0x12340005 }), 62);
  fillIcmpv6Checksum(u8, 54, 66, 22, 38);
  assert.deepEqual(u8, frames.icmpv6Echo);
  emitIcmpv6(u8, 54, { type: Icmpv6Type.PACKET_TOO_BIG, rest: 1280 });
  assert.equal(icmpv6Rest(u8, 54), 1280);
  assert.equal(printIcmpv6(u8, parsed(u8)), 'ICMPv6 packet too big, mtu 1280, length 12');
  assert.throws(() => emitIcmpv6(u8, 54, { type: 1, code: 256 }), { option: 'code' });
  assert.throws(() => emitIcmpv6(u8, 60, { type: 1 }), { option: 'offset' });
});
