import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EtherConn } from '../../conn/ether-conn.ts';
import { RUDPConn } from '../../conn/rudp-conn.ts';
import { SharedEtherConn } from '../../conn/shared-ether-conn.ts';
import { SharedRUDPConn } from '../../conn/shared-rudp-conn.ts';
import { HostNetwork, TestPort } from '../../test-support/hosts.ts';
import { EtherType } from '../../wire/ethertype.ts';
import { parseMac } from '../../wire/mac.ts';
import { ArpResolver } from './arp-resolver.ts';
import { NdResolver } from './nd-resolver.ts';

const MAC = '02:00:00:00:00:01';

describe('ArpResolver', () => {
  it('finds next hops for a conn, and answers for its address', async (t) => {
    const net = new HostNetwork(t);
    const relay = net.relay();
    const arp = new ArpResolver(relay, { mac: MAC, address: '10.0.0.1/24', gateway: '10.0.0.2' });
    const ether = new EtherConn(MAC, relay, [EtherType.IPV4]);
    const conn = new RUDPConn({ address: '10.0.0.1', port: 7 }, ether, { resolveNextHop: arp.resolve });
    const peer = new TestPort(net.host(2)).bind('', 9);
    const written = conn.writeTo(Buffer.from('ask'), { address: '10.0.0.2', port: 9 });
    await net.settle();
    assert.equal(await written, 3);
    peer.send('answer', '10.0.0.1', 7);
    await net.settle();
    assert.equal((await conn.readFrom()).data.toString(), 'answer');
    assert.deepEqual(await arp.resolve('10.0.0.2'), parseMac('02:00:00:00:00:02'));
    assert.deepEqual(arp.resolve('192.0.2.1'), arp.resolve('10.0.0.2'), 'by the gateway');
    assert.deepEqual(arp.resolve('239.1.1.1'), parseMac('01:00:5e:01:01:01'));
    assert.deepEqual(arp.resolve('10.0.0.255'), parseMac('ff:ff:ff:ff:ff:ff'));
    assert.equal(arp.resolve('2001:db8::1'), null);
    const failed = assert.rejects(conn.writeTo(Buffer.from('x'), { address: '10.0.0.77', port: 9 }), {
      code: 'EHOSTUNREACH',
    });
    await net.advance(3000);
    await failed;
    assert.equal(String(arp), 'ArpResolver(10.0.0.1/24)');
    await arp.close();
    await arp.close();
    assert.throws(() => arp.resolve('10.0.0.2'), { code: 'ERR_ETHERCONN_CLOSED' });
    assert.equal(relay.stats().registrations, 1);
  });

  it('checks its options before it registers', (t) => {
    const relay = new HostNetwork(t).relay();
    for (const [options, option] of [
      [{ address: '2001:db8::1/64' }, 'address'],
      [{ address: '10.0.0.1' }, 'address'],
      [{ address: '10.0.0.1/24', gateway: 'fe80::1' }, 'gateway'],
      [{ address: '10.0.0.1/24', neighbors: 1 }, 'neighbors'],
      [{ address: '10.0.0.1/24', vlan: 1 }, 'vlan'],
    ] as const) {
      assert.throws(() => new ArpResolver(relay, { mac: MAC, ...options }), { option });
    }
    assert.equal(relay.stats().registrations, 0);
  });

  it('closes with its relay, and lets nobody wait', async (t) => {
    const relay = new HostNetwork(t).relay();
    const arp = new ArpResolver(relay, { mac: MAC, address: '10.0.0.1/24' });
    const answer = arp.resolve('10.0.0.2');
    await relay.close();
    assert.equal(await answer, null);
  });
});

describe('NdResolver', () => {
  it('finds next hops for conns on a shared one, and answers for its address', async (t) => {
    const net = new HostNetwork(t);
    const relay = net.relay();
    const shared = new SharedEtherConn(MAC, relay, [], { receiveMulticast: true });
    const nd = new NdResolver(shared, { address: '2001:db8::1/64' });
    const conn = new SharedRUDPConn({ address: '2001:db8::1', port: 7 }, shared, {
      resolveNextHop: nd.resolve,
    });
    const peer = new TestPort(net.host(2), { version: 6 }).bind('', 9);
    const written = conn.writeTo(Buffer.from('ask'), { address: '2001:db8::2', port: 9 });
    await net.settle();
    assert.equal(await written, 3);
    peer.send('answer', '2001:db8::1', 7);
    await net.settle();
    assert.equal((await conn.readFrom()).data.toString(), 'answer');
    assert.deepEqual(nd.resolve('2001:db8::2'), parseMac('02:00:00:00:00:02'));
    assert.deepEqual(nd.resolve('ff02::5'), parseMac('33:33:00:00:00:05'));
    assert.equal(nd.resolve('2001:db8:9::1'), null);
    await nd.close();
    assert.equal(shared.stats().registrations, 1);
    assert.throws(() => new NdResolver({} as SharedEtherConn, { address: '2001:db8::1/64' }), {
      option: 'conn',
    });
  });
});
