import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { RawSocketRelay } from '../../relay/raw-socket-relay.ts';
import { XDPRelay } from '../../relay/xdp-relay.ts';
import { eventually } from '../../test-support/eventually.ts';
import { tcpConnect } from '../../test-support/tcp-users.ts';
import { addVethPair, type Namespace, openNamespace, requireNamespaces } from '../../testing/namespaces.ts';
import { Host } from '../host.ts';

const BULK = Buffer.alloc(20_000_000, 'etherconn');
const DIGEST = createHash('sha256').update(BULK).digest('hex');

/** Sends a bulk to whoever connects. */
const SERVER = `
  const data = Buffer.alloc(${BULK.length}, 'etherconn');
  require('node:net').createServer((socket) => socket.end(data)).listen(7000, '::', () => console.log('ready'));
`;

const ENGINES = {
  "AF_PACKET, 'latency'": (netns: string) => RawSocketRelay.open('near0', { netns }),
  "AF_PACKET, 'throughput'": (netns: string) =>
    RawSocketRelay.open('near0', { netns, receive: 'throughput' }),
  'AF_XDP, generic': (netns: string) => XDPRelay.open('near0', { netns, mode: 'generic' }),
};

describe("bulk from the kernel's TCP with segmentation offload: segments come merged", {
  skip: requireNamespaces(),
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
    await once(kernel.spawn(process.execPath, '-e', SERVER).stdout!, 'data');
  });

  after(async () => {
    await kernel?.close();
    await ours?.close();
  });

  for (const [name, open] of Object.entries(ENGINES)) {
    it(name, async () => {
      const relay = await open(ours.path);
      const addresses = ['10.9.0.5/24', '2001:db8:9::5/64'];
      const host = await Host.create(relay, { mac: '02:00:00:00:01:05', addresses });
      try {
        for (const address of ['10.9.0.1', '2001:db8:9::1']) {
          const before = relay.stats().link;
          const end = tcpConnect(host.stack.tcp, address, 7000);
          await eventually('everything has come', () => end.events.includes('ended'));
          end.socket.shutdown();
          assert.equal(createHash('sha256').update(end.data).digest('hex'), DIGEST);
          const { rxFrames, rxBytes, rxOversize } = relay.stats().link;
          assert.equal(rxOversize, 0);
          // Had they not been merged, no frame would be longer than 1514 bytes.
          assert.ok((rxBytes - before.rxBytes) / (rxFrames - before.rxFrames) > 3000);
        }
      } finally {
        await host.close();
        await relay.close();
      }
    });
  }
});
