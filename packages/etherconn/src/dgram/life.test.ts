import assert from 'node:assert/strict';
import { createHook } from 'node:async_hooks';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { test } from 'node:test';
import { RelayStoppedError } from '../errors.ts';
import { MemoryNetwork } from '../relay/memory-relay.ts';
import { openDgramHosts } from '../test-support/dgram-hosts.ts';
import { FakeUdpHost } from '../test-support/fake-udp-host.ts';
import { Host } from './host.ts';
import { dgramModule } from './socket-class.ts';

test('a socket holds its host only while it is bound, referenced and open', async () => {
  const host = new FakeUdpHost();
  const { createSocket } = dgramModule(() => host);
  const socket = createSocket('udp4');
  assert.equal(host.refs, 0);
  socket.bind();
  await once(socket, 'listening');
  assert.equal(host.refs, 1);
  socket.unref().unref();
  assert.equal(host.refs, 0);
  socket.ref();
  assert.equal(host.refs, 1);
  socket.close();
  assert.equal(host.refs, 0);
  assert.equal(host.ports.length, 0);
  assert.equal(socket.ref(), socket);
  assert.equal(socket.unref(), socket);
  assert.equal(host.refs, 0);
});

test('a bind that fails leaves nothing open', async () => {
  const host = new FakeUdpHost();
  const { createSocket } = dgramModule(() => host);
  const first = createSocket('udp4').bind(5000);
  await once(first, 'listening');
  const second = createSocket('udp4').bind(5000);
  const [error] = (await once(second, 'error')) as [NodeJS.ErrnoException];
  assert.deepEqual([error.code, error.message], ['EADDRINUSE', 'bind EADDRINUSE 0.0.0.0:5000']);
  assert.equal(host.ports.length, 1);
  assert.equal(host.refs, 1);
});

test('when the host is closed its sockets close, without an error', async () => {
  await using net = await openDgramHosts(1);
  const socket = net.hosts[0].dgram.createSocket('udp4').bind(0);
  await once(socket, 'listening');
  socket.on('error', () => assert.fail('the program has closed it itself'));
  const closed = new Promise<void>((done) => socket.on('close', done));
  await net.hosts[0].close();
  await closed;
  assert.throws(() => socket.address(), { code: 'ERR_SOCKET_DGRAM_NOT_RUNNING' });
});

test('when the relay stops, who listens hears why', async () => {
  await using net = await openDgramHosts(1);
  const { createSocket } = net.hosts[0].dgram;
  const [quiet, listening] = [createSocket('udp4').bind(0), createSocket('udp4').bind(0)];
  await Promise.all([once(quiet, 'listening'), once(listening, 'listening')]);
  const heard = once(listening, 'error');
  // once() would listen for errors, too.
  const closed = [quiet, listening].map((socket) => new Promise<void>((done) => socket.on('close', done)));
  await net.relays[0].close();
  assert.equal(((await heard)[0] as NodeJS.ErrnoException).code, 'ERR_ETHERCONN_RELAY_STOPPED');
  await Promise.all(closed);
});

test('a host that is closed while its sockets bind, or are about to send, closes them as it does bound ones', async () => {
  for (const way of ['host', 'relay', 'network'] as const) {
    const network = new MemoryNetwork();
    const relay = network.relay();
    const host = await Host.create(relay, { addresses: ['10.0.0.1/24'] });
    const quiet = host.dgram.createSocket('udp4').bind(7);
    const sending = host.dgram.createSocket('udp4');
    sending.send('x', 7, '10.0.0.2');
    const listening = host.dgram.createSocket('udp4').bind(8);
    const heard: unknown[] = [];
    listening.on('error', (error) => heard.push(error.constructor));
    const closed = [quiet, sending, listening].map(
      (one) => new Promise<void>((done) => one.on('close', done)),
    );
    await { host, relay, network }[way].close();
    await Promise.all(closed);
    assert.deepEqual(heard, way === 'host' ? [] : [RelayStoppedError], way);
    // Who binds when it is closed is told so.
    const late = host.dgram.createSocket('udp4').bind(9);
    const [error] = await once(late, 'error');
    assert.equal(error.syscall, 'bind');
    await network.close();
  }
});

test('descriptors and handles of the kernel are refused', async () => {
  await using net = await openDgramHosts(1);
  const { createSocket } = net.hosts[0].dgram;
  const fd = openSync('/dev/null', 'r');
  const socket = createSocket('udp4');
  for (const options of [{ fd }, { recvStart: () => undefined }]) {
    assert.throws(() => socket.bind(options as unknown as { port: number }), {
      name: 'TypeError',
      code: 'ERR_INVALID_FD_TYPE',
    });
  }
  // It can still be bound otherwise.
  socket.bind({ port: 0, exclusive: true });
  await once(socket, 'listening');
});

test('an aborted signal closes, before the bind and after', async () => {
  await using net = await openDgramHosts(1);
  const { createSocket } = net.hosts[0].dgram;
  const aborted = createSocket({ type: 'udp4', signal: AbortSignal.abort() });
  await once(aborted, 'close');
  const controller = new AbortController();
  const socket = createSocket({ type: 'udp4', signal: controller.signal }).bind(0);
  await once(socket, 'listening');
  controller.abort();
  await once(socket, 'close');
});

test('await using closes, and a second disposal is harmless', async () => {
  await using net = await openDgramHosts(1);
  const socket = net.hosts[0].dgram.createSocket('udp4');
  {
    await using inner = socket;
    inner.bind(0);
    await once(inner, 'listening');
  }
  assert.throws(() => socket.address(), { code: 'ERR_SOCKET_DGRAM_NOT_RUNNING' });
  await socket[Symbol.asyncDispose]();
});

test('the port is free again at once', async () => {
  await using net = await openDgramHosts(1);
  const { createSocket } = net.hosts[0].dgram;
  for (let i = 0; i < 3; i++) {
    const socket = createSocket('udp4').bind(5353);
    await once(socket, 'listening');
    socket.close();
  }
});

test('buffer sizes are reported as Linux reports them', async () => {
  await using net = await openDgramHosts(1);
  const options = { type: 'udp4', recvBufferSize: 10_000, sendBufferSize: 1 } as const;
  const socket = net.hosts[0].dgram.createSocket(options).bind(0);
  await once(socket, 'listening');
  assert.deepEqual([socket.getRecvBufferSize(), socket.getSendBufferSize()], [20_000, 4608]);
  socket.setRecvBufferSize(10 ** 9);
  assert.equal(socket.getRecvBufferSize(), 425_984);
});

test('asynchronous hooks see a socket begin and end, under the type of Node’s', async () => {
  await using net = await openDgramHosts(1);
  const seen: string[] = [];
  const ids = new Set<number>();
  const hook = createHook({
    init(id, type) {
      if (type !== 'UDPWRAP') return;
      ids.add(id);
      seen.push('init');
    },
    destroy(id) {
      if (ids.has(id)) seen.push('destroy');
    },
  }).enable();
  const socket = net.hosts[0].dgram.createSocket('udp4');
  assert.deepEqual(seen, ['init']);
  socket.close();
  await once(socket, 'close');
  await new Promise((resolve) => setImmediate(resolve));
  hook.disable();
  assert.deepEqual(seen, ['init', 'destroy']);
});
