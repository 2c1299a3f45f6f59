import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { frames, hex, parsed } from '../test-support/frames.ts';
import { parseErrorText } from './parse-error.ts';
import {
  emitTcp,
  fillTcpChecksum,
  printTcp,
  TcpFlag,
  tcpAcknowledgment,
  tcpChecksum,
  tcpDestinationPort,
  tcpFlags,
  tcpHeaderLength,
  tcpSequence,
  tcpSourcePort,
  tcpWindow,
} from './tcp.ts';

/** A copy of a frame with other bytes from `at` on. */
function changed(frame: Uint8Array, at: number, bytes: string): Uint8Array {
  const u8 = frame.slice();
  u8.set(hex(bytes), at);
  return u8;
}

test('ports, and the payload behind the options', () => {
  const u8 = frames.tcp4;
  const record = parsed(u8);
  assert.deepEqual(
    [record.error, record.protocol, record.sourcePort, record.destinationPort],
    [0, 6, 1234, 80],
  );
  assert.deepEqual([record.l4, record.payload, record.payloadEnd], [34, 58, 61]);
  assert.deepEqual([tcpSourcePort(u8, 34), tcpDestinationPort(u8, 34), tcpWindow(u8, 34)], [1234, 80, 1000]);
  assert.deepEqual([tcpSequence(u8, 34), tcpAcknowledgment(u8, 34)], [0x01020304, 0x05060708]);
  assert.deepEqual([tcpHeaderLength(u8, 34), tcpFlags(u8, 34)], [24, TcpFlag.SYN | TcpFlag.ACK]);
  assert.equal(
    printTcp(u8, record),
    'TCP 1234 > 80, flags [S.], seq 16909060, ack 84281096, win 1000, length 3',
  );
});

test('wrong data offsets', () => {
  const under = parsed(changed(frames.tcp4, 46, '40'));
  assert.equal(parseErrorText(under.error), 'tcp: data offset is under 20');
  assert.deepEqual([under.destinationPort, under.payload], [80, 0]);
  const over = parsed(changed(frames.tcp4, 46, '70'));
  assert.equal(parseErrorText(over.error), 'tcp: data offset is over the IP payload');
  assert.deepEqual([over.destinationPort, over.payload], [80, 0]);
});

test('a header that is not whole has no ports', () => {
  const record = parsed(changed(frames.tcp4, 16, '0027'));
  assert.equal(parseErrorText(record.error), 'tcp: header is not whole (under 20 bytes)');
  assert.deepEqual([record.sourcePort, record.payload], [-1, 0]);
});

test('missing bytes: ports while the fixed part is there, payload while the options are', () => {
  for (let length = 34; length < 61; length++) {
    const record = parsed(frames.tcp4, 0, length);
    assert.equal(parseErrorText(record.error), 'ipv4: total length is over the bytes there');
    assert.equal(record.destinationPort, length >= 54 ? 80 : -1);
    assert.equal(record.payload, length >= 58 ? 58 : 0);
  }
});

test('a first fragment may end inside the header', () => {
  const options = parsed(changed(changed(frames.tcp4, 20, '2000'), 16, '002a'));
  assert.deepEqual([options.error, options.destinationPort, options.payload], [0, 80, 0]);
  const fixed = parsed(changed(changed(frames.tcp4, 20, '2000'), 16, '001c'));
  assert.deepEqual([fixed.error, fixed.destinationPort, fixed.payload], [0, -1, 0]);
});

test('emits the same bytes', () => {
  const u8 = frames.tcp4.slice();
  u8.fill(0xee, 34, 58);
  const end = emitTcp(u8, 34, {
    sourcePort: 1234,
    destinationPort: 80,
    sequence: 0x01020304,
    acknowledgment: 0x05060708,
    flags: TcpFlag.SYN | TcpFlag.ACK,
    window: 1000,
    options: hex('020405b4'),
  });
  assert.equal(end, 58);
  fillTcpChecksum(u8, 34, 61, 4, 26, 30);
  assert.deepEqual(u8, frames.tcp4);
});

test('what is emitted is parsed', () => {
  const u32 = fc.integer({ min: 0, max: 0xffffffff });
  const u16 = fc.nat(0xffff);
  const fields = fc.record({
    ...{ sourcePort: u16, destinationPort: u16, window: u16, urgent: u16, flags: fc.nat(255) },
    ...{ sequence: u32, acknowledgment: u32, options: fc.nat(10).map((words) => new Uint8Array(4 * words)) },
  });
  fc.assert(
    fc.property(fields, (tcp) => {
      const u8 = new Uint8Array(34 + 20 + tcp.options.length);
      u8.set(frames.tcp4.slice(0, 34));
      u8[17] = u8.length - 14;
      const end = emitTcp(u8, 34, tcp);
      const record = parsed(u8);
      assert.deepEqual([record.error, record.payload, record.payloadEnd], [0, end, end]);
      assert.deepEqual([record.sourcePort, record.destinationPort], [tcp.sourcePort, tcp.destinationPort]);
      assert.deepEqual(
        [
          tcpSequence(u8, 34),
          tcpAcknowledgment(u8, 34),
          tcpFlags(u8, 34),
          tcpWindow(u8, 34),
          tcpChecksum(u8, 34),
        ],
        [tcp.sequence, tcp.acknowledgment, tcp.flags, tcp.window, 0],
      );
    }),
  );
  assert.throws(
    () => emitTcp(new Uint8Array(60), 0, { sourcePort: 1, destinationPort: 2, options: hex('01') }),
    {
      option: 'options',
    },
  );
  assert.throws(() => emitTcp(new Uint8Array(19), 0, { sourcePort: 1, destinationPort: 2 }), {
    option: 'offset',
  });
});
