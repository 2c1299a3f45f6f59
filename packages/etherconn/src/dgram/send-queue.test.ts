import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { SystemError } from '../errors.ts';
import { FakeUdpHost } from '../test-support/fake-udp-host.ts';
import { type DgramSocket, dgramModule } from './socket-class.ts';

interface Pair {
  readonly host: FakeUdpHost;
  readonly receiver: DgramSocket;
  readonly sender: DgramSocket;
  readonly port: number;
  readonly got: string[];
}

async function openPair(): Promise<Pair> {
  const host = new FakeUdpHost();
  const { createSocket } = dgramModule(() => host);
  const receiver = createSocket('udp4').bind(0) as DgramSocket;
  const sender = createSocket('udp4').bind(0) as DgramSocket;
  await Promise.all([once(receiver, 'listening'), once(sender, 'listening')]);
  const got: string[] = [];
  receiver.on('message', (message) => got.push(message.toString()));
  return { host, receiver, sender, port: receiver.address().port, got };
}

function send(socket: DgramSocket, text: string, port: number): Promise<number> {
  return new Promise((done, fail) => {
    socket.send(text, port, '127.0.0.1', (error, bytes) => (error ? fail(error) : done(bytes)));
  });
}

test('what finds no room waits, in order, and is counted', async () => {
  const { host, sender, receiver, port, got } = await openPair();
  host.room = 1;
  const sends = ['one', 'two', 'three'].map((text) => send(sender, text, port));
  assert.equal(sender.getSendQueueCount(), 2);
  assert.equal(sender.getSendQueueSize(), 'two'.length + 'three'.length);
  host.makeRoom(1);
  assert.equal(sender.getSendQueueCount(), 1);
  host.makeRoom(5);
  assert.deepEqual(await Promise.all(sends), [3, 3, 5]);
  while (got.length < 3) await once(receiver, 'message');
  assert.deepEqual(got, ['one', 'two', 'three']);
  assert.deepEqual({ sent: sender.stats().sent, waiting: host.waiting.size }, { sent: 3, waiting: 0 });
});

test('the bytes of a waiting datagram are those of the time of the call', async () => {
  const { host, sender, receiver, port, got } = await openPair();
  host.room = 0;
  const buffer = Buffer.from('before');
  sender.send(buffer, port, '127.0.0.1');
  buffer.fill('x');
  host.makeRoom(1);
  await once(receiver, 'message');
  assert.deepEqual(got, ['before']);
});

test('callbacks are never called synchronously, whether sent at once or later', async () => {
  const { host, sender, port } = await openPair();
  let inside = true;
  const called: boolean[] = [];
  host.room = 1;
  sender.send('a', port, '127.0.0.1', () => called.push(inside));
  sender.send('b', port, '127.0.0.1', () => called.push(inside));
  host.makeRoom(1);
  inside = false;
  await once(sender.setMaxListeners(20) && sender.close(), 'close');
  assert.deepEqual(
    called.every((one) => !one),
    true,
  );
});

test('an error of a datagram that waited comes to its callback', async () => {
  const { host, sender, port } = await openPair();
  host.room = 0;
  const failed = assert.rejects(send(sender, 'a', port), {
    message: `send EHOSTUNREACH 127.0.0.1:${port}`,
    code: 'EHOSTUNREACH',
    errno: -113,
    syscall: 'send',
    address: '127.0.0.1',
    port,
  });
  const second = send(sender, 'b', port);
  host.nextError = new SystemError('EHOSTUNREACH', -113, 'send', 'nobody answers');
  host.makeRoom(2);
  await failed;
  assert.equal(await second, 1);
  assert.equal(sender.stats().sendFailed, 1);
});

test('closing a socket gives up its place in the line; what waits fails with ECANCELED', async () => {
  const { host, sender, port } = await openPair();
  host.room = 0;
  const failed = assert.rejects(send(sender, 'a', port), { code: 'ECANCELED' });
  assert.equal(host.waiting.size, 1);
  sender.close();
  assert.equal(host.waiting.size, 0);
  await failed;
});

