import assert from 'node:assert/strict';
import { test } from 'node:test';
import { frames, hex, parsed } from '../test-support/frames.ts';
import { emitITag, I_TAG_LENGTH, isITag, iTagPriority, iTagServiceId } from './i-tag.ts';
import { printFrame, printPacket } from './print.ts';

const OUTER = '02000000 00020200 00000001 88e7';

test('a tag: literal bytes, and written the same', () => {
  const u8 = hex(`${OUTER} b00a 0b0c 0600`);
  const record = parsed(u8);
  assert.equal(isITag(record), true);
  assert.deepEqual([record.l3, record.etherType, record.error], [14, 0x88e7, 0]);
  assert.deepEqual([iTagServiceId(u8, 14), iTagPriority(u8, 14)], [0x0a0b0c, 5]);
  const made = new Uint8Array(6);
  const end = emitITag(made, 1, { serviceId: 0x0a0b0c, priority: 5, dropEligible: true });
  assert.equal(end, 1 + I_TAG_LENGTH);
  assert.deepEqual(made, hex('00 b00a0b0c 00'));
  assert.deepEqual(made.slice(0, emitITag(made, 0, { serviceId: 1 })), hex('00000001'));
});

test('what is no whole tag, and wrong fields', () => {
  assert.equal(isITag(parsed(hex(`${OUTER} b00a0b`))), false);
  assert.equal(isITag(parsed(frames.udp4)), false);
  const u8 = new Uint8Array(8);
  assert.throws(() => emitITag(u8, 0, { serviceId: 1 << 24 }), { option: 'serviceId' });
  assert.throws(() => emitITag(u8, 0, { serviceId: 1, priority: 8 }), { option: 'priority' });
  assert.throws(() => emitITag(u8, 5, { serviceId: 1 }), { name: 'OptionError' });
});

test('it is printed with the frame that it carries; a packet without a frame as such', () => {
  const u8 = new Uint8Array([...hex(`${OUTER} b00a 0b0c`), ...frames.udp4]);
  assert.equal(
    printFrame(u8),
    `02:00:00:00:00:01 > 02:00:00:00:00:02, ethertype 802.1ah (0x88e7), length 65: isid 658188, priority 5: ${printFrame(frames.udp4)}`,
  );
  const packet = '10.0.0.1 > 10.0.0.2: UDP, ttl 64, id 7, length 33: UDP 1000 > 53, length 5';
  assert.equal(printPacket(frames.udp4, 14), packet);
  assert.equal(printPacket(new Uint8Array(0)), 'length 0 [ipv4: header is not whole]');
});
