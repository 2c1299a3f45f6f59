import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { frames, hex, parsed } from '../test-support/frames.ts';
import {
  ARP_LENGTH,
  ARP_SENDER_IP,
  ARP_SENDER_MAC,
  ARP_TARGET_IP,
  ARP_TARGET_MAC,
  ArpOperation,
  arpOperation,
  emitArp,
  isArpIpv4,
  printArp,
} from './arp.ts';
import { formatIp, parseIp } from './ip.ts';
import { formatMac, parseMac } from './mac.ts';
import { parseErrorText } from './parse-error.ts';

test('request and reply', () => {
  const request = parsed(frames.arpRequest);
  assert.deepEqual([request.error, request.etherType, request.l3, request.ipVersion], [0, 0x0806, 14, 0]);
  assert.ok(isArpIpv4(frames.arpRequest, request));
  assert.equal(arpOperation(frames.arpRequest, 14), ArpOperation.REQUEST);
  assert.equal(formatMac(frames.arpRequest, 14 + ARP_SENDER_MAC), '02:00:00:00:00:01');
  assert.equal(formatIp(frames.arpRequest, 14 + ARP_SENDER_IP, 4), '10.0.0.1');
  assert.equal(formatMac(frames.arpRequest, 14 + ARP_TARGET_MAC), '00:00:00:00:00:00');
  assert.equal(formatIp(frames.arpRequest, 14 + ARP_TARGET_IP, 4), '10.0.0.2');
  assert.equal(printArp(frames.arpRequest, request), 'ARP, Request who-has 10.0.0.2 tell 10.0.0.1');
  assert.equal(
    printArp(frames.arpReply, parsed(frames.arpReply)),
    'ARP, Reply 10.0.0.2 is-at 02:00:00:00:00:02',
  );
});

test('emits the same bytes', () => {
  const u8 = new Uint8Array(ARP_LENGTH).fill(0xee);
  const end = emitArp(u8, 0, {
    operation: ArpOperation.REQUEST,
    senderMac: parseMac('02:00:00:00:00:01'),
    senderIp: parseIp('10.0.0.1'),
    targetIp: parseIp('10.0.0.2'),
  });
  assert.equal(end, ARP_LENGTH);
  assert.deepEqual(u8, frames.arpRequest.slice(14));
});

test('what is emitted is parsed', () => {
  const mac = fc.uint8Array({ minLength: 6, maxLength: 6 });
  const ip = fc.uint8Array({ minLength: 4, maxLength: 4 });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 65535 }),
      mac,
      ip,
      mac,
      ip,
      (operation, senderMac, senderIp, targetMac, targetIp) => {
        const u8 = Uint8Array.from([...frames.arpReply.slice(0, 14), ...new Uint8Array(ARP_LENGTH)]);
        emitArp(u8, 14, { operation, senderMac, senderIp, targetMac, targetIp });
        assert.ok(isArpIpv4(u8, parsed(u8)));
        assert.equal(arpOperation(u8, 14), operation);
        assert.deepEqual(
          u8.slice(22),
          Uint8Array.from([...senderMac, ...senderIp, ...targetMac, ...targetIp]),
        );
      },
    ),
  );
});

test('a packet that is not whole by its own lengths', () => {
  for (let length = 14; length < 42; length++) {
    assert.equal(
      parseErrorText(parsed(frames.arpReply, 0, length).error),
      'arp: packet is not whole',
      `${length}`,
    );
  }
  const long = hex('ffffffffffff 020000000001 0806 0001 0800 ff ff 0001 0000');
  assert.equal(parseErrorText(parsed(long).error), 'arp: packet is not whole');
});

test('other hardware is not malformed, and not for the accessors', () => {
  const other = hex('ffffffffffff 020000000001 0806 0020 0800 01 04 0001 aa 0a000001 bb 0a000002');
  const record = parsed(other);
  assert.equal(record.error, 0);
  assert.equal(isArpIpv4(other, record), false);
  assert.equal(printArp(other, record), 'ARP');
});
