import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HostNetwork, TestPort } from '../../test-support/hosts.ts';
import { Station } from '../../test-support/station.ts';
import { formatIp, parseIp } from '../../wire/ip.ts';
import type { Host } from '../host.ts';

function sourceTo(host: Host, destination: string): string {
  return formatIp(host.stack.output.path(parseIp(destination), 'send').source);
}

function state(host: Host, address: string, to: 'preferred' | 'deprecated' | 'optimistic'): void {
  host.stack.addresses.setState(host.stack.state.addresses.find(parseIp(address), 0, 6)!, to);
}

test('rule 1: the destination itself', (t) => {
  const host = new HostNetwork(t).host(9, { addresses: ['2001:db8::1/64', '2001:db8::2/64'] });
  assert.deepEqual(
    [sourceTo(host, '2001:db8::1'), sourceTo(host, '2001:db8::2')],
    ['2001:db8::1', '2001:db8::2'],
  );
});

test('rule 2: a scope that reaches as far, and no farther', (t) => {
  const host = new HostNetwork(t).host(9, {
    addresses: ['2001:db8::9/64', 'fec0::9/64'],
    gateway: 'fe80::1',
  });
  const to = (destination: string) => sourceTo(host, destination);
  assert.deepEqual(
    [to('2600::1'), to('fe80::1'), to('ff02::1'), to('ff05::1'), to('ff0e::1'), to('fec0:7::1')],
    ['2001:db8::9', 'fe80::ff:fe00:9', 'fe80::ff:fe00:9', 'fec0::9', '2001:db8::9', 'fec0::9'],
  );
});

test('rule 3: not deprecated, not optimistic, where there is another', (t) => {
  const addresses = ['2001:db8:1::9/64', '2600::9/64'];
  const host = new HostNetwork(t).host(9, { addresses, gateway: 'fe80::1' });
  assert.equal(sourceTo(host, '2600:1::1'), '2600::9');
  for (const other of ['deprecated', 'optimistic'] as const) {
    state(host, '2600::9', other);
    assert.equal(sourceTo(host, '2600:1::1'), '2001:db8:1::9');
    state(host, '2001:db8:1::9', other);
    assert.equal(sourceTo(host, '2600:1::1'), '2600::9', 'both are, so the next rule decides');
    state(host, '2001:db8:1::9', 'preferred');
  }
});

test('rule 5.5: of a prefix that the next hop has told of', async (t) => {
  const net = new HostNetwork(t);
  const a = new Station(net, '02:00:00:00:10:60', 'fe80::1060');
  const b = new Station(net, '02:00:00:00:10:61', 'fe80::1061');
  const host = net.host(9, { addresses: [] });
  const slaac = host.slaac({ detectDuplicates: 'off' });
  // High preference and 2001:db8:a::/64; low and 2001:db8:b::/64; then the other way round.
  const prefix = (network: string) => `0304 40c0 00000e10 00000e10 00000000 ${network}0000 0000000000000000`;
  await a.tell(`8600 0000 4008 0708 00000000 00000000 0101 020000001060 ${prefix('20010db8000a')}`);
  await b.tell(`8600 0000 4000 0708 00000000 00000000 0101 020000001061 ${prefix('20010db8000b')}`);
  await slaac;
  const port = new TestPort(host, { version: 6 }).bind('');
  port.send('x', '2001:db8:c::1', 7);
  await net.settle();
  assert.deepEqual([a.datagrams, b.datagrams], [1, 0]);
  assert.equal(sourceTo(host, '2001:db8:c::1'), '2001:db8:a::ff:fe00:9');
  // Now the other router is the better one.
  await b.tell(`8600 0000 4008 0708 00000000 00000000 0101 020000001061 ${prefix('20010db8000b')}`);
  await a.tell(`8600 0000 4018 0708 00000000 00000000 0101 020000001060 ${prefix('20010db8000a')}`);
  assert.equal(sourceTo(host, '2001:db8:a:7::1'), '2001:db8:b::ff:fe00:9');
});

test('rule 6: the label of the destination, for groups too', (t) => {
  const addresses = ['2001:db8:1::9/64', 'fd00:1::9/64', '2002:c000:204::9/64'];
  const host = new HostNetwork(t).host(9, { addresses, gateway: 'fe80::1' });
  const to = (destination: string) => sourceTo(host, destination);
  assert.deepEqual(
    [to('ff05::2:1001'), to('fdff::1'), to('2002:c000:205::1'), to('2001:db8:1::7')],
    ['2001:db8:1::9', 'fd00:1::9', '2002:c000:204::9', '2001:db8:1::9'],
  );
  const port = new TestPort(host, { version: 6 }).bind('').connect('ff05::2:1001', 9);
  assert.equal(formatIp(port.port.localAddress), '2001:db8:1::9');
});

test("rule 8: the longest prefix in common, up to the address's own", (t) => {
  const addresses = ['2001:db8:1:2::9/64', '2001:db8:1:1::9/32'];
  const host = new HostNetwork(t).host(9, { addresses, gateway: 'fe80::1' });
  assert.equal(sourceTo(host, '2001:db8:1:1::7'), '2001:db8:1:2::9');
  // The rest is open: the first.
  assert.equal(sourceTo(host, '2001:db9::7'), '2001:db8:1:2::9');
});

test('IPv4: the most specific network on the link, the network of the router, the first', (t) => {
  const addresses = ['10.0.0.5/8', '10.1.0.5/16', '192.168.7.5/24', '10.1.0.6/16'];
  const host = new HostNetwork(t).host(9, { addresses, gateway: '192.168.7.1' });
  const to = (destination: string) => sourceTo(host, destination);
  assert.deepEqual(
    [to('10.1.0.9'), to('10.2.0.9'), to('192.0.2.9'), to('10.1.0.6'), to('255.255.255.255')],
    ['10.1.0.5', '10.0.0.5', '192.168.7.5', '10.1.0.5', '10.0.0.5'],
  );
});
