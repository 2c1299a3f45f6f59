import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { hex } from '../test-support/frames.ts';
import { emitTcp } from './tcp.ts';
import {
  emitTcpMss,
  emitTcpSack,
  emitTcpSackPermitted,
  emitTcpTimestamps,
  emitTcpWindowScale,
  parseTcpOptions,
  TcpOptions,
} from './tcp-options.ts';

const ENDS = { sourcePort: 1, destinationPort: 2 };

/** What is read of a header whose options are these bytes, padded with "end of options"; and whether they are whole. */
function read(bytes: string): [boolean, TcpOptions] {
  const options = new Uint8Array(4 * Math.ceil(hex(bytes).length / 4));
  options.set(hex(bytes));
  const u8 = new Uint8Array(20 + options.length);
  emitTcp(u8, 0, { ...ENDS, options });
  const parsed = new TcpOptions();
  return [parseTcpOptions(u8, 0, parsed), parsed];
}

test("the options of Linux's SYN", () => {
  const [isWhole, options] = read('020405b4 0402 080a 01020304 f5060708 01 030307');
  assert.equal(isWhole, true);
  assert.deepEqual(
    [options.mss, options.windowShift, options.sackPermitted, options.hasTimestamps],
    [1460, 7, true, true],
  );
  assert.deepEqual([options.timestamp, options.timestampEcho], [0x01020304, 0xf5060708 | 0]);
  assert.equal(options.sackBlocks, 0);
});

test('unknown options and wrong lengths are skipped, and nothing stays of the segment before', () => {
  const [isWhole, options] = read('fe04aabb 0203ff 03030f 0500 020405b4');
  assert.deepEqual([isWhole, options.mss, options.windowShift], [false, 0, 14]);
  const u8 = new Uint8Array(20);
  emitTcp(u8, 0, ENDS);
  assert.equal(parseTcpOptions(u8, 0, options), true);
  assert.deepEqual(options, new TcpOptions());
  assert.equal(read('00 020405b4')[1].mss, 0);
});

test('lengths that lead out of the header', () => {
  for (const bytes of ['02', '01010102', '02000000', '0201', '080a0000', '01010205']) {
    assert.equal(read(bytes)[0], false, bytes);
  }
});

test('what is emitted is parsed', () => {
  const i32 = fc.integer({ min: -0x80000000, max: 0x7fffffff });
  const property = fc.property(
    fc.nat(0xffff),
    fc.nat(14),
    i32,
    i32,
    fc.array(fc.tuple(i32, i32), { maxLength: 1 }),
    (mss, shift, timestamp, echo, blocks) => {
      const u8 = new Uint8Array(60);
      emitTcp(u8, 0, { ...ENDS, options: new Uint8Array(40) });
      let at = emitTcpMss(u8, 20, mss);
      at = emitTcpSackPermitted(u8, at);
      at = emitTcpTimestamps(u8, at, timestamp, echo);
      at = emitTcpWindowScale(u8, at, shift);
      at = emitTcpSack(u8, at, Int32Array.from(blocks.flat()), blocks.length);
      assert.equal(at, 44 + (blocks.length === 0 ? 0 : 12));
      const options = new TcpOptions();
      assert.equal(parseTcpOptions(u8, 0, options), true);
      assert.deepEqual([options.mss, options.windowShift, options.sackPermitted], [mss, shift, true]);
      assert.deepEqual([options.timestamp, options.timestampEcho], [timestamp, echo]);
      assert.deepEqual([...options.sack.subarray(0, 2 * options.sackBlocks)], blocks.flat());
    },
  );
  fc.assert(property);
});

test('any bytes are read without an error, and nothing is read from behind the header', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 40, maxLength: 40 }), fc.nat(10), (bytes, words) => {
      const header = new Uint8Array(20 + 4 * words);
      emitTcp(header, 0, { ...ENDS, options: bytes.subarray(0, 4 * words) });
      const longer = new Uint8Array(80).fill(0x02);
      longer.set(header);
      const [exact, loose] = [new TcpOptions(), new TcpOptions()];
      assert.equal(parseTcpOptions(header, 0, exact), parseTcpOptions(longer, 0, loose));
      assert.deepEqual(exact, loose);
      assert.ok(exact.sackBlocks <= 4);
    }),
  );
});
