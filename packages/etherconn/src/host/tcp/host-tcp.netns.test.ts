import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { RawSocketRelay } from '../../relay/raw-socket-relay.ts';
import { eventually } from '../../test-support/eventually.ts';
import { TcpServer, tcpConnect } from '../../test-support/tcp-users.ts';
import {
  addVethPair,
  type Namespace,
  openNamespace,
  requireCommand,
  requireNamespaces,
} from '../../testing/namespaces.ts';
import { Host } from '../host.ts';

const skip = requireNamespaces() || requireCommand('ethtool');
const HOSTS = ['10.9.0.5', '2001:db8:9::5'];
const KERNELS = ['10.9.0.1', '2001:db8:9::1'];
const BULK = 3_000_000;

/** Node's own sockets. On 7000 what comes is sent back; on 7001 it is hashed, and the digest is the answer. */
const SERVER = `
  const net = require('node:net');
  const { createHash } = require('node:crypto');
  net.createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket).on('error', () => {})).listen(7000, '::', () => {
    net.createServer({ allowHalfOpen: true }, (socket) => {
      const hash = createHash('sha256');
      socket.on('data', (data) => hash.update(data)).on('end', () => socket.end(hash.digest('hex')));
    }).listen(7001, '::', () => {
      net.createServer((socket) => socket.resetAndDestroy()).listen(7002, '::', () => console.log('ready'));
    });
  });
`;

/** Connects, sends a bulk and ends, and prints the digest of what comes back; or the error's code. */
const CLIENT = `
  const net = require('node:net');
  const { createHash } = require('node:crypto');
  const [address, port, size] = process.argv.slice(1);
  const hash = createHash('sha256');
  const socket = net.connect({ host: address, port: +port, allowHalfOpen: true });
  socket.on('error', (error) => console.log(error.code));
  socket.on('data', (data) => hash.update(data)).on('end', () => console.log(hash.digest('hex')));
  socket.end(Buffer.alloc(+size, 'etherconn'));
`;

function digest(data: Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

async function firstLine(child: ChildProcess): Promise<string> {
  const [chunk] = await once(child.stdout!, 'data');
  return String(chunk).split('\n')[0];
}

describe("a host's TCP and the kernel's, over veth without segmentation offload", { skip }, () => {
  let kernel: Namespace;
  let ours: Namespace;
  let relay: RawSocketRelay;
  let host: Host;

  before(async () => {
    [kernel, ours] = await Promise.all([openNamespace(), openNamespace()]);
    addVethPair(
      { namespace: ours, name: 'near0' },
      { namespace: kernel, name: 'far0', addresses: [`${KERNELS[0]}/24`, `${KERNELS[1]}/64`] },
      { ipv6: true },
    );
    kernel.run('ethtool', '-K', 'far0', 'tso', 'off', 'gso', 'off');
    kernel.run('sh', '-c', 'while ip -6 address show dev far0 | grep -q tentative; do sleep 0.05; done');
    relay = await RawSocketRelay.open('near0', { netns: ours.path });
    host = await Host.create(relay, {
      mac: '02:00:00:00:01:05',
      addresses: HOSTS.map((a, i) => `${a}/${i ? 64 : 24}`),
    });
    assert.equal(await firstLine(kernel.spawn(process.execPath, '-e', SERVER)), 'ready');
  });

  after(async () => {
    await host?.close();
    await relay?.close();
    await kernel?.close();
    await ours?.close();
  });

  for (const [i, address] of KERNELS.entries()) {
    it(`connects to ${address}: echo, bulk, half-close, reset, refused`, async () => {
      const { tcp } = host.stack;
      const echo = tcpConnect(tcp, address, 7000);
      echo.send('hello');
      await eventually('an echo', () => echo.text === 'hello');
      const data = Buffer.alloc(BULK, 'etherconn');
      echo.send(data, true);
      await eventually('everything has come back', () => echo.events.includes('closed'));
      assert.equal(digest(echo.data.subarray(5)), digest(data));
      const hashed = tcpConnect(tcp, address, 7001);
      hashed.send(data, true);
      await eventually('the digest has come', () => hashed.text === digest(data));
      const reset = tcpConnect(tcp, address, 7002);
      await eventually('it is reset', () => reset.events.join() === 'connected,ECONNRESET');
      const refused = tcpConnect(tcp, address, 7999);
      await eventually('it is refused', () => refused.events.join() === 'ECONNREFUSED');
      assert.equal(tcp.counters.badAcknowledgment, 0);
    });

    it(`takes connections from ${address}: bulk both ways with half-close, and refuses`, async () => {
      const { tcp } = host.stack;
      const server = new TcpServer(tcp, 8000, HOSTS[i]);
      server.prepare = (end) => {
        end.echo = true;
      };
      const data = Buffer.alloc(BULK, 'etherconn');
      const client = kernel.spawn(process.execPath, '-e', CLIENT, HOSTS[i], '8000', String(BULK));
      assert.equal(await firstLine(client), digest(data));
      assert.equal(digest(server.ends[0].data), digest(data));
      server.listening.close();
      const refused = kernel.spawn(process.execPath, '-e', CLIENT, HOSTS[i], '8000', '1');
      assert.equal(await firstLine(refused), 'ECONNREFUSED');
    });
  }
});
