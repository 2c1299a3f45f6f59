import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import diagnostics from 'node:diagnostics_channel';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import nodeNet, { type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it, test } from 'node:test';
import { inherits } from 'node:util';
import { Host } from '../dgram/host.ts';
import { MemoryNetwork } from '../relay/memory-relay.ts';
import { openDgramHosts } from '../test-support/dgram-hosts.ts';
import { eventually } from '../test-support/eventually.ts';
import { VirtualClock } from '../virtual-clock.ts';
import type { NetModule } from './net-module.ts';

/** Sockets on a memory network, and the timers of sockets, do not keep a process alive. */
const alive = setInterval(() => undefined, 1000);
after(() => clearInterval(alive));

type SystemError = NodeJS.ErrnoException & { address?: string; port?: number; localPort?: number };

async function listen(
  module: NetModule,
  port: number,
  host: string,
  listener: (socket: Socket) => void,
): Promise<Server> {
  const server = module.createServer(listener).listen(port, host);
  await once(server, 'listening');
  return server;
}

function closed(server: Server): Promise<void> {
  return new Promise((done) => server.close(() => done()));
}

async function failure(socket: Socket): Promise<SystemError> {
  const [error] = (await once(socket, 'error')) as [SystemError];
  return error;
}

async function textOf(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  await once(socket, 'end');
  return Buffer.concat(chunks).toString();
}

for (const [local, remote] of [
  ['10.0.0.1', '10.0.0.2'],
  ['fd00::1', 'fd00::2'],
]) {
  test(`a client and a server on hosts of their own, from ${local}`, async () => {
    await using net = await openDgramHosts(2);
    const [a, b] = net.hosts;
    const server = await listen(b.net, 80, remote, (socket) => {
      assert.equal(socket.remoteAddress, local);
      assert.equal(socket.localAddress, remote);
      assert.equal(socket.localPort, 80);
      socket.pipe(socket);
    });
    const family = local.includes(':') ? 'IPv6' : 'IPv4';
    assert.deepEqual(server.address(), { address: remote, family, port: 80 });
    const socket = a.net.connect(80, remote);
    assert.equal(socket.connecting, true);
    assert.equal(socket.readyState, 'opening');
    await once(socket, 'connect');
    assert.equal(socket.remoteAddress, remote);
    assert.equal(socket.remotePort, 80);
    assert.equal(socket.remoteFamily, family);
    assert.deepEqual(socket.address(), { address: local, family, port: socket.localPort });
    socket.end('hello');
    assert.equal(await textOf(socket), 'hello');
    assert.equal(socket.bytesRead, 5);
    assert.equal(socket.bytesWritten, 5);
    await once(socket, 'close');
    await closed(server);
    await eventually('no connection is left', () => b.stack.tcp.size === 0);
  });
}

test('a server of all addresses takes IPv4, IPv6 and what is inside of the host', async () => {
  await using net = await openDgramHosts(2);
  const [a, b] = net.hosts;
  const seen: unknown[] = [];
  const server = b.net.createServer((socket) => {
    seen.push([socket.remoteAddress, socket.remoteFamily]);
    socket.end();
  });
  server.listen();
  await once(server, 'listening');
  const { port, ...where } = server.address() as AddressInfo;
  assert.deepEqual(where, { address: '::', family: 'IPv6' });
  for (const [module, address] of [
    [a.net, '10.0.0.2'],
    [a.net, 'fd00::2'],
    [b.net, '127.0.0.1'],
    [b.net, '::1'],
    [b.net, '::ffff:10.0.0.2'],
  ] as const) {
    const socket = module.connect(port, address).resume();
    await once(socket, 'close');
    assert.equal(socket.bytesRead, 0);
  }
  assert.deepEqual(seen, [
    ['::ffff:10.0.0.1', 'IPv6'],
    ['fd00::1', 'IPv6'],
    ['::ffff:127.0.0.1', 'IPv6'],
    ['::1', 'IPv6'],
    ['::ffff:10.0.0.2', 'IPv6'],
  ]);
  await closed(server);
});

