import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { OptionError } from '../errors.ts';
import { hex } from '../test-support/frames.ts';
import { parseIp } from './ip.ts';
import {
  BROADCAST,
  formatMac,
  ipv4MulticastMac,
  ipv6MulticastMac,
  isBroadcastMac,
  isGroupMac,
  isMac,
  linkLocalAddress,
  macHigh,
  macLow,
  parseMac,
  solicitedNodeAddress,
} from './mac.ts';

test('takes the usual forms of a MAC address', () => {
  for (const text of [
    '02:00:5e:10:00:fe',
    '02-00-5E-10-00-FE',
    '0200.5e10.00fe',
    '2:0:5e:10:0:fe',
    '2-0-5E-10-0-FE',
  ]) {
    assert.deepEqual(parseMac(text), hex('02005e1000fe'), text);
  }
});

test('refuses everything else, naming the option', () => {
  const wrong = [
    '',
    '02:00:5e:10:00',
    '02:00:5e:10:00:fe:00',
    '02:00-5e:10:00:fe',
    '0200.5e10',
    '02005e1000fe',
    'g0:0:0:0:0:0',
  ];
  for (const text of [
    ...wrong,
    ' 02:00:5e:10:00:fe',
    '02:00:5e:10:00:fe\n',
    '002:0:0:0:0:0',
    '02::5e:10:00:fe',
  ]) {
    assert.equal(isMac(text), false, text);
    assert.throws(() => parseMac(text, 'source'), { name: 'OptionError', option: 'source' }, text);
  }
  assert.throws(() => parseMac(5 as unknown as string), OptionError);
});

test('a MAC address survives text, and two numbers', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 6, maxLength: 6 }), (mac) => {
      const text = formatMac(mac);
      assert.match(text, /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/);
      assert.deepEqual(parseMac(text), Uint8Array.from(mac));
      assert.equal(
        (BigInt(macHigh(mac)) << 16n) | BigInt(macLow(mac)),
        BigInt(`0x${text.replaceAll(':', '')}`),
      );
    }),
  );
});

test('reads at an offset', () => {
  const u8 = hex('aaaa 0180c2000000 ffffffffffff 02ffffffffff');
  assert.equal(formatMac(u8, 2), '01:80:c2:00:00:00');
  assert.equal(macHigh(u8, 8), 0xffffffff);
  assert.deepEqual([isGroupMac(u8, 2), isGroupMac(u8, 8), isGroupMac(u8, 14)], [true, true, false]);
  assert.deepEqual(
    [isBroadcastMac(u8, 2), isBroadcastMac(u8, 8), isBroadcastMac(u8, 14)],
    [false, true, false],
  );
  assert.ok(isBroadcastMac(BROADCAST));
});

test('maps multicast addresses', () => {
  assert.equal(formatMac(ipv4MulticastMac(parseIp('224.0.0.251'))), '01:00:5e:00:00:fb');
  assert.equal(formatMac(ipv4MulticastMac(parseIp('239.255.255.250'))), '01:00:5e:7f:ff:fa');
  assert.equal(formatMac(ipv6MulticastMac(parseIp('ff02::1:ff28:9c5a'))), '33:33:ff:28:9c:5a');
  assert.deepEqual(solicitedNodeAddress(parseIp('4037::1:800:200e:8c6c')), parseIp('ff02::1:ff0e:8c6c'));
  assert.deepEqual(linkLocalAddress(parseMac('34:56:78:9a:bc:de')), parseIp('fe80::3656:78ff:fe9a:bcde'));
});