test('a socket that finds the line full comes back by itself', async () => {
  const { host, receiver, port, got } = await openPair();
  const { createSocket } = dgramModule(() => host);
  host.room = 0;
  const sockets = Array.from({ length: 6 }, () => createSocket('udp4').bind(0) as DgramSocket);
  await Promise.all(sockets.map((socket) => once(socket, 'listening')));
  const sends = sockets.map((socket, i) => send(socket, String(i), port));
  assert.ok(host.waiting.full);
  host.makeRoom(6);
  await Promise.all(sends);
  while (got.length < 6) await once(receiver, 'message');
  assert.deepEqual(got.sort(), ['0', '1', '2', '3', '4', '5']);
});

test('more than the bound is refused with ENOBUFS, and nothing is lost of what was taken', async () => {
  const { host, sender, port } = await openPair();
  host.room = 0;
  const payload = Buffer.alloc(65_000);
  const errors: string[] = [];
  let taken = 0;
  const calls = 1100;
  await new Promise<void>((done) => {
    for (let i = 0; i < calls; i++) {
      sender.send(payload, port, '127.0.0.1', (error) => {
        if (error) errors.push((error as NodeJS.ErrnoException).code!);
        else taken++;
        if (errors.length + taken === calls) done();
      });
    }
    assert.ok(sender.getSendQueueSize() <= 64 * 1024 * 1024);
    host.makeRoom(calls);
  });
  assert.ok(errors.length > 0);
  assert.deepEqual(new Set(errors), new Set(['ENOBUFS']));
  assert.equal(sender.stats().sent, taken);
});

test('sendMany says how many were taken, and drain follows', async () => {
  const { host, sender, receiver, port, got } = await openPair();
  host.room = 2;
  const list = ['a', 'b', 'c', 'd'].map((text) => ({
    buffer: Buffer.from(text),
    port,
    address: '127.0.0.1',
  }));
  assert.equal(sender.sendMany(list), 2);
  assert.equal(sender.sendMany(list.slice(2)), 0);
  host.makeRoom(10);
  await once(sender, 'drain');
  assert.equal(sender.sendMany(list.slice(2)), 2);
  while (got.length < 4) await once(receiver, 'message');
  assert.deepEqual(got, ['a', 'b', 'c', 'd']);
});

test('sendMany of a connected socket takes buffers alone', async () => {
  const { sender, receiver, port, got } = await openPair();
  assert.throws(() => sender.sendMany([Buffer.from('x')]), { code: 'ERR_SOCKET_DGRAM_NOT_CONNECTED' });
  sender.connect(port, '127.0.0.1');
  await once(sender, 'connect');
  assert.equal(sender.sendMany([Buffer.from('a'), new Uint8Array([98])]), 2);
  while (got.length < 2) await once(receiver, 'message');
  assert.deepEqual(got, ['a', 'b']);
});

test('sendMany before the bind takes none, and says when to come again', async () => {
  const { host, port } = await openPair();
  const socket = dgramModule(() => host).createSocket('udp4');
  const message = { buffer: Buffer.from('x'), port, address: '127.0.0.1' };
  assert.equal(socket.sendMany([message]), 0);
  await once(socket, 'drain');
  assert.equal(socket.sendMany([message]), 1);
});

test('sendMany stops at an error, and throws it when it comes first', async () => {
  const { host, sender, port } = await openPair();
  const good = { buffer: Buffer.from('x'), port, address: '127.0.0.1' };
  const bad = { buffer: Buffer.from('x'), port, address: 'not an address' };
  assert.equal(sender.sendMany([good, bad, good]), 1);
  assert.throws(() => sender.sendMany([bad, good]), {
    code: 'EINVAL',
    message: `send EINVAL not an address:${port}`,
  });
  assert.throws(() => sender.sendMany([{ ...good, port: 0 }]), { code: 'ERR_SOCKET_BAD_PORT' });
  host.nextError = new SystemError('EMSGSIZE', -90, 'send', 'too long');
  assert.throws(() => sender.sendMany([good]), { code: 'EMSGSIZE' });
});
