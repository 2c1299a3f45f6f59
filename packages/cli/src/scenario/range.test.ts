import assert from 'node:assert/strict';
import { test } from 'node:test';
import { macRangeOf } from './default-mac.ts';
import { parseFrameSizes } from './frame-sizes.ts';
import {
  parseCount,
  parseDuration,
  parseLeaseTime,
  parsePrefix,
  parseRate,
  parseRatio,
  parseSeed,
  parseWhole,
  prefixOf,
} from './quantity.ts';
import {
  parseAddressRange,
  parseMacRange,
  parsePortRange,
  parseUnicastMac,
  parseVlanRange,
  type Range,
} from './range.ts';

const all = <T>(range: Range<T>): T[] => Array.from({ length: range.count }, (_, n) => range.at(n));

test('ranges of MAC addresses, addresses, ports', () => {
  assert.deepEqual(all(parseMacRange('--mac', '02:00:00:00:00:ff+2')), [
    '02:00:00:00:00:ff',
    '02:00:00:00:01:00',
  ]);
  assert.deepEqual(all(parseAddressRange('--from', '10.0.0.255-10.0.1.1')), [
    '10.0.0.255',
    '10.0.1.0',
    '10.0.1.1',
  ]);
  assert.deepEqual(all(parseAddressRange('--from', 'fd00::ffff+2,fd00::5')), [
    'fd00::ffff',
    'fd00::1:0',
    'fd00::5',
  ]);
  assert.equal(parseAddressRange('--from', 'fd00::1').version, 6);
  assert.deepEqual(all(parsePortRange('--port', '7,1000-1002')), [7, 1000, 1001, 1002]);
});

test('a range begins again behind its end, and x gives each value to several numbers', () => {
  const range = parsePortRange('--port', '1-3x2');
  assert.equal(range.count, 6);
  assert.deepEqual(
    [0, 1, 2, 3, 4, 5, 6, 7].map((n) => range.at(n)),
    [1, 1, 2, 2, 3, 3, 1, 1],
  );
});

test('the values of some numbers as spans are those that the numbers have', () => {
  const number = (value: string | number): bigint =>
    typeof value === 'number' ? BigInt(value) : BigInt(`0x${value.replaceAll(':', '')}`);
  const texts = [
    '02:00:00:00:00:01+5',
    '02:00:00:00:00:01,02:00:00:00:00:08+3',
    '02:00:00:00:00:05+2,02:00:00:00:00:01x3',
  ];
  for (const range of [...texts.map((text) => parseMacRange('', text)), parsePortRange('', '7,1-3x2')])
    for (let first = 0; first < 20; first++)
      for (let count = 0; count < 20; count++) {
        const has = new Set(Array.from({ length: count }, (_, i) => number(range.at(first + i))));
        const [spans] = range.spans(first, count);
        const said = spans.flatMap(([from, to]) =>
          Array.from({ length: Number(to - from) + 1 }, (_, i) => from + BigInt(i)),
        );
        assert.deepEqual([...new Set(said)].sort(), [...has].sort(), `${range.text} ${first}+${count}`);
      }
  const pairs = parseVlanRange('', '100-101.200-202');
  assert.deepEqual(pairs.spans(2, 2), [
    [[100n, 101n]],
    [
      [202n, 202n],
      [200n, 200n],
    ],
  ]);
});

test('default MAC addresses of a range are the spans that it says', () => {
  assert.deepEqual(macRangeOf(parseAddressRange('', '10.0.0.1+3')).spans(1, 2), [
    [[0x02ec0a000002n, 0x02ec0a000003n]],
  ]);
  const wrapping = macRangeOf(parseAddressRange('', 'fd00::ffff:ffff+2'));
  assert.deepEqual(wrapping.spans(0, 2), [
    [
      [0x02ecffffffffn, 0x02ecffffffffn],
      [0x02ec00000000n, 0x02ec00000000n],
    ],
  ]);
  assert.deepEqual([wrapping.at(0), wrapping.at(1)], ['02:ec:ff:ff:ff:ff', '02:ec:00:00:00:00']);
});

test('VLANs: the inner id changes first', () => {
  assert.deepEqual(all(parseVlanRange('--vlan', '100')), [[100]]);
  assert.deepEqual(all(parseVlanRange('--vlan', '100-101')), [[100], [101]]);
  assert.deepEqual(all(parseVlanRange('--vlan', '100.200')), [[100, 200]]);
  const pairs = parseVlanRange('--vlan', '100-101.200-201');
  assert.deepEqual(all(pairs), [
    [100, 200],
    [100, 201],
    [101, 200],
    [101, 201],
  ]);
  assert.deepEqual(pairs.at(4), [100, 200]);
});

