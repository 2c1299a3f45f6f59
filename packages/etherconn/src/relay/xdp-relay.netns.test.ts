import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { describe, test } from 'node:test';
import { EtherConn } from '../conn/ether-conn.ts';
import { RUDPConn } from '../conn/rudp-conn.ts';
import { SharedEtherConn } from '../conn/shared-ether-conn.ts';
import { SharedRUDPConn } from '../conn/shared-rudp-conn.ts';
import { UdpService } from '../conn/udp-service.ts';
import { setVlanOffload, vlanOffload } from '../link/xdp/vlan-offload.ts';
import { eventually } from '../test-support/eventually.ts';
import { FAR, FAR_MAC, NEAR, promiscuity } from '../test-support/veth-links.ts';
import { requireXdp } from '../test-support/xdp-bench.ts';
import { EtherType } from '../wire/ethertype.ts';
import { L2EndpointKey } from './l2-endpoint.ts';
import { RawSocketRelay } from './raw-socket-relay.ts';
import { XDPRelay } from './xdp-relay.ts';

const TYPE = 0x88b5;
const A = '02:ec:00:00:00:0a';
const B = '02:ec:00:00:00:0b';

import { withXdpRelays } from '../test-support/xdp-relay-bench.ts';

function bytes(text: string): Uint8Array {
  return Buffer.from(text);
}

for (const mode of ['native', 'generic'] as const) {
  describe(`XDPRelay, ${mode}`, { skip: requireXdp() }, () => {
    test('XDPRelay: open, register, unregister, close', async () => {
      await withXdpRelays({}, async ({ far, open }) => {
        const before = readdirSync('/proc/self/fd').length;
        const [a, b] = [await open(NEAR, { mode }), await open(FAR, { mode })];
        assert.equal(b.interfaceName(), FAR);
        assert.equal(String(b), `XDPRelay ${FAR} (${mode}, queues 0)`);
        assert.ok(promiscuity(far, FAR) > 0);
        const received: string[] = [];
        const registration = b.register([L2EndpointKey.of(B, TYPE)]);
        registration.receive((response) =>
          received.push(String(Buffer.from(response.etherBytes.subarray(14)))),
        );
        const sender = new EtherConn(A, a, [TYPE]);
        await sender.writePacketTo(bytes('one'.padEnd(46)), TYPE, B);
        await eventually('the frame', () => received.length === 1);
        assert.equal(received[0]!.trim(), 'one');
        b.unregister(registration.id);
        await sender.writePacketTo(bytes('two'.padEnd(46)), TYPE, B);
        await eventually('the frame that nobody wants', () => b.stats().link.steering!.noEndpoint > 0);
        assert.equal(received.length, 1);
        const { received: all, link } = b.stats();
        assert.deepEqual([all, link.rxFrames, link.steering!.redirected], [1, 1, 1]);
        await Promise.all([a.close(), b.close()]);
        assert.equal(readdirSync('/proc/self/fd').length, before);
        assert.equal(promiscuity(far, FAR), 0);
        assert.doesNotMatch(far.run('ip', 'link', 'show', FAR).stdout, /xdp/);
      });
    });

    test('conns over XDPRelay: EtherConn with VLANs, RUDPConn, SharedRUDPConn', async () => {
      await withXdpRelays({ queues: 2 }, async ({ near, far, open }) => {
        // On a veth it is the sender that leaves tags beside the frame.
        for (const [name, { path }] of [
          [NEAR, near],
          [FAR, far],
        ] as const)
          setVlanOffload(name, false, { netns: path });
        const [a, b] = [await open(NEAR, { mode }), await open(FAR, { mode })];
        for (const vlans of [[], [7], [7, 4094], [{ id: 100, tpid: 0x88a8, pcp: 5 }, 200]]) {
          const [from, to] = [new EtherConn(A, a, [TYPE], { vlans }), new EtherConn(B, b, [TYPE], { vlans })];
          await from.writePacketTo(bytes('tagged'.padEnd(46)), TYPE, B);
          const { data, remote } = await to.readPacket({ timeout: 5000 });
          assert.equal(String(data).trim(), 'tagged');
          assert.deepEqual(
            remote.vlans,
            vlans.map((vlan) => (typeof vlan === 'number' ? vlan : vlan.id)),
          );
          await Promise.all([from.close(), to.close()]);
        }

        const resolveNextHop = () => B;
        const server = new RUDPConn(
          { address: '10.0.0.2', port: 7 },
          new EtherConn(B, b, [], { vlans: [7] }),
        );
        server.onBatch((batch) => {
          while (batch.next()) batch.reply(batch.copyPayload());
        });
        const client = new RUDPConn(
          { address: '10.0.0.1', port: 9 },
          new EtherConn(A, a, [], { vlans: [7] }),
          {
            resolveNextHop,
          },
        );
        await client.writeTo(bytes('udp'), { address: '10.0.0.2', port: 7 });
        assert.equal(String((await client.readFrom({ timeout: 5000 })).data), 'udp');

        const shared = new SharedEtherConn(A, a);
        const servers = new SharedEtherConn(B, b);
        const ports = [1001, 1002, 1003];
        const clients = ports.map(
          (port) => new SharedRUDPConn({ address: '10.0.0.1', port }, shared, { resolveNextHop }),
        );
        for (const port of ports) {
          const echo = new SharedRUDPConn({ address: '10.0.0.2', port }, servers);
          echo.onBatch((batch) => {
            while (batch.next()) batch.reply(bytes(`${port}`));
          });
        }
        for (const [i, port] of ports.entries()) {
          await clients[i]!.writeTo(bytes('?'), { address: '10.0.0.2', port });
          assert.equal(String((await clients[i]!.readFrom({ timeout: 5000 })).data), `${port}`);
        }
      });
    });

    test('broadcast comes to a conn that asks for it, and to the kernel', async () => {
      await withXdpRelays({}, async ({ near, far, open }) => {
        near.run('ip', 'address', 'add', '10.0.0.1/24', 'dev', NEAR);
        far.run('ip', 'address', 'add', '10.0.0.2/24', 'dev', FAR);
        const conn = new EtherConn(B, await open(FAR, { mode }), [EtherType.ARP], { receiveMulticast: true });
        near.spawn(
          process.execPath,
          '-e',
          "require('node:dgram').createSocket('udp4').send('x', 9, '10.0.0.2')",
        );
        const { data } = await conn.readPacket({ timeout: 10_000 });
        assert.deepEqual([...data.subarray(24, 28)], [10, 0, 0, 2]);
        const answered = () => near.run('ip', 'neigh', 'show', '10.0.0.2').stdout.includes(FAR_MAC);
        await eventually('the answer of the kernel', answered);
      });
    });
  });
}

