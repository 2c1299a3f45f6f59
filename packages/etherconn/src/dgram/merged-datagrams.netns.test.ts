import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { RawSocketRelay } from '../relay/raw-socket-relay.ts';
import { eventually } from '../test-support/eventually.ts';
import {
  addVethPair,
  type Namespace,
  openNamespace,
  requireCommand,
  requireNamespaces,
} from '../testing/namespaces.ts';
import { Host } from './host.ts';

/**
 * Sends a number of bytes in datagrams of that size by one call (UDP_SEGMENT), which node:dgram cannot. Each byte is the
 * number of its datagram.
 */
const SENDER = `
import socket, sys
address, size, total = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
s = socket.socket(socket.AF_INET6 if ':' in address else socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(17, 103, size)
s.sendto(bytes(i // size for i in range(total)), (address, 4000))
`;

describe('datagrams that the sender merges (UDP_SEGMENT) come one by one', {
  skip: requireNamespaces() || requireCommand('python3'),
}, () => {
  let kernel: Namespace;
  let ours: Namespace;

  before(async () => {
    [kernel, ours] = await Promise.all([openNamespace(), openNamespace()]);
    addVethPair(
      { namespace: ours, name: 'near0' },
      { namespace: kernel, name: 'far0', addresses: ['10.9.0.1/24', '2001:db8:9::1/64'] },
      { ipv6: true },
    );
    kernel.run('sh', '-c', 'while ip -6 address show dev far0 | grep -q tentative; do sleep 0.05; done');
  });

  after(async () => {
    await kernel?.close();
    await ours?.close();
  });

  for (const receive of ['latency', 'throughput'] as const) {
    for (const [address, type] of [
      ['10.9.0.5', 'udp4'],
      ['2001:db8:9::5', 'udp6'],
    ] as const) {
      it(`AF_PACKET, '${receive}', ${type}`, async () => {
        const relay = await RawSocketRelay.open('near0', { netns: ours.path, receive });
        const host = await Host.create(relay, {
          mac: '02:00:00:00:01:05',
          addresses: ['10.9.0.5/24', '2001:db8:9::5/64'],
        });
        const received: Buffer[] = [];
        const socket = host.dgram.createSocket(type, (message) => received.push(message));
        try {
          socket.bind(4000);
          await once(socket, 'listening');
          // Shorter than the MTU all together; two of the MTU; as many and as much as there can be.
          for (const [size, total] of [
            [100, 950],
            [1400, 2800],
            [1000, 60_500],
            [1024, 64 * 1024 - 1500],
          ]) {
            received.length = 0;
            kernel.run('python3', '-c', SENDER, address, String(size), String(total));
            const count = Math.ceil(total / size);
            await eventually('all datagrams', () => received.length >= count);
            assert.deepEqual(
              received.map(({ length }) => length),
              Array.from({ length: count }, (_, i) => Math.min(size, total - i * size)),
            );
            for (const [i, message] of received.entries()) assert.ok(message.every((byte) => byte === i));
          }
          const { rxOversize, rxFrames, rxBytes } = relay.stats().link;
          assert.equal(rxOversize, 0);
          assert.ok(rxBytes / rxFrames < 1514);
        } finally {
          socket.close();
          await host.close();
          await relay.close();
        }
      });
    }
  }
});
