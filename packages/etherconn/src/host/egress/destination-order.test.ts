import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HostNetwork } from '../../test-support/hosts.ts';
import { Station } from '../../test-support/station.ts';

const NATIVE = { gateways: ['fe80::1', '10.0.0.1'], detectDuplicates: 'off' } as const;

/** RFC 6724 §10.2, with our own addresses in place of those that a host cannot have. */
const EXAMPLES: readonly {
  readonly own: readonly string[];
  readonly order: readonly string[];
}[] = [
  // Rule 2: the scope of the source.
  { own: ['2001:db8:1::2/64', 'fe80::2/64', '169.254.13.78/16'], order: ['2001:db8:1::1', '198.51.100.121'] },
  { own: ['fe80::2/64', '198.51.100.117/24'], order: ['198.51.100.121', '2001:db8:1::1'] },
  // Rule 6: precedence.
  { own: ['2001:db8:1::2/64', 'fe80::2/64', '10.1.2.4/24'], order: ['2001:db8:1::1', '10.1.2.3'] },
  // Rule 8: the smaller scope.
  { own: ['2001:db8:1::2/64', 'fe80::2/64'], order: ['fe80::1', '2001:db8:1::1'] },
  // Rule 9: the longest prefix in common.
  {
    own: ['2001:db8:1::2/64', '2001:db8:3f44::2/64', 'fe80::2/64'],
    order: ['2001:db8:1::1', '2001:db8:3ffe::1'],
  },
  // Rule 5: labels; 6to4 from 6to4.
  { own: ['2002:c633:6401::2/64', 'fe80::2/64'], order: ['2002:c633:6401::1', '2001:db8:1::1'] },
  // Rule 6 again: native before 6to4, where both are.
  {
    own: ['2002:c633:6401::2/64', '2001:db8:1::2/64', 'fe80::2/64'],
    order: ['2001:db8:1::1', '2002:c633:6401::1'],
  },
  // Unique local addresses after IPv4 and global ones.
  { own: ['fd00:1::2/64', '10.1.2.4/24'], order: ['10.1.2.3', 'fd00:1::1'] },
];

test('the examples of RFC 6724, in either order', (t) => {
  for (const [n, { own, order }] of EXAMPLES.entries()) {
    const hasIpv4 = own.some((one) => !one.includes(':'));
    const routes = [
      { destination: '::/0', gateway: 'fe80::1' },
      ...(hasIpv4 ? [{ destination: '0.0.0.0/0' }] : []),
    ];
    const host = new HostNetwork(t).host(9, { addresses: own, routes, linkLocal: false });
    assert.deepEqual(host.sortDestinations(order), order, `example ${n}`);
    assert.deepEqual(host.sortDestinations([...order].reverse()), order, `example ${n}, reversed`);
  }
});

test('rule 1: what cannot be reached, or does not answer, comes last', async (t) => {
  const net = new HostNetwork(t);
  const host = net.host(9, { ...NATIVE, gateways: ['10.0.0.1'] });
  assert.deepEqual(host.sortDestinations(['2600::1', '192.0.2.1']), ['192.0.2.1', '2600::1']);
  host.setGateway('fe80::1');
  assert.deepEqual(host.sortDestinations(['192.0.2.1', '2600::1']), ['2600::1', '192.0.2.1']);
  // The IPv6 router is not there.
  new Station(net, '02:00:00:00:00:01', '10.0.0.1');
  const failed = assert.rejects(host.ping('2600::1'), { code: 'EHOSTUNREACH' });
  await net.advance(4000);
  await failed;
  assert.deepEqual(host.sortDestinations(['2600::1', '192.0.2.1']), ['192.0.2.1', '2600::1']);
});

test('rule 3: an address that would be sent to from a deprecated one comes last', (t) => {
  const host = new HostNetwork(t).host(9, { ...NATIVE, addresses: ['2001:db8:1::9/64', '10.0.0.9/24'] });
  const own = host.stack.state.addresses.list[0]!;
  const both = ['2600::1', '192.0.2.1'];
  assert.deepEqual(host.sortDestinations(both), both);
  host.stack.addresses.setState(own, 'deprecated');
  assert.deepEqual(host.sortDestinations(both), [...both].reverse());
});

test('rule 10: what the rules leave open stays as it is; zones stay, too', (t) => {
  const host = new HostNetwork(t).host(9, NATIVE);
  for (const same of [
    ['2600::1', '2600::2'],
    ['2600::2', '2600::1'],
    ['fe80::7%eth0', 'fe80::6'],
  ])
    assert.deepEqual(host.sortDestinations(same), same);
  for (const wrong of [['nowhere'], [7], '2600::1', null])
    assert.throws(() => host.sortDestinations(wrong as string[]), { name: 'OptionError' });
});