test('errors are those of Node', async () => {
  await using net = await openDgramHosts(2);
  const [a, b] = net.hosts;
  const refused = await failure(a.net.connect(81, '10.0.0.2'));
  assert.equal(refused.message, 'connect ECONNREFUSED 10.0.0.2:81');
  assert.deepEqual(
    [refused.code, refused.errno, refused.syscall, refused.address, refused.port],
    ['ECONNREFUSED', -111, 'connect', '10.0.0.2', 81],
  );
  const nowhere = await failure(a.net.connect(81, '192.0.2.1'));
  assert.equal(nowhere.message, 'connect ENETUNREACH 192.0.2.1:81 - Local (0.0.0.0:0)');
  const bound = await failure(a.net.connect({ port: 81, host: '10.0.0.2', localAddress: '10.0.0.9' }));
  assert.deepEqual([bound.code, bound.syscall, bound.address], ['EADDRNOTAVAIL', 'bind', '10.0.0.9']);
  const server = await listen(b.net, 80, '10.0.0.2', () => undefined);
  for (const [host, code] of [
    ['10.0.0.2', 'EADDRINUSE'],
    ['10.0.0.77', 'EADDRNOTAVAIL'],
  ]) {
    const [error] = (await once(b.net.createServer().listen(80, host), 'error')) as [SystemError];
    assert.deepEqual([error.code, error.syscall, error.address, error.port], [code, 'listen', host, 80]);
  }
  await closed(server);
});

test('a connection has the local address and port that are asked for', async () => {
  await using net = await openDgramHosts(2);
  const [a, b] = net.hosts;
  const server = await listen(b.net, 80, '10.0.0.2', (socket) => {
    socket.end(`${socket.remoteAddress} ${socket.remotePort}`);
  });
  const socket = a.net.connect({ port: 80, host: '10.0.0.2', localAddress: '10.0.0.1', localPort: 4321 });
  assert.equal(await textOf(socket), '10.0.0.1 4321');
  await closed(server);
});

test('a reader that pauses holds the writer up, and everything arrives', async () => {
  await using net = await openDgramHosts(2);
  const [a, b] = net.hosts;
  const data = Buffer.from(Uint32Array.from({ length: 1 << 20 }, (_, i) => Math.imul(i, 0x9e3779b1)).buffer);
  const hash = createHash('sha256');
  const server = b.net.createServer({ pauseOnConnect: true }).listen(80);
  await once(server, 'listening');
  const socket = a.net.connect(80, '10.0.0.2');
  const [peer] = (await once(server, 'connection')) as [Socket];
  for (let i = 0; i < data.length; i += 65_536) socket.write(data.subarray(i, i + 65_536));
  socket.end();
  await new Promise((done) => setTimeout(done, 100));
  assert.equal(peer.bytesRead, 0);
  const held = a.stack.tcp.counters;
  assert.equal(socket.bytesWritten, data.length);
  assert.ok(socket.bufferSize > data.length - 1_000_000, `${socket.bufferSize} bytes wait`);
  assert.ok(held.sent < 1000, `${held.sent} segments were sent to a peer that does not read`);
  peer.on('data', (chunk) => hash.update(chunk)).resume();
  await once(peer, 'end');
  assert.equal(hash.digest('hex'), createHash('sha256').update(data).digest('hex'));
  assert.equal(peer.bytesRead, data.length);
  await closed(server);
});

test('half-open sockets, corked writes, strings of all encodings', async () => {
  await using net = await openDgramHosts(2);
  const [a, b] = net.hosts;
  const server = b.net.createServer({ allowHalfOpen: true }, async (socket) => {
    const text = await textOf(socket);
    assert.equal(socket.writable, true);
    socket.end(text.toUpperCase());
  });
  server.listen(80);
  const socket = a.net.connect({ port: 80, host: '10.0.0.2', allowHalfOpen: true });
  socket.cork();
  socket.write('one ');
  socket.write(Buffer.from('two '));
  socket.write('746872656520', 'hex');
  socket.uncork();
  socket.write('Zm91cg==', 'base64');
  socket.end();
  assert.equal(await textOf(socket), 'ONE TWO THREE FOUR');
  assert.equal(socket.bytesWritten, 18);
  await closed(server);
});

test('onread reads into one buffer, and pauses when told to', async () => {
  await using net = await openDgramHosts(2);
  const [a, b] = net.hosts;
  const server = await listen(b.net, 80, '10.0.0.2', (socket) => socket.end('x'.repeat(10_000)));
  const buffer = new Uint8Array(1000);
  const sizes: number[] = [];
  const socket = a.net.connect({
    port: 80,
    host: '10.0.0.2',
    onread: {
      buffer,
      callback(count, memory) {
        assert.equal(memory, buffer);
        assert.equal(buffer[count - 1], 'x'.charCodeAt(0));
        sizes.push(count);
        if (sizes.length === 3) setTimeout(() => socket.resume(), 20);
        return sizes.length !== 3;
      },
    },
  });
  socket.on('data', () => assert.fail('there are no events with onread'));
  await once(socket, 'end');
  assert.deepEqual(sizes, Array(10).fill(1000));
  await closed(server);
});

