import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { hex } from '../test-support/frames.ts';
import {
  compareIp,
  formatIp,
  formatPrefix,
  ipEquals,
  isAllHostsIp,
  isInterfaceLocalGroup,
  isIp,
  isLimitedBroadcast,
  isLinkLocalIpv6,
  isLoopbackIp,
  isMulticastIp,
  isUnspecifiedIp,
  parseIp,
  parseIpWithZone,
  parsePrefix,
  prefixContains,
  toIpv6Bytes,
} from './ip.ts';

/** RFC 5952 §4 and §5, RFC 4291 §2.2: text in, canonical text out. */
const CANONICAL = [
  ['2001:0db8::0001', '2001:db8::1'],
  ['2001:db8:0:0:0:0:2:1', '2001:db8::2:1'],
  ['2001:db8::1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
  ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
  ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
  ['2001:DB8::ABCD', '2001:db8::abcd'],
  ['0:0:0:0:0:0:0:0', '::'],
  ['::1', '::1'],
  ['1::', '1::'],
  ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
  ['::2:3:4:5:6:7:8', '0:2:3:4:5:6:7:8'],
  ['1:0:0:0:0:0:0:8', '1::8'],
  ['0:0:1:0:0:0:0:0', '0:0:1::'],
  ['::ffff:c000:201', '::ffff:192.0.2.1'],
  ['::FFFF:192.0.2.1', '::ffff:192.0.2.1'],
  ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
  ['1:2:3:4:5:6:1.2.3.4', '1:2:3:4:5:6:102:304'],
  ['10.0.0.1', '10.0.0.1'],
  ['255.255.255.255', '255.255.255.255'],
] as const;

test('canonical text', () => {
  for (const [text, canonical] of CANONICAL) {
    assert.equal(formatIp(parseIp(text)), canonical, text);
    assert.deepEqual(parseIp(canonical), parseIp(text));
  }
  assert.deepEqual(parseIp('1:2::7.8.9.10'), hex('00010002000000000000000007 08090a'));
});

const WRONG = [
  ...[
    '',
    '1',
    '1.2.3',
    '1.2.3.4.5',
    '01.2.3.4',
    '1.2.3.256',
    '1.2.3.-1',
    '1.2.3.4 ',
    ' 1.2.3.4',
    '0x1.2.3.4',
    '1..2.3',
  ],
  ...[
    ':',
    ':::',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1::2::3',
    '12345::',
    'g::',
    ':1::',
    '1:',
    '::1:',
    '1:2:3:4:5:6:7::8',
  ],
  ...[
    '::1.2.3',
    '1.2.3.4::',
    '::1.2.3.4:5',
    '1:2:3:4:5:6:7:1.2.3.4',
    '::01.2.3.4',
    'fe80::1%eth0',
    '::1/64',
    '1.2.3.4/8',
  ],
];

test('refuses what is not an address, naming the option', () => {
  for (const text of WRONG) {
    assert.equal(isIp(text), 0, text);
    assert.throws(() => parseIp(text, 'source'), { name: 'OptionError', option: 'source' }, text);
  }
});

test('agrees with Node on which texts are addresses', () => {
  const digits = fc.constantFrom(
    '0',
    '1',
    '9',
    'f',
    'F',
    '10',
    '255',
    '256',
    '01',
    'abcd',
    '12345',
    '',
    '::',
    ':',
    '.',
    '1.2.3.4',
  );
  fc.assert(
    fc.property(fc.array(digits, { maxLength: 18 }), (parts) => {
      const text = parts.join('');
      assert.equal(isIp(text), isIP(text), text);
    }),
    { numRuns: 5000 },
  );
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
      assert.equal(isIp(text), isIP(text), text);
    }),
  );
});

test('the URL parser formats IPv6 the same way, but for IPv4-mapped addresses', () => {
  const group = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff }));
  fc.assert(
    fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), (groups) => {
      const text = groups.map((value) => value.toString(16)).join(':');
      const canonical = formatIp(parseIp(text));
      if (!canonical.includes('.')) assert.equal(`[${canonical}]`, new URL(`http://[${text}]`).hostname);
      assert.deepEqual(parseIp(canonical), parseIp(text));
    }),
    { numRuns: 1000 },
  );
});

test('zones', () => {
  assert.deepEqual(parseIpWithZone('fe80::1%eth0'), { address: parseIp('fe80::1'), zone: 'eth0' });
  assert.deepEqual(parseIpWithZone('10.0.0.1'), { address: parseIp('10.0.0.1'), zone: '' });
  for (const text of ['10.0.0.1%eth0', 'fe80::1%', 'fe80::1%a%b', '%eth0']) {
    assert.throws(() => parseIpWithZone(text), { name: 'OptionError' }, text);
  }
});

