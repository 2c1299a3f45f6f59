import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type FrameName, frames, hex, parsed } from '../test-support/frames.ts';
import { buildUdpFrame } from './build.ts';
import { writeU16 } from './bytes.ts';
import { checksumStateName, foldSum, pseudoSum } from './checksum.ts';
import { fillTransportChecksum, transportChecksumState } from './transport-checksum.ts';

function stateOf(u8: Uint8Array, length: number = u8.length): string {
  return checksumStateName(transportChecksumState(u8, parsed(u8, 0, length)));
}

const WHOLE: FrameName[] = [
  ...([
    'udp4',
    'udp4Padded',
    'udp4Options',
    'udp4SourceRoute',
    'tcp4',
    'sctp4',
    'icmpv4Echo',
    'vlan',
  ] as const),
  ...([
    'udp6',
    'udp6Extensions',
    'udp6Routing',
    'udp6HomeAddress',
    'udp6Segments',
    'udp6Atomic',
    'icmpv6Echo',
    'qinq',
  ] as const),
  ...([
    'neighborSolicitation',
    'neighborAdvertisement',
    'routerSolicitation',
    'routerAdvertisement',
  ] as const),
];

test('whole frames are good, and bad with any bit of the payload or a port turned', () => {
  for (const name of WHOLE) {
    const u8 = frames[name];
    assert.equal(stateOf(u8), 'good', name);
    const record = parsed(u8);
    for (const at of [record.l4, record.l4 + 1, record.payloadEnd - 1]) {
      const bad = u8.slice();
      bad[at]! ^= 1;
      if (parsed(bad).error === 0) assert.equal(stateOf(bad), 'bad', `${name} at ${at}`);
    }
  }
});

test('what has no checksum, and what cannot be verified', () => {
  assert.equal(stateOf(frames.arpRequest), 'absent');
  assert.equal(stateOf(frames.length8023), 'absent');
  assert.equal(stateOf(frames.udp4Later), 'absent');
  assert.equal(stateOf(frames.udp6Later), 'absent');
  assert.equal(stateOf(frames.udp4First), 'unverified');
  assert.equal(stateOf(frames.udp6First), 'unverified');
  for (const name of WHOLE) {
    const { l4, l3End } = parsed(frames[name]);
    for (let length = l4; length < l3End; length++) {
      assert.equal(stateOf(frames[name], length), 'unverified', `${name} cut to ${length}`);
    }
  }
  const wrongLength = frames.udp4.slice();
  wrongLength.set(hex('0007'), 38);
  assert.equal(stateOf(wrongLength), 'unverified');
});

const OPTIONS = {
  ...{ sourceMac: '02:00:00:00:00:01', destinationMac: '02:00:00:00:00:02' },
  ...{ source: '10.0.0.1', destination: '10.0.0.2', sourcePort: 1000, destinationPort: 53 },
};
const OPTIONS_6 = { ...OPTIONS, source: 'fe80::1', destination: 'fe80::2' };

test('the four kinds of a built frame', () => {
  fc.assert(
    fc.property(
      fc.boolean(),
      fc.uint8Array({ maxLength: 50 }),
      fc.nat(65535),
      fc.boolean(),
      (isIpv4, bytes, port, pad) => {
        const options = {
          ...(isIpv4 ? OPTIONS : OPTIONS_6),
          payload: Uint8Array.from(bytes),
          sourcePort: port,
          pad,
        };
        const states = (['full', 'zero', 'partial', 'bad'] as const).map((checksum) => {
          return stateOf(buildUdpFrame({ ...options, checksum }));
        });
        assert.deepEqual(states, ['good', 'zero', 'partial', 'bad']);
      },
    ),
    { numRuns: 500 },
  );
});

test('zero wins over fragments and missing bytes: there is no checksum to verify', () => {
  const zero = buildUdpFrame({ ...OPTIONS, payload: 'hello', checksum: 'zero' });
  assert.equal(stateOf(zero, zero.length - 1), 'zero');
});

test('an SCTP checksum of 0 was left out', () => {
  const u8 = frames.sctp4.slice();
  u8.fill(0, 42, 46);
  assert.equal(stateOf(u8), 'zero');
});

test('filling makes any whole frame good, whatever the field held', () => {
  for (const name of WHOLE) {
    const u8 = frames[name].slice();
    const record = parsed(u8);
    u8[record.payloadEnd - 1]! ^= 1;
    assert.equal(fillTransportChecksum(u8, record), true);
    assert.equal(stateOf(u8), 'good', name);
    u8[record.payloadEnd - 1]! ^= 1;
    fillTransportChecksum(u8, record);
    assert.deepEqual(u8, frames[name], name);
  }
});

test('a partial checksum is completed, and told from a bad one by its exact value', () => {
  const tcp = frames.tcp4.slice();
  writeU16(tcp, 50, foldSum(pseudoSum(tcp, 4, 26, 30, 6, 27)));
  assert.equal(stateOf(tcp), 'partial');
  tcp[51]! ^= 1;
  assert.equal(stateOf(tcp), 'bad');
  fillTransportChecksum(tcp, parsed(tcp));
  assert.deepEqual(tcp, frames.tcp4);
  for (const options of [OPTIONS, OPTIONS_6]) {
    const u8 = buildUdpFrame({ ...options, payload: 'hello', checksum: 'partial' });
    fillTransportChecksum(u8, parsed(u8));
    assert.deepEqual(u8, buildUdpFrame({ ...options, payload: 'hello' }));
  }
  const icmp = frames.icmpv6Echo.slice();
  writeU16(icmp, 56, foldSum(pseudoSum(icmp, 6, 22, 38, 58, 12)));
  assert.equal(stateOf(icmp), 'bad', 'nobody leaves this one to hardware');
});

test('what cannot be filled is left alone', () => {
  for (const name of ['arpRequest', 'udp4First', 'udp4Later', 'udp6Later'] as const) {
    const u8 = frames[name].slice();
    assert.equal(fillTransportChecksum(u8, parsed(u8)), false);
    assert.deepEqual(u8, frames[name]);
  }
  const cut = frames.tcp4.slice(0, 60);
  assert.equal(fillTransportChecksum(cut, parsed(cut)), false);
});
