import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { Host } from '../dgram/host.ts';
import type { DgramSocket } from '../dgram/socket-class.ts';
import { runNode, startNode } from '../test-support/node-in-namespace.ts';
import { FAR, NEAR } from '../test-support/veth-links.ts';
import { requireXdp } from '../test-support/xdp-bench.ts';
import { addVethPair, type Namespace, openNamespace } from '../testing/namespaces.ts';
import { XDPRelay } from './xdp-relay.ts';

/** A host with sockets over AF_XDP, and the kernel at the other end of a veth pair with its default offloads. */

const HOST4 = '10.9.0.5';
const HOST6 = '2001:db8:9::5';
const KERNEL4 = '10.9.0.1';
const KERNEL6 = '2001:db8:9::1';
/** Of the kernel whose interface the host is on. */
const BESIDE4 = '10.9.0.2';
const FAMILIES = [
  ['udp4', KERNEL4, HOST4],
  ['udp6', KERNEL6, HOST6],
] as const;
/** Bytes of UDP payload: none, the most in one packet (IPv4), one more, and fragments up to the longest datagram. */
const SIZES = [0, 1472, 1473, 20_000, 65_507];
/** Milliseconds after which a datagram that may have been lost is sent again, and how often it is sent. */
const AGAIN = 1000;
const TRIES = 10;

/** Runs here and at the kernel: sends a datagram until it comes back as it was sent. */
function exchange(socket: DgramSocket, size: number, port: number, address: string): Promise<void> {
  const data = Buffer.from(Uint8Array.from({ length: size }, (_, i) => i * 7 + size));
  return new Promise((resolve, reject) => {
    let tries = 0;
    const send = () => {
      if (tries++ === TRIES) end(new Error(`${size} bytes to ${address} did not come back`));
      else socket.send(data, port, address, (error) => error && end(error));
    };
    const timer = setInterval(send, AGAIN);
    const take = (message: Uint8Array) => data.equals(message) && end();
    const end = (error?: Error) => {
      clearInterval(timer);
      socket.off('message', take);
      if (error === undefined) resolve();
      else reject(error);
    };
    socket.on('message', take);
    send();
  });
}

/** The kernel's own socket that echoes. */
const ECHO = `
  const socket = require('node:dgram').createSocket('udp6');
  socket.on('message', (data, { port, address }) => socket.send(data, port, address));
  socket.bind(7000, '::', () => console.log('ready'));
`;

/** A socket of the kernel's that sends all sizes to one that echoes. */
function kernelAsks(type: 'udp4' | 'udp6', address: string): string {
  return `
    const [AGAIN, TRIES] = [${AGAIN}, ${TRIES}];
    const exchange = ${exchange};
    const socket = require('node:dgram').createSocket('${type}');
    (async () => {
      for (const size of ${JSON.stringify(SIZES)}) {
        await exchange(socket, size, 7001, '${address}');
        console.log(size);
      }
      socket.close();
    })();
  `;
}

for (const mode of ['native', 'generic'] as const) {
  describe(`a host over XDPRelay and the kernel, ${mode}`, { skip: requireXdp() }, () => {
    let kernel: Namespace;
    let ours: Namespace;
    let relay: XDPRelay;
    let host: Host;

    before(async () => {
      [kernel, ours] = await Promise.all([openNamespace(), openNamespace()]);
      addVethPair(
        { namespace: ours, name: NEAR, addresses: [`${BESIDE4}/24`] },
        { namespace: kernel, name: FAR, addresses: [`${KERNEL4}/24`] },
        { ipv6: true, queues: 2 },
      );
      kernel.run('ip', 'address', 'add', `${KERNEL6}/64`, 'dev', FAR, 'nodad');
      relay = await XDPRelay.open(NEAR, { netns: ours.path, mode, audit: true });
      host = await Host.create(relay, {
        mac: '02:00:00:00:01:05',
        addresses: [`${HOST4}/24`, `${HOST6}/64`],
        detectDuplicates: 'off',
      });
    });

    after(async () => {
      await host?.close();
      await relay?.close();
      await kernel?.close();
      await ours?.close();
    });

    /** The command blocks this thread, so it is started, not run. */
    async function kernelPings(size: number, address: string): Promise<void> {
      const ping = kernel.spawn('ping', '-c', '1', '-W', '5', '-s', `${size}`, address);
      assert.deepEqual(await once(ping, 'exit'), [0, null], `ping -s ${size} ${address}`);
    }

    test('ping each other, IPv4 and IPv6, whole and in fragments', async () => {
      for (const [, theirs, own] of FAMILIES) {
        for (const size of [56, 20_000]) {
          assert.equal((await host.ping(theirs, { size })).size, size);
          await kernelPings(size, own);
        }
      }
      // The kernel on the same interface is there as before.
      await kernelPings(56, BESIDE4);
    });

    for (const [type, theirs, own] of FAMILIES) {
      test(`${type}: datagrams of every size, asked from here and from there`, async () => {
        const echo = await startNode(kernel, ECHO);
        const client = host.dgram.createSocket(type);
        const server = host.dgram.createSocket(type);
        try {
          for (const size of SIZES) await exchange(client, size, 7000, theirs);
          server.on('message', (data, { port, address }) => server.send(data, port, address));
          server.bind(7001);
          await once(server, 'listening');
          assert.equal(await runNode(kernel, kernelAsks(type, own)), SIZES.join('\n'));
        } finally {
          client.close();
          server.close();
          echo.kill('SIGKILL');
        }
      });
    }

    test('all of it came by AF_XDP, with right checksums', () => {
      const { mode: got, attached } = relay.info();
      assert.deepEqual([got, attached], [mode, mode]);
      const { rxFrames, rxSideFrames, rxDropped, steering } = relay.stats().link;
      assert.ok(rxFrames - rxSideFrames > 200, `${rxFrames} frames, ${rxSideFrames} of them beside`);
      assert.equal(rxFrames - rxSideFrames + rxDropped, steering!.redirected);
      assert.equal(host.stats().badChecksum, 0);
    });
  });
}