describe('XDPRelay', { skip: requireXdp() }, () => {
  test('two relays on disjoint queues share one program, endpoints and services', async () => {
    await withXdpRelays({ queues: 2 }, async ({ near, far, open }) => {
      near.run('ip', 'address', 'add', '10.0.0.1/24', 'dev', NEAR);
      far.run('ip', 'address', 'add', '10.0.0.2/24', 'dev', FAR);
      const first = await open(FAR, { queues: [0] });
      const second = await open(FAR, { queues: [1], attach: false, program: first.program });
      assert.deepEqual([first.info().attached, second.info().attached], ['native', 'native']);
      let answers = 0;
      for (const relay of [first, second]) {
        const service = await UdpService.open(relay, { address: '10.0.0.2', port: 53 });
        service.onBatch((batch) => {
          while (batch.next()) {
            answers++;
            batch.reply(batch.copyPayload());
          }
        });
      }
      const conns = [first, second].map((relay) => new EtherConn(B, relay, [TYPE]));
      // A sender of ours uses the queue that it is told to; veth receives on the same one.
      for (const [queue, conn] of conns.entries()) {
        const relay = await open(NEAR, { sendQueue: queue });
        await new EtherConn(A, relay, [TYPE]).writePacketTo(bytes(`${queue}`.padEnd(46)), TYPE, B);
        assert.equal(String((await conn.readPacket({ timeout: 5000 })).data).trim(), `${queue}`);
        await relay.close();
      }
      const ask = `
        const socket = require('node:dgram').createSocket('udp4');
        socket.on('message', () => process.exit()).connect(53, '10.0.0.2', () => {
          socket.send('?');
          setInterval(() => socket.send('?'), 300);
        });`;
      const [status] = await once(near.spawn(process.execPath, '-e', ask), 'exit');
      assert.equal(status, 0);
      assert.ok(answers > 0);
      // The one that has attached the program goes; the other keeps it.
      await first.close();
      assert.match(far.run('ip', 'link', 'show', FAR).stdout, /xdp/);
      await second.close();
      assert.doesNotMatch(far.run('ip', 'link', 'show', FAR).stdout, /xdp/);
    });
  });

  test('the interface’s own MAC address only with takeover', async () => {
    await withXdpRelays({}, async ({ open }) => {
      const polite = await open(FAR);
      assert.throws(() => new EtherConn(FAR_MAC, polite), { code: 'ERR_ETHERCONN_TAKEOVER' });
      assert.throws(() => polite.register([L2EndpointKey.of(FAR_MAC, TYPE)]), {
        code: 'ERR_ETHERCONN_TAKEOVER',
      });
      // Refused means not registered.
      assert.equal(polite.stats().registrations, 0);
      await polite.close();
      const rude = await open(FAR, { takeover: true });
      const near = await open(NEAR);
      const conn = new EtherConn(FAR_MAC, rude, [TYPE]);
      await new EtherConn(A, near, [TYPE]).writePacketTo(bytes('mine'.padEnd(46)), TYPE, FAR_MAC);
      assert.equal(String((await conn.readPacket({ timeout: 5000 })).data).trim(), 'mine');
    });
  });

  test('more endpoints than maxEndpoints are refused where they are registered, and others go on', async () => {
    await withXdpRelays({}, async ({ open }) => {
      const relay = await open(FAR, { maxEndpoints: 2 });
      const conns = [1, 2].map((n) => new EtherConn(`02:ec:00:00:01:0${n}`, relay, [TYPE]));
      assert.throws(() => new EtherConn('02:ec:00:00:01:03', relay, [TYPE]), {
        code: 'ERR_ETHERCONN_LIMIT',
        message: /maxEndpoints/,
      });
      // At once: the link need not have heard yet that there is room.
      await conns[0]!.close();
      const third = new EtherConn('02:ec:00:00:01:03', relay, [TYPE]);
      const near = await open(NEAR);
      await new EtherConn(A, near, [TYPE]).writePacketTo(bytes('x'.padEnd(46)), TYPE, '02:ec:00:00:01:03');
      await third.readPacket({ timeout: 5000 });
    });
  });

  test('endpoints in VLANs are refused where the interface takes the tags away', async () => {
    await withXdpRelays({}, async ({ near, far }) => {
      // The peer in another namespace cannot be asked; here it is in the same one.
      far.run('ip', 'link', 'add', 'left0', 'type', 'veth', 'peer', 'name', 'right0');
      for (const name of ['left0', 'right0']) far.run('ip', 'link', 'set', name, 'up');
      assert.equal(vlanOffload('left0', { netns: far.path }).state, 'on');
      assert.equal(vlanOffload(NEAR, { netns: near.path }).state, 'unknown');
      await using relay = await XDPRelay.open('left0', { netns: far.path });
      assert.throws(() => new EtherConn(B, relay, [TYPE], { vlans: [7] }), {
        code: 'ERR_ETHERCONN_VLAN_OFFLOAD',
        message: /ethtool -K right0 txvlan off/,
      });
      assert.equal(setVlanOffload('right0', false, { netns: far.path }), true);
      assert.deepEqual(vlanOffload('left0', { netns: far.path }), { state: 'off', advice: '' });
      new EtherConn(B, relay, [TYPE], { vlans: [7] });
      assert.throws(() => vlanOffload('none0', { netns: far.path }), { code: 'ENODEV' });
    });
  });

  test('jumbo frames', async () => {
    await withXdpRelays({ mtu: 9000 }, async ({ open }) => {
      const [a, b] = [await open(NEAR), await open(FAR)];
      assert.ok(b.info().multiBuffer);
      const [from, to] = [new EtherConn(A, a, [TYPE]), new EtherConn(B, b, [TYPE])];
      const packet = new Uint8Array(9000).map((_, i) => i);
      await from.writePacketTo(packet, TYPE, B);
      assert.deepEqual(new Uint8Array((await to.readPacket({ timeout: 5000 })).data), packet);
    });
  });

  test('an interface that is deleted stops the relay, and conns say why', async () => {
    await withXdpRelays({}, async ({ far, open }) => {
      const relay = await open(FAR);
      const conn = new EtherConn(B, relay, [TYPE]);
      const failed = once(relay, 'error');
      const read = assert.rejects(conn.readPacket(), {
        code: 'ERR_ETHERCONN_RELAY_STOPPED',
        message: /deleted/,
      });
      far.run('ip', 'link', 'delete', FAR);
      await failed;
      await read;
      assert.ok(relay.closed);
    });
  });

  test('beside AF_PACKET on the same interface', async () => {
    await withXdpRelays({}, async ({ far, open }) => {
      const relay = await open(FAR);
      await using beside = await RawSocketRelay.open(FAR, { netns: far.path });
      const mine = new EtherConn(B, relay, [TYPE]);
      const other = new EtherConn('02:ec:00:00:00:0c', beside, [TYPE]);
      const from = new EtherConn(A, await open(NEAR), [TYPE]);
      await from.writePacketTo(bytes('x'.padEnd(46)), TYPE, B);
      await from.writePacketTo(bytes('y'.padEnd(46)), TYPE, '02:ec:00:00:00:0c');
      assert.equal(String((await mine.readPacket({ timeout: 5000 })).data).trim(), 'x');
      assert.equal(String((await other.readPacket({ timeout: 5000 })).data).trim(), 'y');
    });
  });
});