test('prefixes', () => {
  const prefix = parsePrefix('10.0.1.5/23');
  assert.deepEqual(prefix, { address: parseIp('10.0.1.5'), length: 23 });
  assert.equal(formatPrefix(prefix), '10.0.1.5/23');
  assert.ok(prefixContains(prefix, parseIp('10.0.0.0')));
  assert.ok(prefixContains(prefix, parseIp('10.0.1.255')));
  assert.ok(!prefixContains(prefix, parseIp('10.0.2.0')));
  assert.ok(prefixContains(parsePrefix('0.0.0.0/0'), parseIp('255.1.2.3')));
  assert.ok(!prefixContains(parsePrefix('10.0.0.1/32'), parseIp('10.0.0.2')));
  assert.ok(prefixContains(parsePrefix('2001:db8::/33'), parseIp('2001:db8:7fff::1')));
  assert.ok(!prefixContains(parsePrefix('2001:db8::/33'), parseIp('2001:db8:8000::1')));
  for (const text of [
    '10.0.0.1',
    '10.0.0.1/33',
    '::1/129',
    '10.0.0.1/',
    '10.0.0.1/08',
    '10.0.0.1/8/8',
    '/8',
    '10.0.0.1/-1',
  ]) {
    assert.throws(() => parsePrefix(text, 'addresses'), { name: 'OptionError', option: 'addresses' }, text);
  }
});

test('addresses that mean something of their own', () => {
  const texts = (
    is: (u8: Uint8Array, offset: number, version: number) => boolean,
    candidates: readonly string[],
  ) =>
    candidates.filter((text) => {
      const bytes = parseIp(text);
      // At an offset, as in a frame, and with what follows it.
      return is(Uint8Array.of(1, ...bytes, 1), 1, bytes.length === 4 ? 4 : 6);
    });
  const all = [
    ...['127.0.0.1', '127.255.255.255', '126.0.0.1', '128.0.0.1', '::1', '::2', '1::1', '::ffff:127.0.0.1'],
    ...['224.0.0.1', '224.0.0.2', '224.1.0.1', 'ff01::1', 'ff02::1', 'ff05::1', 'ff02::2', 'ff02::1:0:1'],
    ...['255.255.255.255', '255.255.255.254', '0.0.0.0', '::'],
  ];
  assert.deepEqual(texts(isLoopbackIp, all), ['127.0.0.1', '127.255.255.255', '::1']);
  assert.deepEqual(texts(isAllHostsIp, all), ['224.0.0.1', 'ff01::1', 'ff02::1']);
  assert.deepEqual(texts(isUnspecifiedIp, all), ['0.0.0.0', '::']);
  const groups = ['ff00::1', 'ff01::1', 'ff11::1', 'ff02::1', 'ff12::1', 'fe01::1'];
  assert.deepEqual(texts(isInterfaceLocalGroup, groups), ['ff00::1', 'ff01::1', 'ff11::1']);
  const four = all.filter((text) => text.includes('.') && !text.includes(':'));
  assert.deepEqual(texts(isLimitedBroadcast, four), ['255.255.255.255']);
  const six = ['fe80::1', 'febf::1', 'fec0::1', 'fe7f::1', 'fd80::1', '::fe80'];
  assert.deepEqual(texts(isLinkLocalIpv6, six), ['fe80::1', 'febf::1']);
});

test('IPv4-mapped addresses', () => {
  assert.equal(formatIp(toIpv6Bytes(parseIp('10.0.0.1'))), '::ffff:10.0.0.1');
  const six = parseIp('2001:db8::1');
  assert.equal(toIpv6Bytes(six), six);
});

test('kinds and order', () => {
  const all = ['10.0.0.2', '::1', '10.0.0.10', '9.255.0.0', '::'].map((text) => parseIp(text));
  assert.deepEqual(
    all.sort(compareIp).map((address) => formatIp(address)),
    ['9.255.0.0', '10.0.0.2', '10.0.0.10', '::', '::1'],
  );
  assert.ok(ipEquals(parseIp('::1'), parseIp('0::1')));
  assert.ok(!ipEquals(parseIp('10.0.0.1'), parseIp('::ffff:10.0.0.1')));
  assert.ok(isMulticastIp(parseIp('224.0.0.1'), 0, 4) && isMulticastIp(parseIp('239.0.0.1'), 0, 4));
  assert.ok(!isMulticastIp(parseIp('240.0.0.1'), 0, 4) && !isMulticastIp(parseIp('fe80::1'), 0, 6));
  assert.ok(isMulticastIp(parseIp('ff02::1'), 0, 6));
  assert.ok(isUnspecifiedIp(parseIp('::'), 0, 6) && isUnspecifiedIp(parseIp('0.0.0.0'), 0, 4));
  assert.ok(!isUnspecifiedIp(parseIp('::1'), 0, 6) && !isUnspecifiedIp(parseIp('0.0.0.1'), 0, 4));
});