test('errors name the option and what is allowed', () => {
  for (const [parse, message] of [
    [() => parseMacRange('--mac', '02:00'), /^--mac: must be a MAC address like .*, got '02:00'$/],
    [() => parseMacRange('--mac', 'ff:ff:ff:ff:ff:ff+2'), /^--mac: goes past the highest value/],
    [() => parseAddressRange('--from', '10.0.0.300'), /^--from: must be an IP address/],
    [() => parseAddressRange('--from', '10.0.0.1-fd00::1'), /^--from: /],
    [() => parseAddressRange('--from', '10.0.0.9-10.0.0.1'), /^--from: must not end before it begins/],
    [() => parseAddressRange('--from', '10.0.0.1+0'), /^--from: behind \+ comes how many/],
    [() => parseAddressRange('--from', '10.0.0.1+99999999'), /^--from: must have at most 16777216 values/],
    [() => parsePortRange('--port', '0'), /^--port: must be a port from 1 to 65535/],
    [() => parsePortRange('--port', '65530+10'), /^--port: goes past/],
    [() => parsePortRange('--port', '1x0'), /^--port: each value must serve/],
    [() => parsePortRange('--port', ''), /^--port: /],
    [() => parseVlanRange('--vlan', '4095'), /^--vlan: must be a VLAN id from 1 to 4094/],
    [() => parseVlanRange('--vlan', '1.2.3'), /^--vlan: must have at most two tags/],
    [() => parseFrameSizes('--size', '63'), /^--size: must be a frame size from 64/],
    [() => parseRate('--rate', '10'), /^--rate: must be a rate like/],
    [() => parseDuration('--duration', '-1s'), /^--duration: must be a time/],
    [() => parseCount('--count', '1.5'), /^--count: must be a whole number from 1/],
    [() => parseRatio('--loss', '101%'), /^--loss: must be a percentage/],
    [() => parseUnicastMac('--mac', '01:00:5e:00:00:01'), /^--mac: must be one MAC address, and no group's/],
    [() => parseUnicastMac('--mac', '02:00:00:00:00:01+2'), /^--mac: must be one MAC address/],
    [
      () => parseWhole('--retries', '21', 0, 20),
      /^--retries: must be a whole number from 0 to 20, got '21'$/,
    ],
    [() => parseSeed('--seed', '-1'), /^--seed: must be a whole number from 0 to 999999999999999, got '-1'$/],
    [
      () => parsePrefix('--prefix', '129'),
      /^--prefix: must be a number of bits from 1 to 32, with IPv6 to 128/,
    ],
    [() => prefixOf('--prefix', 64, 4), /^--prefix: must be at most 32 with IPv4, got 64$/],
    [() => parseLeaseTime('--lease-time', '1.5s'), /^--lease-time: must be whole seconds, or forever/],
  ] as const) {
    assert.throws(parse, { message });
  }
});

test('quantities', () => {
  assert.equal(parseDuration('-', '500ms'), 500);
  assert.equal(parseDuration('-', '1.5m'), 90_000);
  assert.equal(parseDuration('-', '3'), 3000);
  assert.equal(parseCount('-', '1.5M'), 1_500_000);
  assert.deepEqual(parseRate('-', '10kpps'), { value: 10_000, unit: 'pps' });
  assert.deepEqual(parseRate('-', '2.5Gbps'), { value: 2.5e9, unit: 'bps' });
  assert.deepEqual(parseRate('-', '100mbit'), { value: 1e8, unit: 'bps' });
  assert.equal(parseRate('-', 'max').value, Number.POSITIVE_INFINITY);
  assert.equal(parseRatio('-', '0.01%'), 0.0001);
  assert.equal(parseSeed('-', '999999999999999'), 999_999_999_999_999);
  assert.deepEqual([parseLeaseTime('-', '10m'), parseLeaseTime('-', 'forever')], [600, 0xffffffff]);
  assert.deepEqual([prefixOf('-', undefined, 4), prefixOf('-', undefined, 6)], [24, 64]);
  assert.deepEqual([prefixOf('-', 32, 4), prefixOf('-', 64, 6)], [32, 64]);
  const imix = parseFrameSizes('-', 'imix');
  assert.equal(imix.sizes.filter((size) => size === 64).length, 7);
  assert.equal(imix.sizes.filter((size) => size === 594).length, 4);
  assert.equal(imix.sizes.filter((size) => size === 1518).length, 1);
  assert.deepEqual(parseFrameSizes('-', '64:2,128').sizes, [64, 64, 128]);
});
