import assert from 'node:assert/strict';
import { once } from 'node:events';
import { BlockList } from 'node:net';
import { test } from 'node:test';
import { openDgramHosts } from '../test-support/dgram-hosts.ts';
import { FakeUdpHost } from '../test-support/fake-udp-host.ts';
import type { OutgoingMessage } from './send-many.ts';
import { type DgramSocket, dgramModule } from './socket-class.ts';

async function bound(socket: DgramSocket, port = 0): Promise<DgramSocket> {
  socket.bind(port);
  await once(socket, 'listening');
  return socket;
}

/** Sends, and says what has become of it: the error's code, or the bytes. */
function outcome(socket: DgramSocket, payload: Uint8Array, port: number, address: string): Promise<unknown> {
  return new Promise((done) => {
    socket.send(payload, port, address, (error, bytes) =>
      done((error as NodeJS.ErrnoException | null)?.code ?? bytes),
    );
  });
}

const X = Buffer.from('x');

test('whom sendBlockList names is sent nothing, in whichever way, before and after', async () => {
  await using net = await openDgramHosts(2);
  const [near, far] = net.hosts;
  const sendBlockList = new BlockList();
  sendBlockList.addAddress('10.0.0.2');
  const sender = await bound(near.dgram.createSocket({ type: 'udp4', sendBlockList }), 7);
  const peer = await bound(far.dgram.createSocket('udp4'), 7);
  peer.on('message', (message) => assert.fail(`${message} has come`));
  const message = { buffer: X, port: 7, address: '10.0.0.2' };
  const blocked = { code: 'ERR_IP_BLOCKED' };
  for (let i = 0; i < 2; i++) {
    assert.throws(() => sender.sendMany([message]), blocked);
    assert.equal(await outcome(sender, X, 7, '10.0.0.2'), 'ERR_IP_BLOCKED');
  }
  assert.equal(sender.sendMany([{ ...message, port: 9, address: '127.0.0.1' }, message]), 1);
  const answered = new Promise<void>((done) =>
    sender.onBatch((batch) => {
      while (batch.next()) batch.reply(X);
      done();
    }),
  );
  peer.send('a question', 7, '10.0.0.1');
  await answered;
  assert.equal(await outcome(sender, X, 7, '10.0.0.2'), 'ERR_IP_BLOCKED');
  assert.equal(sender.stats().sendFailed, 1);
  await new Promise(setImmediate);
});

test('a lookup of the program’s own is asked by every send, whatever sendMany has sent', async () => {
  const { createSocket } = dgramModule(() => new FakeUdpHost());
  const asked: string[] = [];
  const lookup = (name: string, _options: unknown, callback: (...args: unknown[]) => void) => {
    asked.push(name);
    process.nextTick(callback, null, '10.0.0.1', 4);
  };
  const socket = await bound(createSocket({ type: 'udp4', lookup: lookup as never }));
  asked.length = 0;
  assert.equal(socket.sendMany([{ buffer: X, port: 9, address: '10.0.0.1' }]), 1);
  await outcome(socket, X, 9, '10.0.0.1');
  assert.deepEqual(asked, ['10.0.0.1']);
});

test('sendMany takes ports as text, and nothing that is no datagram, known destinations or not', async () => {
  await using net = await openDgramHosts(1);
  const { createSocket } = net.hosts[0].dgram;
  const receiver = await bound(createSocket('udp4'));
  const { port } = receiver.address();
  const got: string[] = [];
  receiver.on('message', (message) => got.push(message.toString()));
  const sender = await bound(createSocket('udp4'));
  const address = '127.0.0.1';
  const send = (list: unknown[]) => sender.sendMany(list as OutgoingMessage[]);
  const wrongType = { code: 'ERR_INVALID_ARG_TYPE' };
  for (let i = 0; i < 2; i++) {
    for (const buffer of ['abc', new Uint16Array([1]), new DataView(new ArrayBuffer(4)), [1], null]) {
      assert.throws(() => send([{ buffer, port, address }]), wrongType);
    }
    for (const entry of [null, undefined, 'abc', 5]) {
      assert.throws(() => send([entry]), { ...wrongType, message: /^The "list\[0\]" argument must be/ });
    }
    assert.throws(() => send([{ buffer: X, port: '0x', address }]), { code: 'ERR_SOCKET_BAD_PORT' });
    assert.throws(() => send([{ buffer: X, port, address: 5 }]), wrongType);
    assert.equal(send([{ buffer: X, port: String(port), address }, null]), 1);
    assert.equal(send([{ buffer: Buffer.from('y'), port, address }]), 1);
  }
  while (got.length < 4) await once(receiver, 'message');
  assert.deepEqual(got, ['x', 'y', 'x', 'y']);
  sender.connect(port, address);
  await once(sender, 'connect');
  for (const entry of ['abc', new Uint16Array(2), null, {}]) assert.throws(() => send([entry]), wrongType);
  assert.throws(() => send([{ buffer: X, port, address }]), { code: 'ERR_SOCKET_DGRAM_IS_CONNECTED' });
});
