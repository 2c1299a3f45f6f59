import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import dns from 'node:dns';
import { EventEmitter, once } from 'node:events';
import { BlockList } from 'node:net';
import { test } from 'node:test';
import { openDgramHosts } from '../test-support/dgram-hosts.ts';
import { stateSymbol } from './node-socket.ts';
import type { DgramModule, DgramSocket } from './socket-class.ts';
import type { AddressError } from './system-errors.ts';

type AnySend = (...args: unknown[]) => void;

async function bound(module: DgramModule, type: 'udp4' | 'udp6' = 'udp4'): Promise<DgramSocket> {
  const socket = module.createSocket(type).bind(0) as DgramSocket;
  await once(socket, 'listening');
  return socket;
}

/** Messages in all the forms in which 'message' can be given, and the bytes they are. */
const BYTES = Buffer.from('message!');
const FORMS: readonly (readonly [unknown, string])[] = [
  ['message!', 'message!'],
  [BYTES, 'message!'],
  [new Uint8Array(BYTES), 'message!'],
  [new Uint32Array(new Uint8Array(BYTES).buffer), 'message!'],
  [new DataView(new Uint8Array(BYTES).buffer, 2), 'ssage!'],
  [['mess', Buffer.from('age!')], 'message!'],
  [[new Uint16Array(new Uint8Array(BYTES).buffer)], 'message!'],
  [[], ''],
  [Buffer.alloc(0), ''],
  ['', ''],
];

for (const [type, loopback, own] of [
  ['udp4', '127.0.0.1', '10.0.0.1'],
  ['udp6', '::1', 'fd00::1'],
] as const) {
  test(`every form of send without a connection, ${type}`, async () => {
    await using net = await openDgramHosts(1);
    const receiver = await bound(net.hosts[0].dgram, type);
    const sender = await bound(net.hosts[0].dgram, type);
    const { port } = receiver.address();
    const send = sender.send.bind(sender) as AnySend;
    const expect = async (expected: string, from: string, ...args: unknown[]): Promise<void> => {
      const got = once(receiver, 'message');
      send(...args);
      const [message, rinfo] = await got;
      assert.deepEqual([message.toString(), rinfo.address], [expected, from]);
    };
    for (const [message, text] of FORMS) {
      await expect(text, loopback, message, port);
      await expect(text, loopback, message, port, '');
      await expect(text, loopback, message, port, null);
      await expect(text, own, message, port, own);
      await expect(text, own, message, String(port), own);
      const sent = new Promise((resolve) => {
        send(message, port, own, (...args: unknown[]) => resolve(args));
      });
      await once(receiver, 'message');
      assert.deepEqual(await sent, [null, text.length]);
      const withoutAddress = new Promise((resolve) => {
        send(message, port, (...args: unknown[]) => resolve(args));
      });
      await once(receiver, 'message');
      assert.deepEqual(await withoutAddress, [null, text.length]);
      if (Array.isArray(message)) continue;
      await expect(text.slice(0, 3), own, message, 0, Math.min(3, text.length), port, own);
      // Again: this time the address is known.
      await expect(
        text.slice(1, 3),
        own,
        message,
        Math.min(1, text.length),
        text.slice(1, 3).length,
        port,
        own,
      );
      await expect(text.slice(0, 3), loopback, message, 0, Math.min(3, text.length), port);
    }
  });
}

test('every form of send of a connected socket', async () => {
  await using net = await openDgramHosts(1);
  const receiver = await bound(net.hosts[0].dgram);
  const sender = await bound(net.hosts[0].dgram);
  sender.connect(receiver.address().port);
  await once(sender, 'connect');
  const send = sender.send.bind(sender) as AnySend;
  for (const [message, text] of FORMS) {
    for (const args of [[message], [message, undefined]]) {
      const got = once(receiver, 'message');
      send(...args);
      assert.equal((await got)[0].toString(), text);
    }
    const sent = new Promise((resolve) => {
      send(message, (...args: unknown[]) => resolve(args));
    });
    await once(receiver, 'message');
    assert.deepEqual(await sent, [null, text.length]);
    if (Array.isArray(message) || text.length < 3) continue;
    const part = new Promise((resolve) => {
      send(message, 1, 2, (...args: unknown[]) => resolve(args));
    });
    assert.equal((await once(receiver, 'message'))[0].toString(), text.slice(1, 3));
    assert.deepEqual(await part, [null, 2]);
  }
  assert.throws(() => send(BYTES, 0, 1, 9, '127.0.0.1'), { code: 'ERR_SOCKET_DGRAM_IS_CONNECTED' });
});

