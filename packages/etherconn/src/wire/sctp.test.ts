import assert from 'node:assert/strict';
import { test } from 'node:test';
import { frames, hex, parsed } from '../test-support/frames.ts';
import { parseErrorText } from './parse-error.ts';
import {
  emitSctp,
  fillSctpChecksum,
  printSctp,
  sctpDestinationPort,
  sctpSourcePort,
  sctpVerificationTag,
} from './sctp.ts';

test('ports, and the chunks as payload', () => {
  const record = parsed(frames.sctp4);
  assert.deepEqual(
    [record.error, record.protocol, record.sourcePort, record.destinationPort],
    [0, 132, 7, 9],
  );
  assert.deepEqual([record.l4, record.payload, record.payloadEnd], [34, 46, 50]);
  assert.deepEqual([sctpSourcePort(frames.sctp4, 34), sctpDestinationPort(frames.sctp4, 34)], [7, 9]);
  assert.equal(sctpVerificationTag(frames.sctp4, 34), 0xdeadbeef);
  assert.equal(printSctp(frames.sctp4, record), 'SCTP 7 > 9, tag 3735928559, length 4');
});

test('a header that is not whole has no ports', () => {
  const u8 = frames.sctp4.slice();
  u8.set(hex('001f'), 16);
  const record = parsed(u8);
  assert.equal(parseErrorText(record.error), 'sctp: header is not whole (under 12 bytes)');
  assert.deepEqual([record.sourcePort, record.payload], [-1, 0]);
  u8.set(hex('2000'), 20);
  assert.equal(parsed(u8).error, 0, 'a first fragment');
});

test('emits the same bytes', () => {
  const u8 = frames.sctp4.slice();
  u8.fill(0xee, 34, 46);
  assert.equal(emitSctp(u8, 34, { sourcePort: 7, destinationPort: 9, verificationTag: 0xdeadbeef }), 46);
  fillSctpChecksum(u8, 34, 50);
  assert.deepEqual(u8, frames.sctp4);
  assert.throws(() => emitSctp(u8, 34, { sourcePort: 7, destinationPort: 65536 }), {
    option: 'destinationPort',
  });
  assert.throws(() => emitSctp(u8, 40, { sourcePort: 7, destinationPort: 9 }), { option: 'offset' });
});
