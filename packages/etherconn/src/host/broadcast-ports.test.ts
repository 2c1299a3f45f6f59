import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { SharedRUDPConn } from '../conn/shared-rudp-conn.ts';
import { Host } from '../dgram/host.ts';
import { MemoryNetwork } from '../relay/memory-relay.ts';

const SOME = 7002;
const OTHER = 7003;

for (const vlans of [[], [100], [100, 200]]) {
  test(`a broadcast is offered to the hosts that have its port, and to no others, ${vlans.length} tags`, async () => {
    await using network = new MemoryNetwork({ time: 'virtual' });
    const clock = network.virtualClock;
    const relay = network.relay();
    const open = (i: number) =>
      Host.create(i === 1 ? network.relay() : relay, {
        mac: `02:00:00:00:01:0${i}`,
        addresses: [`10.0.0.${i}/24`],
        detectDuplicates: 'off',
        vlans,
      });
    const hosts = await Promise.all([1, 2, 3, 4].map(open));
    const [from, bound, shared, idle] = hosts;
    const sender = from.dgram.createSocket('udp4').bind(0);
    await once(sender, 'listening');
    sender.setBroadcast(true);
    const sockets = [1, 2].map(() => bound.dgram.createSocket({ type: 'udp4', reuseAddr: true }));
    for (const socket of sockets) {
      socket.bind(SOME);
      await once(socket, 'listening');
    }
    const other = bound.dgram.createSocket('udp4').bind(OTHER);
    await once(other, 'listening');
    const conn = new SharedRUDPConn({ address: '0.0.0.0', port: SOME }, shared);

    const broadcast = async (): Promise<number[]> => {
      const before = hosts.map((host) => host.stats().received);
      sender.send('all', SOME, '255.255.255.255');
      await clock.advance(1);
      return hosts.map((host, i) => host.stats().received - before[i]);
    };
    assert.deepEqual(await broadcast(), [0, 1, 1, 0]);
    // As long as one of two has it.
    await new Promise<void>((done) => void sockets[0].close(done));
    assert.deepEqual(await broadcast(), [0, 1, 1, 0]);
    await new Promise<void>((done) => void sockets[1].close(done));
    assert.deepEqual(await broadcast(), [0, 0, 1, 0]);
    await conn.close();
    assert.deepEqual(await broadcast(), [0, 0, 0, 0]);
    const late = idle.dgram.createSocket('udp4').bind(SOME);
    await once(late, 'listening');
    assert.deepEqual(await broadcast(), [0, 0, 0, 1]);
    // The port that needs no map is free again, and another takes its place.
    other.close();
    const again = bound.dgram.createSocket('udp4').bind(SOME);
    await once(again, 'listening');
    assert.deepEqual(await broadcast(), [0, 1, 0, 1]);
    await idle.close();
    assert.deepEqual(await broadcast(), [0, 1, 0, 0]);
  });
}