test('ten thousand datagrams in a row arrive, in order, with as many callbacks', async () => {
  await using net = await openDgramHosts(2);
  const receiver = await bound(net.hosts[1].dgram);
  const sender = await bound(net.hosts[0].dgram);
  const total = 10_000;
  let received = 0;
  let called = 0;
  const all = new Promise<void>((resolve) => {
    receiver.on('message', (message) => {
      assert.equal(message.readUInt32BE(), received++);
      if (received === total) resolve();
    });
  });
  const message = Buffer.alloc(4);
  const callbacks = new Promise<void>((resolve) => {
    for (let i = 0; i < total; i++) {
      message.writeUInt32BE(i);
      sender.send(message, 0, 4, receiver.address().port, '10.0.0.2', (error) => {
        assert.equal(error, null);
        if (++called === total) resolve();
      });
    }
  });
  await Promise.all([all, callbacks]);
});

test('the longest datagram arrives, a longer one is refused', async () => {
  await using net = await openDgramHosts(2);
  const receiver = await bound(net.hosts[1].dgram);
  const sender = await bound(net.hosts[0].dgram);
  const { port } = receiver.address();
  const longest = Buffer.alloc(65_507, 'x');
  sender.send(longest, port, '10.0.0.2');
  assert.ok((await once(receiver, 'message'))[0].equals(longest));
  const error = await new Promise<Error | null>((resolve) => {
    sender.send(Buffer.alloc(65_508), port, '10.0.0.2', resolve);
  });
  const { code, errno, syscall, message } = error as NodeJS.ErrnoException;
  assert.deepEqual(
    { code, errno, syscall, message },
    { code: 'EMSGSIZE', errno: -90, syscall: 'send', message: `send EMSGSIZE 10.0.0.2:${port}` },
  );
});

test('a refused datagram is an error of a connected socket, and nobody else’s', async () => {
  await using net = await openDgramHosts(2);
  const [here, there] = net.hosts;
  const free = await bound(there.dgram);
  const { port } = free.address();
  free.close();
  const connected = await bound(here.dgram);
  connected.connect(port, '10.0.0.2');
  await once(connected, 'connect');
  const other = await bound(here.dgram);
  other.on('error', () => assert.fail('not connected'));
  other.send('x', port, '10.0.0.2');
  connected.send('x');
  const [error] = (await once(connected, 'error')) as [NodeJS.ErrnoException];
  assert.deepEqual([error.message, error.errno, error.syscall], ['recvmsg ECONNREFUSED', -111, 'recvmsg']);
});

test('callbacks of sends are not called when the socket is closed in the same tick', async () => {
  await using net = await openDgramHosts(1);
  const receiver = await bound(net.hosts[0].dgram);
  const sender = await bound(net.hosts[0].dgram);
  const { port } = receiver.address();
  sender.send('known from now on', port);
  await once(receiver, 'message');
  sender.send('x', port, '127.0.0.1', () => assert.fail('called'));
  sender.send(Buffer.alloc(70_000), port, '127.0.0.1', () => assert.fail('called'));
  sender.close();
  await once(sender, 'close');
  await new Promise(setImmediate);
});

test('names are looked up by the function given, literals too', async () => {
  await using net = await openDgramHosts(1);
  const asked: unknown[] = [];
  const options = {
    type: 'udp4',
    lookup: ((name: string, family: number, callback: (error: null, address: string) => void) => {
      asked.push([name, family]);
      setImmediate(callback, null, name === 'printer' ? '10.0.0.1' : name);
    }) as never,
  } as const;
  const receiver = await bound(net.hosts[0].dgram);
  const { port } = receiver.address();
  const sender = net.hosts[0].dgram.createSocket(options).bind(0);
  await once(sender, 'listening');
  for (const name of ['printer', 'printer', '127.0.0.1', '127.0.0.1']) {
    sender.send('x', port, name);
    await once(receiver, 'message');
  }
  sender.connect(port, 'printer');
  await once(sender, 'connect');
  assert.equal(sender.remoteAddress().address, '10.0.0.1');
  assert.deepEqual(asked, [
    ['0.0.0.0', 4],
    ['printer', 4],
    ['printer', 4],
    ['127.0.0.1', 4],
    ['127.0.0.1', 4],
    ['printer', 4],
  ]);
});

test('each callback of one tick has the store of its own AsyncLocalStorage.run', async () => {
  await using net = await openDgramHosts(1);
  const socket = await bound(net.hosts[0].dgram);
  const { port } = socket.address();
  const storage = new AsyncLocalStorage<number>();
  // The second time the address is known, and the datagram takes the short way.
  for (const payload of ['text', Buffer.from('bytes'), Buffer.from('bytes')]) {
    const stores = await Promise.all(
      [1, 2, 3].map(
        (i) =>
          new Promise((resolve) => {
            storage.run(i, () => socket.send(payload, port, '127.0.0.1', () => resolve(storage.getStore())));
          }),
      ),
    );
    assert.deepEqual(stores, [1, 2, 3]);
  }
});

