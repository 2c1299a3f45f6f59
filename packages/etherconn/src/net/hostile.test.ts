import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { after, test } from 'node:test';
import { Prng } from '../link/impairments/prng.ts';
import { openDgramHosts } from '../test-support/dgram-hosts.ts';
import { eventually } from '../test-support/eventually.ts';

/** What programs and peers do to each other that no sensible program does: nothing breaks, and nothing is left. */

/** Sockets on a memory network do not keep a process alive. */
const alive = setInterval(() => undefined, 1000);
after(() => clearInterval(alive));

const EVENTS = ['connect', 'ready', 'data', 'end', 'drain', 'finish', 'timeout', 'error', 'close'] as const;

/** Byte `i` of what each side writes. */
const byteAt = (i: number): number => (i * 31 + (i >> 8)) & 0xff;

/** A socket that is called at random, from its events as well, and what it has written and read. */
class Victim {
  readonly socket: Socket;
  readonly #random: Prng;
  written = 0;
  read = 0;
  isWrong = false;
  isClosed = false;

  constructor(socket: Socket, random: Prng) {
    this.socket = socket;
    this.#random = random;
    socket.on('error', () => undefined);
    socket.on('data', (data: Buffer) => {
      for (const byte of data) if (byte !== byteAt(this.read++)) this.isWrong = true;
    });
    socket.on('close', () => {
      assert.equal(this.isClosed, false, 'closed twice');
      this.isClosed = true;
    });
    for (const event of EVENTS) socket.on(event, () => this.#random.uniform() < 0.15 && this.act());
  }

  act(): void {
    const { socket } = this;
    const roll = this.#random.uniform();
    switch (this.#random.next() % 20) {
      case 0:
        socket.pause();
        break;
      case 1:
        socket.cork();
        break;
      case 2:
      case 3:
        socket.uncork();
        break;
      case 4:
        socket.setTimeout(this.#random.next() % 5);
        break;
      case 5:
        socket.setNoDelay(roll < 0.5).setKeepAlive(roll < 0.5, 1);
        break;
      case 6:
        if (roll < 0.5) socket.ref();
        else socket.unref();
        break;
      case 7:
        if (roll < 0.3) socket.end();
        break;
      case 8:
        if (roll < 0.1) socket.destroy();
        else if (roll < 0.2) socket.resetAndDestroy();
        else if (roll < 0.3) socket.destroySoon();
        break;
      case 9:
      case 10:
      case 11:
        socket.resume();
        break;
      default:
        this.#write(this.#random.next() % (roll < 0.1 ? 400_000 : 3000));
    }
  }

  /** After an end it is an error, and takes nothing. */
  #write(length: number): void {
    const isTaken = this.socket.writable;
    const bytes = Buffer.allocUnsafe(length);
    for (let i = 0; i < length; i++) bytes[i] = byteAt(this.written + i);
    this.socket.write(bytes, () => this.#random.uniform() < 0.1 && this.act());
    if (isTaken) this.written += length;
  }
}

for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
  test(`calls at random on a bad network: what is read was written, in order (seed ${seed})`, async () => {
    const random = new Prng(seed);
    await using net = await openDgramHosts(2);
    const [a, b] = net.hosts;
    const victims: [Victim | null, Victim | null][] = [];
    const server = b.net.createServer({ allowHalfOpen: seed % 2 === 0 }, (socket) => {
      const pair = victims.find(([client]) => client?.socket.localPort === socket.remotePort);
      const victim = new Victim(socket, random);
      // A client that has gone already does not know its port any more.
      if (pair !== undefined) pair[1] = victim;
      else victims.push([null, victim]);
    });
    server.listen(80, '10.0.0.2');
    await once(server, 'listening');
    net.network.impair({ loss: 0.05, duplicate: 0.05, reorder: 0.1, delay: 0.5 });
    for (let turn = 0; turn < 300; turn++) {
      if (turn % 15 === 0) victims.push([new Victim(a.net.connect(80, '10.0.0.2'), random), null]);
      const pair = victims[random.next() % victims.length];
      pair[random.next() % 2]?.act();
      if (turn % 3 === 0) await new Promise((done) => setTimeout(done, random.next() % 3));
    }
    net.network.impair({});
    const all = victims.flat().filter((victim) => victim !== null);
    for (const victim of all) victim.socket.destroy();
    server.close();
    await eventually('all are closed', () => all.every((victim) => victim.isClosed));
    await eventually('no connection is left', () => a.stack.tcp.size === 0 && b.stack.tcp.size === 0);
    assert.ok(all.every((victim) => !victim.isWrong));
    const pairs = victims.filter(([client, accepted]) => client !== null && accepted !== null);
    for (const [client, accepted] of pairs) {
      assert.ok(client!.read <= accepted!.written && accepted!.read <= client!.written);
    }
    assert.ok(pairs.some(([client, accepted]) => client!.read + accepted!.read > 0));
  });
}

test('exceptions of listeners are uncaught ones, and hurt nobody else', async () => {
  await using net = await openDgramHosts(2);
  const [a, b] = net.hosts;
  const server = b.net.createServer((socket) => socket.pipe(socket)).listen(80, '10.0.0.2');
  await once(server, 'listening');
  const told: string[] = [];
  const listener = (error: Error): unknown => told.push(error.message);
  const before = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException').on('uncaughtException', listener);
  try {
    const bad = a.net.connect(80, '10.0.0.2');
    for (const event of ['data', 'close']) {
      bad.on(event, () => {
        throw new Error(event);
      });
    }
    const good = a.net.connect(80, '10.0.0.2');
    let text = '';
    good.on('data', (data) => (text += data));
    bad.end('bad');
    good.end('good');
    await once(good, 'close');
    await eventually('the bad one is closed', () => told.includes('close'));
    assert.equal(text, 'good');
    assert.deepEqual(told.sort(), ['close', 'data']);
  } finally {
    process.removeListener('uncaughtException', listener);
    for (const one of before) process.on('uncaughtException', one);
  }
  server.close();
  await eventually('no connection is left', () => a.stack.tcp.size === 0 && b.stack.tcp.size === 0);
});

for (const event of ['connect', 'data', 'end', 'error', 'close', 'connection', 'write'] as const) {
  test(`a host that is closed in '${event}' takes its sockets along`, async () => {
    await using net = await openDgramHosts(2);
    const [a, b] = net.hosts;
    const sockets: Socket[] = [];
    const server = b.net.createServer((socket) => {
      sockets.push(socket.on('error', () => undefined));
      if (event === 'error') socket.resetAndDestroy();
      else socket.resume().end('x');
      if (event === 'connection') void b.close();
    });
    server.listen(80, '10.0.0.2');
    await once(server, 'listening');
    for (let i = 0; i < 10; i++) {
      const socket = a.net.connect(80, '10.0.0.2').on('error', () => undefined);
      sockets.push(socket.resume());
      if (event !== 'connection' && event !== 'write') socket.on(event, () => void a.close());
      socket.write(Buffer.alloc(1_000_000), () => event === 'write' && void a.close());
      socket.end();
    }
    await eventually('a host is closed', () => a.closed || b.closed);
    await a.close();
    await b.close();
    await eventually('all sockets are closed', () => sockets.every((socket) => socket.closed));
    assert.deepEqual([a.stack.tcp.size, b.stack.tcp.size], [0, 0]);
  });
}

test('who never reads costs its peer and itself no more than the queues of one connection', async () => {
  await using net = await openDgramHosts(2);
  const [a, b] = net.hosts;
  const server = b.net.createServer((socket) => socket.pause()).listen(80, '10.0.0.2');
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  await once(server, 'listening');
  const socket = a.net.connect(80, '10.0.0.2');
  let taken = 0;
  socket.cork();
  for (let i = 0; i < 64; i++) socket.write(Buffer.alloc(65_536), () => (taken += 65_536));
  socket.uncork();
  await once(socket, 'connect');
  const [reader] = await accepted;
  // All that was corked is one write, which has not found room.
  for (let i = 0; i < 50; i++) await new Promise((done) => setImmediate(done));
  assert.equal(taken, 0);
  assert.ok(reader.bytesRead <= 128 * 1024);
  socket.destroy();
  reader.destroy();
  server.close();
  await eventually('no connection is left', () => a.stack.tcp.size === 0 && b.stack.tcp.size === 0);
});
