import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { L4HashKey } from '../conn/l4-hash-key.ts';
import { SharedRUDPConn } from '../conn/shared-rudp-conn.ts';
import type { EthernetResponse } from '../relay/ethernet-response.ts';
import { HostNetwork, TestPort } from '../test-support/hosts.ts';
import { IpProtocol } from '../wire/protocol.ts';
import { Host } from './host.ts';

describe('Host', () => {
  it('checks its options before anything is registered', (t) => {
    const net = new HostNetwork(t);
    const relay = net.relay();
    for (const [options, option] of [
      [{ mac: 'x' }, 'mac'],
      [{ mac: '01:00:5e:00:00:01' }, 'mac'],
      [{ addresses: ['10.0.0.1'] }, 'addresses'],
      [{ addresses: ['224.0.0.1/24'] }, 'addresses'],
      [{ addresses: ['0.0.0.0/0'] }, 'addresses'],
      [{ addresses: ['127.0.0.1/8'] }, 'addresses'],
      [{ addresses: ['255.255.255.255/32'] }, 'addresses'],
      [{ addresses: ['10.0.0.0/24'] }, 'addresses'],
      [{ addresses: ['10.0.0.255/24'] }, 'addresses'],
      [{ addresses: ['10.0.0.7/30'] }, 'addresses'],
      [{ addresses: ['::/64'] }, 'addresses'],
      [{ addresses: ['::1/128'] }, 'addresses'],
      [{ addresses: ['ff02::5/64'] }, 'addresses'],
      [{ addresses: ['::ffff:10.0.0.1/128'] }, 'addresses'],
      [{ addresses: ['10.0.0.5/24', 'fd00::5/64', '10.0.0.5/25'] }, 'addresses'],
      [{ gateway: '10.0.0' }, 'gateway'],
      [{ gateway: '127.0.0.1' }, 'gateway'],
      [{ addresses: ['10.0.0.5/24'], gateway: '10.9.9.9' }, 'gateway'],
      [{ addresses: ['10.0.0.5/32'], gateway: '10.0.0.1' }, 'gateway'],
      [{ addresses: ['fd00::5/64'], gateways: ['fd01::1'] }, 'gateway'],
      [
        { addresses: ['10.0.0.5/24'], routes: [{ destination: '10.1.0.0/16', gateway: '10.1.0.1' }] },
        'gateway',
      ],
      [{ routes: [{ destination: '10.0.0.0/8', gateway: 'fe80::1' }] }, 'gateway'],
      [{ routes: [{ destination: '10.0.0.0' }] }, 'destination'],
      [{ interfaceName: 'a b' }, 'interfaceName'],
      [{ mtu: 100 }, 'mtu'],
      [{ mtu: 9000 }, 'mtu'],
      [{ addresses: ['fe80::1/64'], mtu: 1000 }, 'mtu'],
      [{ vlans: [1, 2, 3] }, 'vlans'],
      [{ detectDuplicates: 'maybe' }, 'detectDuplicates'],
      [{ neighbors: 0 }, 'neighbors'],
      [{ adresses: [] }, 'adresses'],
    ] as const) {
      assert.throws(() => new Host(relay, options as object), { code: 'ERR_ETHERCONN_OPTION', option });
    }
    assert.equal(relay.stats().registrations, 0);
  });

  it('takes every address and router that a machine can have', async (t) => {
    const relay = new HostNetwork(t).relay();
    for (const options of [
      { addresses: ['10.0.0.0/31', '10.0.0.2/32', '10.0.0.255/23', '10.0.1.0/23', 'fd00::/64'] },
      { addresses: ['10.0.0.5/32'], gateway: '10.0.0.1', routes: [{ destination: '10.0.0.1/32' }] },
      { addresses: ['fd00::5/128'], gateways: ['fe80::1'] },
      { mac: '02:00:00:00:00:01', addresses: ['fe80::ff:fe00:1/64'], linkLocal: true },
      { gateways: ['10.0.0.1', 'fd00::1'] },
    ]) {
      const host = Host.createNow(relay, options);
      const texts = host.addresses().map(({ address }) => address);
      assert.equal(new Set(texts).size, texts.length);
      await host.close();
    }
  });

  it('refuses what cannot be added later, too', async (t) => {
    const host = new HostNetwork(t).host(1);
    for (const address of ['127.0.0.5/8', '10.7.0.255/24', '10.0.0.1/24', '::ffff:10.0.0.9/96']) {
      await assert.rejects(host.addAddress(address), { code: 'ERR_ETHERCONN_OPTION', option: 'address' });
    }
    const option = { code: 'ERR_ETHERCONN_OPTION', option: 'gateway' };
    assert.throws(() => host.setGateway('10.9.9.9'), option);
    assert.throws(() => host.addRoute({ destination: '10.8.0.0/16', gateway: '10.9.9.9' }), option);
    host.addRoute({ destination: '10.9.9.9/32' });
    host.setGateway('10.9.9.9');
    assert.equal(host.routes().at(-1)?.gateway, '10.9.9.9');
  });

  it('tells who is replaced', async (t) => {
    const net = new HostNetwork(t);
    const relay = net.relay();
    const host = Host.createNow(relay, { mac: '02:00:00:00:00:aa', vlans: [7] });
    const keys: string[] = [];
    host.on('replaced', (key) => keys.push(String(key)));
    const other = Host.createNow(relay, { mac: '02:00:00:00:00:aa' });
    await net.settle();
    assert.deepEqual(keys, []);
    Host.createNow(relay, { mac: '02:00:00:00:00:aa', vlans: [7] });
    await net.settle();
    assert.deepEqual(keys, host.replaced.map(String));
    assert.deepEqual(
      host.replaced.map(({ etherType }) => etherType),
      [0x0806, 0x0800, 0x86dd],
    );
    assert.deepEqual([host.closed, other.replaced], [false, []]);
  });

  it('describes itself', (t) => {
    const net = new HostNetwork(t);
    const host = net.host(1, { interfaceName: 'lan0', linkLocal: false });
    assert.equal(String(host), 'Host(lan0 02:00:00:00:00:01 10.0.0.1/24 2001:db8::1/64)');
    assert.equal(host.mac, '02:00:00:00:00:01');
    assert.equal(host.interfaceName, 'lan0');
    assert.equal(host.mtu, 1500);
    const random = Host.createNow(net.relay());
    assert.match(random.mac, /^.[26ae]:/);
  });

  it('is made by subclasses of their own kind', async (t) => {
    class Router extends Host {
      readonly kind = 'router';
    }
    const relay = new HostNetwork(t).relay();
    const router: Router = await Router.create(relay);
    assert.equal(router.kind, 'router');
    assert.equal(Router.createNow(relay).kind, 'router');
  });

  it('closes its ports and gives everything back', async (t) => {
    const net = new HostNetwork(t);
    const relay = net.relay();
    const host = Host.createNow(relay, { addresses: ['10.0.0.1/24', '2001:db8::1/64'] });
    const port = new TestPort(host).bind('', 7);
    port.port.join(Uint8Array.of(239, 1, 2, 3), null);
    port.send('x', '10.0.0.2', 7);
    const closed = once(host, 'close');
    const closing = host.close();
    assert.equal(host.closed, true);
    await net.advance(3000);
    await closing;
    await closed;
    await host.close();
    assert.equal(host.stats().unreachable, 1);
    assert.equal(port.user.closed?.message, 'host: closed');
    assert.throws(() => port.send('x', '10.0.0.2', 7), { code: 'EBADF' });
    assert.throws(() => new TestPort(host), { code: 'ERR_ETHERCONN_CLOSED' });
    assert.equal(host.closed, true);
    assert.equal(host.stats().ports, 0);
    assert.equal(relay.stats().registrations, 0);
    await net.settle();
    assert.equal(net.network.virtualClock.pendingTimers, 0);
    port.port.close();
  });

  it('sends what waits for its next hop before it closes, and takes nothing more', async (t) => {
    const net = new HostNetwork(t);
    const host = net.host(1, { detectDuplicates: 'optimistic' });
    const server = new TestPort(net.host(2), { version: 6 }).bind('', 7);
    new TestPort(host).send('last words', '10.0.0.2', 7);
    new TestPort(host, { version: 6 }).send('last words', '2001:db8::2', 7);
    const pinged = assert.rejects(host.ping('10.0.0.9'), { code: 'ERR_ETHERCONN_CLOSED' });
    const closing = host.close();
    assert.deepEqual([host.stats().waiting, host.stats().queueDropped], [2, 1], 'the ping is not waited for');
    assert.throws(() => new TestPort(host), { code: 'ERR_ETHERCONN_CLOSED' });
    await pinged;
    // RFC 4429 §3.3: nobody is asked from an address that may be somebody else's.
    await net.advance(1000);
    await closing;
    assert.deepEqual(server.user.texts, ['last words', 'last words']);
    assert.equal(host.stack.state.relay.stats().registrations, 0);
  });

  it('does not wait when its relay is closed', async (t) => {
    const net = new HostNetwork(t);
    const relay = net.relay();
    const host = Host.createNow(relay, { addresses: ['10.0.0.1/24'] });
    new TestPort(host).send('x', '10.0.0.2', 7);
    const closing = host.close();
    await relay.close();
    await closing;
    assert.equal(host.stats().queueDropped, 1);
  });

  it('tells who waits for an address that it is closed, or the address taken away', async (t) => {
    const net = new HostNetwork(t);
    const host = net.host(1);
    const detectDuplicates = 'wait';
    const removed = assert.rejects(host.addAddress('10.0.0.8/24', { detectDuplicates }), {
      code: 'EADDRNOTAVAIL',
    });
    assert.equal(host.removeAddress('10.0.0.8'), true);
    await removed;
    const code = 'ERR_ETHERCONN_CLOSED';
    const added = assert.rejects(host.addAddress('10.0.0.9/24', { detectDuplicates }), { code });
    const probed = assert.rejects(host.probeAddress('10.0.0.10'), { code });
    const leased = assert.rejects(host.dhcp(), { code });
    await host.close();
    await Promise.all([added, probed, leased]);
    const relay = net.relay();
    const created = assert.rejects(Host.create(relay, { addresses: ['10.0.0.11/24'], detectDuplicates }), {
      code: 'ERR_ETHERCONN_RELAY_STOPPED',
    });
    await relay.close();
    await created;
  });

  it('sends nothing from an address that it has given up', async (t) => {
    const net = new HostNetwork(t);
    const host = net.host(1);
    const bound = new TestPort(host).bind('10.0.0.1', 7);
    const connected = new TestPort(host).connect('10.0.0.2', 7);
    await host.addAddress('10.0.0.5/24');
    host.removeAddress('10.0.0.1');
    for (const port of [bound, connected])
      assert.throws(() => port.send('x', '10.0.0.2', 7), { code: 'EADDRNOTAVAIL', syscall: 'send' });
    await host.addAddress('10.0.0.1/24');
    assert.equal(bound.send('x', '10.0.0.2', 7), 1);
  });

  it('keeps to the lowest of all MTUs, in whichever order they come and go', (t) => {
    const net = new HostNetwork(t);
    const host = net.host(1, { mtu: 1450 });
    const [lease, router] = [{}, {}];
    host.stack.state.limitMtu(lease, 1400);
    host.stack.state.limitMtu(router, 1300);
    assert.equal(host.mtu, 1300);
    host.stack.state.limitMtu(lease, null);
    assert.equal(host.mtu, 1300);
    host.setMtu(1280);
    assert.equal(host.mtu, 1280);
    host.setMtu(null);
    host.stack.state.limitMtu(router, 9000);
    assert.equal(host.mtu, 1500);
  });

  it('closes with its relay', async (t) => {
    const net = new HostNetwork(t);
    const relay = net.relay();
    const host = Host.createNow(relay, { addresses: ['10.0.0.1/24'] });
    const port = new TestPort(host).bind('');
    const ping = assert.rejects(host.ping('10.0.0.2'), { code: 'ERR_ETHERCONN_RELAY_STOPPED' });
    const closed = once(host, 'close');
    await relay.close();
    await ping;
    await closed;
    assert.equal((port.user.closed as NodeJS.ErrnoException).code, 'ERR_ETHERCONN_RELAY_STOPPED');
  });

  it('can be closed from inside of what it delivers', async (t) => {
    const net = new HostNetwork(t);
    const host = net.host(2);
    const server = new TestPort(host).bind('', 7);
    const { batchEnd } = server.user;
    server.user.batchEnd = (...batch) => {
      batchEnd.apply(server.user, batch);
      void host.close();
    };
    const client = new TestPort(net.host(1));
    for (let i = 0; i < 3; i++) client.send(Buffer.alloc(3000), '10.0.0.2', 7);
    await net.settle();
    assert.equal(server.user.taken.length, 1);
    assert.equal(host.closed, true);
  });

  it('keeps apart from hosts in other VLANs', async (t) => {
    const net = new HostNetwork(t);
    const relay = net.relay();
    const peers = net.relay();
    for (const vlan of [10, 20]) {
      const host = Host.createNow(relay, {
        mac: '02:00:00:00:00:01',
        vlans: [vlan],
        addresses: ['10.0.0.1/24'],
      });
      Host.createNow(peers, { mac: `02:00:00:00:00:${vlan}`, vlans: [vlan], addresses: ['10.0.0.2/24'] });
      const answer = host.ping('10.0.0.2', { size: 4000 });
      await net.settle();
      assert.equal((await answer).size, 4000);
      const [neighbor] = host.stack.output.neighbors.list();
      assert.equal(Buffer.from(neighbor.mac!).toString('hex'), `0200000000${vlan}`);
    }
  });

  it('carries conns beside its own ports', async (t) => {
    const net = new HostNetwork(t);
    const host = net.host(1);
    const other = net.host(2);
    const conn = new SharedRUDPConn({ address: '10.0.0.1', port: 53 }, host);
    const peer = new TestPort(other).bind('', 1000);
    const written = conn.writeTo(Buffer.from('ask'), { address: '10.0.0.2', port: 1000 });
    await net.settle();
    assert.equal(await written, 3);
    assert.deepEqual(peer.user.texts, ['ask']);
    peer.send('answer', '10.0.0.1', 53);
    await net.settle();
    const { data, remote } = await conn.readFrom();
    assert.deepEqual([data.toString(), remote.address], ['answer', '10.0.0.2']);
    const local = new TestPort(host);
    local.send('from here', '10.0.0.1', 53);
    await net.settle();
    assert.equal((await conn.readFrom()).data.toString(), 'from here');
    assert.throws(() => new TestPort(host).bind('10.0.0.1', 53), { code: 'EADDRINUSE' });
    assert.throws(() => new SharedRUDPConn({ address: '10.0.0.1', port: 53 }, host), {
      code: 'ERR_ETHERCONN_IN_USE',
    });
    new TestPort(host).bind('', 54);
    assert.throws(() => new SharedRUDPConn({ address: '10.0.0.1', port: 54 }, host), {
      code: 'ERR_ETHERCONN_IN_USE',
    });
    await conn.close();
    const seen: EthernetResponse[] = [];
    const key = new L4HashKey('10.0.0.1', IpProtocol.SCTP, 9);
    host.register(key).receive((response) => seen.push(response));
    await host.close();
    assert.throws(() => host.register(key), { code: 'ERR_ETHERCONN_CLOSED' });
    await assert.rejects(conn.readFrom(), { code: 'ERR_ETHERCONN_CLOSED' });
  });

  it('costs an idle machine little', (t) => {
    const relay = new HostNetwork(t).relay();
    const hosts: Host[] = [];
    const make = (count: number) => {
      for (let n = 0; n < count; n++) {
        const mac = Uint8Array.of(2, 1, 0, 0, hosts.length >> 8, hosts.length & 255);
        hosts.push(
          Host.createNow(relay, { mac, addresses: [`10.1.${hosts.length >> 8}.${hosts.length & 255}/8`] }),
        );
      }
    };
    make(500);
    assert.equal(relay.stats().registrations, 500);
    assert.equal(
      (relay.clock as unknown as { pendingTimers: number }).pendingTimers,
      0,
      'no timers when idle',
    );
  });
});