test('what is put in the place of the handle’s send is called, and what it returns is reported', async () => {
  await using net = await openDgramHosts(1);
  const socket = await bound(net.hosts[0].dgram);
  const { port } = socket.address();
  const state = (socket as unknown as Record<symbol, { handle: { send(): number } }>)[stateSymbol];
  const UNKNOWN = -4094;
  state.handle.send = () => UNKNOWN;
  const error = await new Promise((resolve) => socket.send('x', port, '127.0.0.1', resolve));
  const { message, code, errno, syscall, address, port: to } = error as AddressError;
  assert.deepEqual(
    { message, code, errno, syscall, address, port: to },
    {
      message: `send UNKNOWN 127.0.0.1:${port}`,
      code: 'UNKNOWN',
      errno: UNKNOWN,
      syscall: 'send',
      address: '127.0.0.1',
      port,
    },
  );
});

test('a lookup that fails: to the callback, else an error event', async () => {
  await using net = await openDgramHosts(1);
  const failure = new Error('no such name');
  const lookup = ((_name: string, _family: number, callback: (error: Error) => void) => {
    process.nextTick(callback, failure);
  }) as never;
  const { createSocket } = net.hosts[0].dgram;
  const socket = createSocket({ type: 'udp4', lookup });
  const state = (socket as unknown as Record<symbol, { queue: unknown[] | undefined }>)[stateSymbol];
  const waiting: (number | undefined)[] = [];
  (socket as EventEmitter).once(EventEmitter.errorMonitor, () => waiting.push(state.queue?.length));
  // Binding fails, and with it what waits for it.
  socket.send('x', 9, 'name');
  assert.equal((await once(socket, 'error'))[0], failure);
  assert.deepEqual([waiting, state.queue], [[1], undefined]);
  // It may be tried again.
  socket.bind();
  assert.equal((await once(socket, 'error'))[0], failure);
});

test('a dns.lookup that was replaced is asked', async () => {
  await using net = await openDgramHosts(1);
  const original = dns.lookup;
  let asked = 0;
  dns.lookup = ((name: string, _family: number, callback: (error: null, address: string) => void) => {
    asked++;
    process.nextTick(callback, null, name);
  }) as never;
  try {
    const socket = await bound(net.hosts[0].dgram);
    socket.send('x', socket.address().port, '127.0.0.1');
    await once(socket, 'message');
  } finally {
    dns.lookup = original;
  }
  assert.equal(asked, 2);
});

test('block lists, on any version of Node', async () => {
  await using net = await openDgramHosts(2);
  const list = new BlockList();
  list.addAddress('10.0.0.2');
  const { createSocket } = net.hosts[0].dgram;
  const receiver = createSocket({ type: 'udp4', receiveBlockList: list }).bind(0) as DgramSocket;
  await once(receiver, 'listening');
  const blocked = await bound(net.hosts[1].dgram);
  const welcome = await bound(net.hosts[0].dgram);
  const first = once(receiver, 'message');
  blocked.send('blocked', receiver.address().port, '10.0.0.1');
  while (receiver.stats().droppedBlocked === 0) await new Promise(setImmediate);
  welcome.send('welcome', receiver.address().port, '10.0.0.1');
  assert.equal((await first)[0].toString(), 'welcome');
  const sender = createSocket({ type: 'udp4', sendBlockList: list });
  const sent = new Promise<Error | null>((resolve) => sender.send('x', 9, '10.0.0.2', resolve));
  assert.equal(((await sent) as NodeJS.ErrnoException).code, 'ERR_IP_BLOCKED');
  const connected = new Promise((resolve) => sender.connect(9, '10.0.0.2', resolve as () => void));
  assert.equal(((await connected) as NodeJS.ErrnoException).code, 'ERR_IP_BLOCKED');
});

test('link-local addresses have their zone', async () => {
  await using net = await openDgramHosts(1);
  const host = net.hosts[0];
  const own = host.addresses().find((one) => one.address.startsWith('fe80:'))!;
  const address = `${own.address.split('%')[0]}%eth0`;
  const server = host.dgram.createSocket('udp6').bind({ address });
  await once(server, 'listening');
  assert.equal(server.address().address, address);
  const client = await bound(host.dgram, 'udp6');
  client.send('x', server.address().port, address);
  assert.equal((await once(server, 'message'))[1].address, address);
});