test('a reset is an error of who reads', async () => {
  await using net = await openDgramHosts(2);
  const [a, b] = net.hosts;
  const server = b.net.createServer().listen(80);
  await once(server, 'listening');
  const socket = a.net.connect(80, '10.0.0.2').resume();
  const [peer] = (await once(server, 'connection')) as [Socket];
  const failed = failure(socket);
  assert.equal(peer.resetAndDestroy(), peer);
  const error = await failed;
  assert.deepEqual([error.message, error.code, error.syscall], ['read ECONNRESET', 'ECONNRESET', 'read']);
  const [hadError] = await once(socket, 'close');
  assert.equal(hadError, true);
  await closed(server);
});

test('maxConnections, blockList, getConnections, noDelay and keepAlive of servers', async () => {
  await using net = await openDgramHosts(2);
  const [a, b] = net.hosts;
  const server = b.net.createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: 5000 });
  server.maxConnections = 1;
  server.listen(80);
  await once(server, 'listening');
  const first = a.net.connect(80, '10.0.0.2').resume();
  await once(server, 'connection');
  const dropped = once(server, 'drop');
  const second = a.net.connect(80, '10.0.0.2').resume();
  const [data] = (await dropped) as [{ remotePort: number; localPort: number }];
  assert.equal(data.remotePort, second.localPort);
  assert.equal(data.localPort, 80);
  await once(second, 'close');
  const count = await new Promise((done) => server.getConnections((_error, found) => done(found)));
  assert.equal(count, 1);
  first.destroy();
  await closed(server);
});

describe('classes', () => {
  it('are Node’s, as far as instanceof can tell', async () => {
    await using net = await openDgramHosts(1);
    const { Socket: Own, Server: OwnServer } = net.hosts[0].net;
    const socket = new Own();
    assert.ok(socket instanceof nodeNet.Socket);
    assert.ok(socket instanceof Own);
    assert.equal(socket.constructor, Own);
    assert.equal(socket.constructor.name, 'Socket');
    assert.ok(new OwnServer() instanceof nodeNet.Server);
    assert.ok(new OwnServer() instanceof OwnServer);
    assert.equal((socket as unknown as { _parent: unknown })._parent, null);
    assert.equal((socket as unknown as { _handle: unknown })._handle, null);
  });

  it('can be subclassed, by class and as of old', async () => {
    await using net = await openDgramHosts(2);
    const [a, b] = net.hosts;
    const server = await listen(b.net, 80, '10.0.0.2', (socket) => socket.end('hi'));
    class Modern extends a.net.Socket {
      readonly extra = 1;
    }
    const modern = new Modern().connect(80, '10.0.0.2');
    assert.ok(modern instanceof Modern);
    assert.equal(await textOf(modern), 'hi');
    type Old = Socket & { extra: number };
    const Old = function (this: Old, extra: number): void {
      (a.net.Socket as unknown as (this: Socket) => void).call(this);
      this.extra = extra;
    } as unknown as new (
      extra: number,
    ) => Old;
    inherits(Old as never, a.net.Socket as never);
    const old = new Old(2);
    old.connect(80, '10.0.0.2');
    assert.equal(await textOf(old), 'hi');
    assert.ok(old instanceof Old);
    assert.ok(old instanceof a.net.Socket);
    await closed(server);
  });
});