describe('the process', () => {
  const run = (body: string) => {
    const program = `
      import { MemoryNetwork } from '${new URL('../relay/memory-relay.js', import.meta.url).href}';
      import { Host } from '${new URL('../dgram/host.js', import.meta.url).href}';
      const network = new MemoryNetwork({ time: 'virtual' });
      network.virtualClock.autoAdvance = true;
      const relay = network.relay();
      const host = await Host.create(relay, { addresses: ['10.0.0.1/24', '2001:db8::1/64'] });
      process.on('exit', () => console.log('exit'));
      ${body}
    `;
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
      encoding: 'utf8',
      timeout: 20_000,
    });
    return stdout.trim();
  };

  it('does not stay for a host on an unreferenced relay, but for a referenced socket', () => {
    assert.equal(run('relay.unref();'), 'exit');
    assert.equal(run('relay.unref(); host.refSocket(); host.unrefSocket();'), 'exit');
    // A loop that is kept alive by something else wakes up for a timer that keeps nothing, but for no such immediate.
    const stays = `relay.unref(); host.refSocket();
      setTimeout(() => { console.log('here'); host.unrefSocket(); }, 50).unref();`;
    assert.equal(run(stays), 'here\nexit');
    assert.equal(run('relay.unref(); host.refSocket(); await host.close();'), 'exit');
  });

  it('stays for a datagram that waits for its next hop, until nobody has answered', () => {
    const told = "process.on('exit', () => console.log(host.stats().unreachable));";
    const oneShot = `relay.unref(); ${told}
      const socket = host.dgram.createSocket('udp4');
      socket.send('one shot', 7, '10.0.0.2', (error) => { console.log(error); socket.close(); });`;
    assert.equal(run(oneShot), 'null\nexit\n1');
    assert.equal(run(`relay.unref(); ${told} host.ping('10.0.0.2').catch(() => undefined);`), 'exit\n1');
  });
});
