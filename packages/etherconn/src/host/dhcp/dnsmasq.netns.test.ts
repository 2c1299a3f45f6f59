import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { RawSocketRelay } from '../../relay/raw-socket-relay.ts';
import { type Dnsmasq, startDnsmasq } from '../../test-support/dnsmasq.ts';
import { eventually } from '../../test-support/eventually.ts';
import {
  addVethPair,
  type Namespace,
  openNamespace,
  requireCommand,
  requireNamespaces,
} from '../../testing/namespaces.ts';
import { Dhcpv4Option } from '../../wire/dhcpv4-options.ts';
import { Host } from '../host.ts';
import type { DhcpClient } from './dhcp-client.ts';

const skip = requireNamespaces() || requireCommand('dnsmasq');
const HOSTS = 500;
const EXAMPLE = fileURLToPath(new URL('../../../../../examples/dhcp-client.mjs', import.meta.url));

describe('DHCP leases from dnsmasq', { skip }, () => {
  let server: Namespace;
  let ours: Namespace;
  let relay: RawSocketRelay;
  let dnsmasq: Dnsmasq;
  const hosts: Host[] = [];

  function host(n: number): Host {
    const mac = Uint8Array.of(2, 0x77, 0, 0, n >> 8, n & 255);
    const one = Host.createNow(relay, { mac });
    hosts.push(one);
    return one;
  }

  before(async () => {
    [server, ours] = await Promise.all([openNamespace(), openNamespace()]);
    addVethPair(
      { namespace: ours, name: 'near0' },
      { namespace: server, name: 'far0', addresses: ['10.8.0.1/21'] },
    );
    dnsmasq = await startDnsmasq(server, 'far0', [
      '--dhcp-range=10.8.1.0,10.8.6.255,255.255.248.0,1h',
      '--dhcp-host=02:77:00:00:ff:ff,10.8.7.7',
      '--dhcp-authoritative',
      '--dhcp-lease-max=2000',
      '--dhcp-rapid-commit',
      '--no-ping',
      '--dhcp-option=option:mtu,1400',
      '--dhcp-option=option:dns-server,10.8.0.2,10.8.0.3',
      '--dhcp-option=option:domain-search,a.example,b.example',
      '--domain=example.org',
    ]);
    relay = await RawSocketRelay.open('near0', { netns: ours.path });
  });

  after(async () => {
    for (const one of hosts) await one.close();
    await relay?.close();
    await dnsmasq?.close();
    await server?.close();
    await ours?.close();
  });

  it('one host: everything that the server says, and its name in the lease', async () => {
    const one = host(1000);
    await using client = await one.dhcp({ hostName: 'unit', clientId: 'my-id' });
    const lease = client.lease!;
    assert.match(lease.address, /^10\.8\.[1-6]\.\d+$/);
    assert.deepEqual(
      [lease.prefixLength, lease.routers, lease.dnsServers, lease.mtu, lease.serverId, lease.leaseTime],
      [21, ['10.8.0.1'], ['10.8.0.2', '10.8.0.3'], 1400, '10.8.0.1', 3600],
    );
    assert.deepEqual([lease.domainName, lease.domainSearch], ['example.org', ['a.example', 'b.example']]);
    assert.equal(one.mtu, 1400);
    assert.deepEqual(
      one.routes().map((route) => route.gateway),
      [undefined, '10.8.0.1'],
    );
    assert.deepEqual(
      dnsmasq.leases().map(([, mac, address, name, id]) => [mac, address, name, id]),
      [['02:77:00:00:03:e8', lease.address, 'unit', '00:6d:79:2d:69:64']],
    );
    assert.ok((await one.ping('10.8.0.1')).rtt >= 0);
    const renewed = new Promise((resolve) => client.once('renewed', resolve));
    client.renew();
    await renewed;
    client.release();
    await eventually('released', () => dnsmasq.leases().length === 0);
    assert.deepEqual(one.addresses(), []);
    assert.equal(one.mtu, 1500);
  });

  it('an earlier lease, confirmed or not, and two messages instead of four', async () => {
    const one = host(1001);
    const rapid = await one.dhcp({ rapidCommit: true, probe: false });
    const address = rapid.lease!.address;
    assert.equal(rapid.stats().sent, 1);
    rapid.close();
    const again = await one.dhcp({ previousAddress: address, probe: false });
    assert.deepEqual([again.lease!.address, again.stats().sent], [address, 1]);
    again.release();
    const moved = await one.dhcp({ previousAddress: '192.168.1.1', probe: false });
    assert.equal(moved.lease!.address.slice(0, 5), '10.8.');
    assert.equal(moved.stats().sent, 3);
    moved.release();
  });

  it('options of fixed length that the server sends twice', async () => {
    const [far, near] = await Promise.all([openNamespace(), openNamespace()]);
    const own = ['--dhcp-option-force=54,10.9.0.1', '--dhcp-option-force=1,255.255.255.0'];
    try {
      addVethPair(
        { namespace: near, name: 'near1' },
        { namespace: far, name: 'far1', addresses: ['10.9.0.1/24'] },
      );
      const range = '--dhcp-range=10.9.0.10,10.9.0.90,255.255.255.0,1h';
      const twice = await startDnsmasq(far, 'far1', [range, '--no-ping', '--dhcp-authoritative', ...own]);
      try {
        await using other = await RawSocketRelay.open('near1', { netns: near.path });
        await using one = await Host.create(other);
        await using client = await one.dhcp({ probe: false });
        const { serverId, prefixLength, options } = client.lease!;
        assert.deepEqual([serverId, prefixLength], ['10.9.0.1', 24]);
        assert.equal(options.get(Dhcpv4Option.SERVER_ID)!.length, 8, 'it came twice');
      } finally {
        await twice.close();
      }
    } finally {
      await Promise.all([far.close(), near.close()]);
    }
  });

  it('somebody has the address already: declined', async () => {
    await using both = await RawSocketRelay.open('near0', { netns: ours.path, hairpin: true });
    await using thief = Host.createNow(both, { mac: '02:77:00:00:ee:ee', addresses: ['10.8.7.7/21'] });
    await using one = Host.createNow(both, { mac: '02:77:00:00:ff:ff' });
    const abort = new AbortController();
    const failed = assert.rejects(one.dhcp({ signal: abort.signal }), { name: 'AbortError' });
    await eventually('declined', () => dnsmasq.log.includes('DHCPDECLINE(far0) 10.8.7.7'));
    abort.abort();
    await failed;
    assert.deepEqual(one.addresses(), []);
    assert.equal(thief.addresses()[0]!.address, '10.8.7.7');
  });

  it('the example gets a lease and gives it back', async () => {
    const child = ours.spawn(process.execPath, EXAMPLE, 'near0', 'example');
    let output = '';
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.on('data', (chunk: Buffer) => {
        output += chunk;
      });
    }
    const exited = once(child, 'exit');
    await eventually('a lease, and the router answers', () => /answers|Error/.test(output));
    assert.match(output, /has 10\.8\.[1-6]\.\d+\/21 for 3600 s\nrouters 10\.8\.0\.1, DNS 10\.8\.0\.2, /);
    assert.equal(dnsmasq.leases()[0]![3], 'example');
    child.stdin!.end();
    assert.deepEqual(await exited, [0, null], output);
    assert.match(output, /released\n$/);
    await eventually('released', () => dnsmasq.leases().length === 0);
  });

  it(`${HOSTS} hosts at once, on one relay`, async () => {
    const many = Array.from({ length: HOSTS }, (_, n) => host(n));
    const clients: DhcpClient[] = await Promise.all(
      many.map((one, n) => one.dhcp({ hostName: `host-${n}` })),
    );
    const addresses = new Set(clients.map((client) => client.lease!.address));
    assert.equal(addresses.size, HOSTS);
    assert.equal(dnsmasq.leases().length, HOSTS);
    const names = new Set(dnsmasq.leases().map(([, , address, name]) => `${address} ${name}`));
    for (const [n, client] of clients.entries())
      assert.ok(names.has(`${client.lease!.address} host-${n}`), `host-${n}`);
    assert.deepEqual(clients[7]!.lease!.options.get(Dhcpv4Option.MTU), Uint8Array.of(5, 0x78));
    for (const one of many) assert.ok((await one.ping('10.8.0.1')).rtt >= 0);
    for (const client of clients) client.release();
    await eventually('all released', () => dnsmasq.leases().length === 0);
    assert.ok(many.every((one) => one.addresses().length === 0));
  });
});
