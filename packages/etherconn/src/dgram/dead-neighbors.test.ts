import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { HostNetwork } from '../test-support/hosts.ts';
import { Host } from './host.ts';
import type { DgramSocket } from './socket-class.ts';

/** Two hosts in virtual time; nobody has 10.0.0.99. What the second gets is noted. */
async function openPair(t: TestContext) {
  const net = new HostNetwork(t);
  const [near, far] = [1, 2].map((n) =>
    Host.createNow(net.relay(), { addresses: [`10.0.0.${n}/24`], detectDuplicates: 'off' }),
  ) as [Host, Host];
  const bound = async (host: Host, port: number): Promise<DgramSocket> => {
    const socket = host.dgram.createSocket('udp4').bind(port);
    await once(socket, 'listening');
    return socket;
  };
  const receiver = await bound(far, 7);
  const got: string[] = [];
  receiver.on('message', (message) => got.push(message.toString()));
  return { net, near, far, receiver, got, sender: await bound(near, 0), bound };
}

const DEAD = '10.0.0.99';
const ALIVE = '10.0.0.2';

test('a neighbor that does not answer holds up nothing that is for others', async (t) => {
  const { net, near, sender, got } = await openPair(t);
  let called = 0;
  for (let i = 0; i < 200; i++) {
    sender.send('lost', 7, DEAD, (error) => {
      assert.equal(error, null);
      called++;
    });
  }
  for (let i = 0; i < 500; i++) sender.send(`${i}`, 7, ALIVE);
  await net.settle();
  const all = Array.from({ length: 500 }, (_, i) => `${i}`);
  assert.deepEqual(got, all);
  assert.deepEqual([called, sender.getSendQueueCount(), sender.getSendQueueSize()], [64, 136, 4 * 136]);
  sender.send('more', 7, ALIVE);
  await net.settle();
  assert.equal(got.at(-1), 'more');
  await net.advance(1000);
  assert.deepEqual([called, sender.getSendQueueCount()], [200, 0]);
  assert.equal(near.stats().queueDropped, 136);
  await net.advance(2000);
  assert.equal(near.stats().unreachable, 64);
  const { sent, sendFailed, sendLost } = sender.stats();
  assert.deepEqual({ sent, sendFailed, sendLost }, { sent: 701, sendFailed: 0, sendLost: 200 });
  // Again, as a program does that knows nothing of it.
  for (let i = 0; i < 200; i++) sender.send('lost', 7, DEAD);
  sender.send('still', 7, ALIVE);
  await net.settle();
  assert.deepEqual([got.at(-1), sender.getSendQueueCount(), near.stats().waiting], ['still', 0, 64]);
});

test('a first burst to a neighbor, of several sockets and to several ports, is not lost and keeps its order', async (t) => {
  const { net, near, far, sender, got, bound } = await openPair(t);
  const others = await bound(far, 8);
  const gotOther: string[] = [];
  others.on('message', (message) => gotOther.push(message.toString()));
  const second = await bound(near, 0);
  for (let i = 0; i < 2000; i++) {
    sender.send(`${i}`, i % 2 === 0 ? 7 : 8, ALIVE);
    second.send(`s${i}`, 7, ALIVE);
  }
  await net.settle();
  const numbers = Array.from({ length: 2000 }, (_, i) => i);
  assert.deepEqual(
    got.filter((text) => !text.startsWith('s')),
    numbers.filter((n) => n % 2 === 0).map(String),
  );
  assert.deepEqual(
    got.filter((text) => text.startsWith('s')),
    numbers.map((n) => `s${n}`),
  );
  assert.deepEqual(gotOther, numbers.filter((n) => n % 2 === 1).map(String));
  const { queueDropped, noRoomDropped } = near.stats();
  assert.deepEqual([queueDropped, noRoomDropped], [0, 0]);
});

test('sendMany and answers of a batch pass by who does not answer, too', async (t) => {
  const { net, sender, got, receiver } = await openPair(t);
  const to = (address: string, text: string) => ({ buffer: Buffer.from(text), port: 7, address });
  const list = Array.from({ length: 200 }, (_, i) => [to(DEAD, 'x'), to(ALIVE, `${i}`)]).flat();
  assert.equal(sender.sendMany(list), 400);
  await net.settle();
  assert.deepEqual(
    got,
    Array.from({ length: 200 }, (_, i) => `${i}`),
  );
  await net.advance(3000);
  assert.equal(sender.stats().sendLost, 200);
  receiver.connect(1, DEAD);
  await once(receiver, 'connect');
  const buffer = Buffer.from('x');
  assert.equal(receiver.sendMany(Array.from({ length: 100 }, () => buffer)), 64, 'here is nobody else');
  const drained = once(receiver, 'drain');
  await net.advance(1000);
  await drained;
  assert.equal(receiver.sendMany([buffer]), 1);
});

test('closing fails what has not been taken, and nothing is left behind', async (t) => {
  const { net, near, sender } = await openPair(t);
  const codes: (string | undefined)[] = [];
  sender.connect(7, DEAD);
  await once(sender, 'connect');
  for (let i = 0; i < 70; i++) {
    sender.send('x', (error) => codes.push((error as NodeJS.ErrnoException | null)?.code));
  }
  sender.close();
  await net.advance(3000);
  assert.deepEqual(codes.sort(), [...Array(6).fill('ECANCELED'), ...Array(64).fill(undefined)]);
  assert.deepEqual([near.stats().unreachable, near.stats().waiting], [64, 0]);
});