test('paths are the operating system’s', async () => {
  await using net = await openDgramHosts(1);
  const folder = mkdtempSync(join(tmpdir(), 'etherconn-net-'));
  const path = join(folder, 'socket');
  try {
    const server = net.hosts[0].net.createServer((socket) => socket.end('by path')).listen(path);
    await once(server, 'listening');
    assert.equal(server.address(), path);
    const socket = nodeNet.connect(path);
    assert.equal(await textOf(socket), 'by path');
    const own = new net.hosts[0].net.Socket().connect(path);
    assert.equal(await textOf(own), 'by path');
    await closed(server);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('closing the host closes its sockets and servers', async () => {
  const net = await openDgramHosts(2);
  const [a, b] = net.hosts;
  const server = b.net.createServer().listen(80);
  await once(server, 'listening');
  const socket = a.net.connect(80, '10.0.0.2').resume();
  const [peer] = (await once(server, 'connection')) as [Socket];
  const others = [once(server, 'close'), once(peer, 'close'), failure(socket)] as const;
  await b.close();
  const [, [hadError], error] = await Promise.all(others);
  assert.equal(hadError, false);
  assert.equal(error.code, 'ECONNRESET');
  assert.equal(server.listening, false);
  await net[Symbol.asyncDispose]();
});

test('timeouts go by the clock of the host', async () => {
  const clock = new VirtualClock();
  await using network = new MemoryNetwork({ clock });
  const [a, b] = [1, 2].map((i) =>
    Host.createNow(network.relay(), {
      mac: `02:00:00:00:00:0${i}`,
      addresses: [`10.0.0.${i}/24`],
      detectDuplicates: 'off',
    }),
  );
  const server = b.net.createServer((socket) => socket.pipe(socket)).listen(80);
  const socket = a.net.connect({ port: 80, host: '10.0.0.2', timeout: 60_000 });
  const timeouts: number[] = [];
  socket.on('timeout', () => timeouts.push(clock.now()));
  socket.on('data', () => undefined);
  assert.equal(socket.timeout, 60_000);
  await clock.advance(50_000);
  assert.equal(socket.readyState, 'open');
  socket.write('x');
  await clock.advance(50_000);
  assert.deepEqual(timeouts, []);
  await clock.advance(10_001);
  assert.equal(timeouts.length, 1);
  socket.setTimeout(0);
  await clock.advance(1_000_000);
  assert.equal(timeouts.length, 1);
  const gone = a.net.connect(80, '10.0.0.99');
  const failed = failure(gone);
  await clock.advance(200_000);
  assert.equal((await failed).code, 'EHOSTUNREACH');
  socket.destroy();
  server.close();
  await clock.advance(1000);
  await a.close();
  await b.close();
});

test('nothing is left of connections that have ended', async () => {
  await using net = await openDgramHosts(2);
  const [a, b] = net.hosts;
  const server = await listen(b.net, 80, '10.0.0.2', (socket) => socket.end('bye'));
  for (let i = 0; i < 50; i++) await textOf(a.net.connect(80, '10.0.0.2'));
  await eventually('no connection is left', () => a.stack.tcp.size === 0 && b.stack.tcp.size === 0);
  await closed(server);
});

test('subscribers of Node’s channels hear of sockets once', async () => {
  await using net = await openDgramHosts(2);
  const [a, b] = net.hosts;
  const heard: string[] = [];
  const subscriptions = ['net.client.socket', 'net.server.socket'].map((name) => {
    const listener = (): unknown => heard.push(name);
    diagnostics.subscribe(name, listener);
    return () => diagnostics.unsubscribe(name, listener);
  });
  const server = await listen(b.net, 80, '10.0.0.2', (socket) => socket.end());
  await once(a.net.connect(80, '10.0.0.2').resume(), 'close');
  assert.deepEqual(heard.sort(), ['net.client.socket', 'net.server.socket']);
  for (const unsubscribe of subscriptions) unsubscribe();
  await closed(server);
});

test('a callback runs in the context in which the connection was asked for', async () => {
  await using net = await openDgramHosts(2);
  const [a, b] = net.hosts;
  const server = await listen(b.net, 80, '10.0.0.2', (socket) => socket.end('x'));
  const storage = new AsyncLocalStorage<number>();
  const found: unknown[] = [];
  const sockets = [1, 2].map((number) =>
    storage.run(number, () => {
      const socket = a.net.connect(80, '10.0.0.2', () => found.push(storage.getStore()));
      return socket.on('data', () => found.push(storage.getStore()));
    }),
  );
  await Promise.all(sockets.map((socket) => once(socket, 'close')));
  assert.deepEqual(found.sort(), [1, 1, 2, 2]);
  await closed(server);
});

test('in a cluster’s worker, servers of a host listen on the host', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'etherconn-cluster-'));
  const file = join(folder, 'cluster.mjs');
  const index = new URL('../index.js', import.meta.url).href;
  writeFileSync(
    file,
    `
    import cluster from 'node:cluster';
    import { once } from 'node:events';
    import http from 'node:http';
    import { Host, MemoryNetwork } from '${index}';
    if (cluster.isPrimary) {
      cluster.fork().on('exit', (code) => process.exit(code));
    } else {
      setInterval(() => 0, 1000);
      const network = new MemoryNetwork();
      const host = Host.createNow(network.relay({ hairpin: true }), { addresses: ['10.0.0.1/24'], detectDuplicates: 'off' });
      const own = host.net.createServer((socket) => socket.end()).listen(80, '10.0.0.1');
      await once(own, 'listening');
      const other = host.listen(http.createServer(), 81, '10.0.0.1', 5, () => console.log('called'));
      await once(other, 'listening');
      const any = host.net.createServer().listen();
      await once(any, 'listening');
      console.log(own.address().port, other.address().port, any.address().address, host.stack.tcp.size);
      await once(host.net.connect(80, '10.0.0.1').resume(), 'close');
      process.exit(0);
    }
    `,
  );
  try {
    const { stdout, stderr, status } = spawnSync(process.execPath, [file], {
      encoding: 'utf8',
      timeout: 30_000,
    });
    assert.equal(stderr, '');
    assert.equal(stdout, 'called\n80 81 :: 0\n');
    assert.equal(status, 0);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
