import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClosedError, InUseError, TimeoutError } from '../../errors.ts';
import { HostNetwork } from '../../test-support/hosts.ts';
import { EtherType } from '../../wire/ethertype.ts';
import { fillIcmpv6Checksum } from '../../wire/icmpv6.ts';
import { parseIp } from '../../wire/ip.ts';
import { emitIpv6 } from '../../wire/ipv6.ts';
import { parseMac } from '../../wire/mac.ts';
import { emitRouterAdvertisement, type RouterAdvertisementFields } from '../../wire/nd.ts';
import { IpProtocol } from '../../wire/protocol.ts';

const ROUTER_MAC = parseMac('02:00:00:00:00:01');

/** A router advertisement to all nodes, as an IP packet. */
function advertisement(
  fields: Partial<RouterAdvertisementFields> = {},
  hopLimit = 255,
  source = 'fe80::1',
): Uint8Array {
  const u8 = new Uint8Array(600);
  const end = emitRouterAdvertisement(u8, 40, {
    routerLifetime: 1800,
    sourceMac: ROUTER_MAC,
    prefixes: [{ prefix: parseIp('2001:db8:1::'), length: 64 }],
    ...fields,
  });
  emitIpv6(u8, 0, {
    source: parseIp(source),
    destination: parseIp('ff02::1'),
    nextHeader: IpProtocol.ICMPV6,
    payloadLength: end - 40,
    hopLimit,
  });
  fillIcmpv6Checksum(u8, 40, end, 8, 24);
  return u8.slice(0, end);
}

function routerOn(hosts: HostNetwork): { send(packet: Uint8Array): void } {
  const { ethernet } = hosts.host(1, { addresses: ['fe80::1/64'] }).stack.state;
  return {
    send(packet) {
      ethernet.trySendPacketTo(packet, EtherType.IPV6, parseMac('33:33:00:00:00:01'));
    },
  };
}

test('addresses by EUI-64, routes, neighbor, MTU, and all gone afterwards', async (t) => {
  const hosts = new HostNetwork(t);
  const router = routerOn(hosts);
  const host = hosts.host(9, { addresses: [] });
  const promise = host.slaac();
  await hosts.settle();
  router.send(advertisement({ mtu: 1400, dnsServers: [parseIp('2001:db8::53')] }));
  await hosts.settle();
  const slaac = await promise;
  assert.deepEqual(host.addresses(), [
    { address: 'fe80::ff:fe00:9', prefixLength: 64, version: 6, state: 'optimistic' },
    { address: '2001:db8:1::ff:fe00:9', prefixLength: 64, version: 6, state: 'optimistic' },
  ]);
  assert.deepEqual(host.routes(), [
    { destination: 'fe80::/64', metric: 0 },
    { destination: '2001:db8:1::/64', metric: 1024 },
    { destination: '::/0', gateway: 'fe80::1', metric: 1024 },
  ]);
  assert.deepEqual([host.mtu, host.stats().neighbors, slaac.dnsServers()], [1400, 1, ['2001:db8::53']]);
  await hosts.advance(2000);
  assert.deepEqual(
    host.addresses().map(({ state }) => state),
    ['preferred', 'preferred'],
  );
  await assert.rejects(host.slaac(), InUseError);
  slaac.close();
  assert.deepEqual([host.addresses(), host.routes(), host.mtu], [[], [], 1500]);
  const again = host.slaac();
  await hosts.settle();
  router.send(advertisement());
  await hosts.settle();
  (await again).close();
});

test('a stable identifier that is taken is replaced by another', async (t) => {
  const hosts = new HostNetwork(t);
  const router = routerOn(hosts);
  const secret = 'a secret of sixteen bytes';
  const options = { identifiers: 'stable', secret, detectDuplicates: 'wait' } as const;
  const host = hosts.host(9, { addresses: ['fe80::9/64'] });
  const first = host.slaac(options);
  await hosts.settle();
  router.send(advertisement());
  await hosts.advance(1000);
  const [one] = (await first).addresses();
  (await first).close();
  // Now somebody else has it.
  hosts.host(5, { addresses: [`${one!.address}/64`] });
  const second = host.slaac(options);
  await hosts.settle();
  router.send(advertisement());
  await hosts.advance(2100);
  const [other] = (await second).addresses();
  assert.equal(other!.state, 'preferred');
  assert.notEqual(other!.address, one!.address);
  assert.deepEqual(
    host.addresses().map(({ address }) => address),
    ['fe80::9', other!.address],
  );
});

test('what was forwarded, or nobody asked for, changes nothing', async (t) => {
  const hosts = new HostNetwork(t);
  const router = routerOn(hosts);
  const host = hosts.host(9, { addresses: [], linkLocal: true });
  router.send(advertisement());
  await hosts.settle();
  assert.equal(host.addresses().length, 1);
  const failed = assert.rejects(host.slaac({ timeout: 3000 }), TimeoutError);
  await hosts.settle();
  router.send(advertisement({}, 64));
  await hosts.advance(3000);
  await failed;
  assert.equal(host.addresses().length, 1);
  assert.equal(hosts.network.virtualClock.pendingTimers, 0);
});

test('the host is closed while it waits, and while it is configured', async (t) => {
  const hosts = new HostNetwork(t);
  const router = routerOn(hosts);
  const waiting = hosts.host(8, { addresses: [] });
  const failed = assert.rejects(waiting.slaac(), ClosedError);
  await hosts.settle();
  await waiting.close();
  await failed;
  const host = hosts.host(9, { addresses: [] });
  const promise = host.slaac();
  await hosts.settle();
  router.send(advertisement());
  await hosts.settle();
  const slaac = await promise;
  await host.close();
  assert.ok(slaac.closed);
  await hosts.advance(3_600_000);
  slaac.close();
});

test('an advertisement from an address of ours is none', async (t) => {
  const hosts = new HostNetwork(t);
  const router = routerOn(hosts);
  const host = hosts.host(9, { addresses: ['fe80::9/64'] });
  const promise = host.slaac();
  await hosts.settle();
  router.send(advertisement({}, 255, 'fe80::9'));
  await hosts.settle();
  assert.deepEqual([host.addresses().length, host.stats().ignored], [1, 1]);
  router.send(advertisement());
  await hosts.settle();
  assert.deepEqual((await promise).routers(), ['fe80::1']);
});
