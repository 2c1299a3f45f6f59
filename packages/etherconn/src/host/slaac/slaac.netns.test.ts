import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { RawSocketRelay } from '../../relay/raw-socket-relay.ts';
import { type Dnsmasq, startDnsmasq } from '../../test-support/dnsmasq.ts';
import {
  addVethPair,
  type Namespace,
  openNamespace,
  requireCommand,
  requireNamespaces,
} from '../../testing/namespaces.ts';
import { Host } from '../host.ts';

const skip = requireNamespaces() || requireCommand('dnsmasq');
const HOSTS = 50;

describe('router advertisements from dnsmasq', { skip }, () => {
  let router: Namespace;
  let ours: Namespace;
  let relay: RawSocketRelay;
  let dnsmasq: Dnsmasq;

  before(async () => {
    [router, ours] = await Promise.all([openNamespace(), openNamespace()]);
    addVethPair(
      { namespace: ours, name: 'near0' },
      { namespace: router, name: 'far0', addresses: ['2001:db8:8::1/64'] },
      { ipv6: true },
    );
    router.run('sh', '-c', 'while ip -6 address show dev far0 | grep -q tentative; do sleep 0.05; done');
    dnsmasq = await startDnsmasq(router, 'far0', [
      '--enable-ra',
      '--dhcp-range=2001:db8:8::,ra-only,64,2h',
      '--dhcp-option=option6:dns-server,[2001:db8:8::53]',
      '--dhcp-option=option6:domain-search,example.org',
      '--ra-param=far0,mtu:1400,10,1800',
    ]);
    relay = await RawSocketRelay.open('near0', { netns: ours.path });
  });

  after(async () => {
    await relay?.close();
    await dnsmasq?.close();
    await router?.close();
    await ours?.close();
  });

  it(`${HOSTS} hosts at once make themselves addresses, and reach the router`, async () => {
    const hosts = Array.from({ length: HOSTS }, (_, n) =>
      Host.createNow(relay, { mac: Uint8Array.of(2, 0x66, 0, 0, 0, n) }),
    );
    const all = await Promise.all(hosts.map((host) => host.slaac()));
    for (const [n, slaac] of all.entries()) {
      const [made, ...rest] = slaac.addresses();
      assert.deepEqual(rest, []);
      assert.equal(made!.address, `2001:db8:8:0:66:ff:fe00:${n.toString(16)}`);
      assert.deepEqual(
        [slaac.dnsServers(), slaac.domainSearch(), slaac.mtu, slaac.routers().length, slaac.managed],
        [['2001:db8:8::53'], ['example.org'], 1400, 1, false],
      );
      assert.equal(hosts[n]!.mtu, 1400);
      const { address, rtt } = await hosts[n]!.ping('2001:db8:8::1');
      assert.equal(address, '2001:db8:8::1');
      assert.ok(rtt >= 0);
    }
    // From a host's own address, which is then in the router's cache.
    const neighbors = router.run('ip', '-6', 'neigh', 'show', 'dev', 'far0').stdout;
    assert.ok(neighbors.includes('2001:db8:8:0:66:ff:fe00:7 lladdr 02:66:00:00:00:07'));
    for (const slaac of all) slaac.close();
    assert.ok(hosts.every((host) => host.addresses().length === 0));
    for (const host of hosts) await host.close();
  });
});
