import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import nodeDgram from 'node:dgram';
import { on, once } from 'node:events';
import { test } from 'node:test';
import { openDgramHosts } from '../test-support/dgram-hosts.ts';
import type { ReceivedMessageInfo } from './message-info.ts';
import type { DgramModule, DgramSocket } from './socket-class.ts';

async function bound(socket: DgramSocket, port = 0): Promise<DgramSocket> {
  socket.bind(port);
  await once(socket, 'listening');
  return socket;
}

test('messages are Buffers to keep, and come in order', async () => {
  await using net = await openDgramHosts(2);
  const [a, b] = net.hosts;
  const receiver = await bound(b.dgram.createSocket('udp4'));
  const sender = await bound(a.dgram.createSocket('udp4'));
  const { port } = receiver.address();
  const total = 5000;
  const kept: Buffer[] = [];
  const done = new Promise<void>((resolve) => {
    receiver.on('message', (message, rinfo) => {
      kept.push(message);
      assert.equal(rinfo.size, message.length);
      if (kept.length === total) resolve();
    });
  });
  // All lengths from 0 to 1472 (longer ones are fragmented, and may be overtaken), so that every path of copying is met.
  const payload = (i: number): Buffer => Buffer.alloc(i % 1473, i & 255);
  for (let i = 0; i < total; i++) sender.send(payload(i), port, '10.0.0.2');
  await done;
  for (let i = 0; i < total; i++) assert.ok(kept[i].equals(payload(i)), `message ${i}`);
});

test('rinfo says who sent, and only that', async () => {
  await using net = await openDgramHosts(2);
  const receiver = await bound(net.hosts[1].dgram.createSocket('udp6'));
  const sender4 = await bound(net.hosts[0].dgram.createSocket('udp4'));
  const sender6 = await bound(net.hosts[0].dgram.createSocket('udp6'));
  const { port } = receiver.address();
  sender4.send('four', port, '10.0.0.2');
  const [, from4] = await once(receiver, 'message');
  assert.deepEqual(from4, {
    address: '::ffff:10.0.0.1',
    family: 'IPv6',
    port: sender4.address().port,
    size: 4,
  });
  sender6.send('six', port, 'fd00::2');
  const [, from6] = await once(receiver, 'message');
  assert.deepEqual(from6, { address: 'fd00::1', family: 'IPv6', port: sender6.address().port, size: 3 });
  // An answer to what rinfo says arrives, whichever version it is.
  receiver.send('back', from4.port, from4.address);
  const [answer, info] = await once(sender4, 'message');
  assert.deepEqual([answer.toString(), info.address], ['back', '10.0.0.2']);
});

test('receiveInfo adds what node:dgram cannot tell', async () => {
  await using net = await openDgramHosts(2);
  const receiver = await bound(net.hosts[1].dgram.createSocket({ type: 'udp4', receiveInfo: true }));
  const sender = await bound(net.hosts[0].dgram.createSocket('udp4'));
  sender.send('x', receiver.address().port, '10.0.0.2');
  const [, info] = (await once(receiver, 'message')) as [Buffer, ReceivedMessageInfo];
  assert.deepEqual(
    { localAddress: info.localAddress, localPort: info.localPort, mac: info.mac, vlans: info.vlans },
    { localAddress: '10.0.0.2', localPort: receiver.address().port, mac: '02:00:00:00:01:01', vlans: [] },
  );
});

test('await once() in a loop misses none of a burst', async () => {
  await using net = await openDgramHosts(1);
  const { createSocket } = net.hosts[0].dgram;
  const receiver = await bound(createSocket('udp4'));
  const sender = await bound(createSocket('udp4'));
  const { port } = receiver.address();
  for (let i = 0; i < 20; i++) sender.send(String(i), port);
  for (let i = 0; i < 20; i++) {
    const [message] = await once(receiver, 'message');
    assert.equal(message.toString(), String(i));
    // Some depth of promises between one message and the next.
    await Promise.resolve().then(() => Promise.resolve());
  }
});

/** What happens, in order, when `count` messages of one burst meet a listener that waits for promises and ticks. */
async function orderOfAsyncListener(module: DgramModule, count: number): Promise<string[]> {
  const receiver = await bound(module.createSocket('udp4'));
  const sender = await bound(module.createSocket('udp4'));
  const order: string[] = [];
  const done = new Promise<void>((resolve) => {
    receiver.on('message', async (message) => {
      order.push(`message ${message}`);
      await null;
      await null;
      process.nextTick(() => {
        order.push(`tick ${message}`);
        queueMicrotask(() => {
          order.push(`microtask ${message}`);
          if (order.length === 3 * count) resolve();
        });
      });
    });
  });
  for (let i = 0; i < count; i++) sender.send(String(i), receiver.address().port, '127.0.0.1');
  await done;
  receiver.close();
  sender.close();
  return order;
}

test('an async listener is done with ticks and microtasks before the next message, as with Node', async () => {
  await using net = await openDgramHosts(1);
  const order = await orderOfAsyncListener(net.hosts[0].dgram, 5);
  assert.deepEqual(order.slice(0, 4), ['message 0', 'tick 0', 'microtask 0', 'message 1']);
  assert.deepEqual(order, await orderOfAsyncListener(nodeDgram as unknown as DgramModule, 5));
});

test('10,000 messages of one tick all reach an async listener, in order', async () => {
  await using net = await openDgramHosts(2);
  const receiver = await bound(net.hosts[1].dgram.createSocket('udp4'));
  const sender = await bound(net.hosts[0].dgram.createSocket('udp4'));
  const total = 10_000;
  let expected = 0;
  const done = new Promise<void>((resolve) => {
    receiver.on('message', async (message) => {
      assert.equal(message.readUInt32BE(), expected);
      expected++;
      if (expected === total) resolve();
    });
  });
  const payload = Buffer.alloc(1024);
  for (let i = 0; i < total; i++) {
    payload.writeUInt32BE(i);
    sender.send(payload, receiver.address().port, '10.0.0.2');
  }
  await done;
});

test('a socket that is closed while messages wait for an async listener emits none of them', async () => {
  await using net = await openDgramHosts(1);
  const receiver = await bound(net.hosts[0].dgram.createSocket('udp4'));
  const sender = await bound(net.hosts[0].dgram.createSocket('udp4'));
  let received = 0;
  receiver.on('message', async () => {
    received++;
    if (received === 2) receiver.close();
  });
  for (let i = 0; i < 5; i++) sender.send('x', receiver.address().port, '127.0.0.1');
  await once(receiver, 'close');
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(received, 2);
});

test('an async iterator of events takes everything', async () => {
  await using net = await openDgramHosts(1);
  const { createSocket } = net.hosts[0].dgram;
  const receiver = await bound(createSocket('udp4'));
  const sender = await bound(createSocket('udp4'));
  const iterator = on(receiver, 'message');
  for (let i = 0; i < 10; i++) sender.send(String(i), receiver.address().port);
  for (let i = 0; i < 10; i++) {
    const { value } = await iterator.next();
    assert.equal(value[0].toString(), String(i));
  }
});

test('a listener that throws is an uncaught exception, and costs nobody a message', async (t) => {
  await using net = await openDgramHosts(1);
  const { createSocket } = net.hosts[0].dgram;
  const receiver = await bound(createSocket('udp4'));
  const sender = await bound(createSocket('udp4'));
  const uncaught: string[] = [];
  const got: string[] = [];
  const catcher = (error: Error): number => uncaught.push(error.message);
  // The runner's own handler would fail this test.
  const others = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', catcher);
  t.after(() => {
    process.removeListener('uncaughtException', catcher);
    for (const other of others) process.on('uncaughtException', other);
  });
  const done = new Promise<void>((resolve) => {
    receiver.on('message', (message) => {
      got.push(message.toString());
      if (got.length === 3) resolve();
      if (got.length === 1) throw new Error('listener');
    });
  });
  for (const text of ['a', 'b', 'c']) sender.send(text, receiver.address().port);
  await done;
  await new Promise(setImmediate);
  assert.deepEqual([got, uncaught], [['a', 'b', 'c'], ['listener']]);
});

test('no message is emitted after close, from within a burst', async () => {
  await using net = await openDgramHosts(1);
  const { createSocket } = net.hosts[0].dgram;
  const receiver = await bound(createSocket('udp4'));
  const sender = await bound(createSocket('udp4'));
  let count = 0;
  receiver.on('message', () => {
    count++;
    receiver.close();
  });
  for (let i = 0; i < 10; i++) sender.send('x', receiver.address().port);
  await once(receiver, 'close');
  await new Promise(setImmediate);
  assert.equal(count, 1);
});

test('messages that nobody listens for are counted', async () => {
  await using net = await openDgramHosts(1);
  const { createSocket } = net.hosts[0].dgram;
  const receiver = await bound(createSocket('udp4'));
  const sender = await bound(createSocket('udp4'));
  sender.send('lost', receiver.address().port);
  while (receiver.stats().droppedNoListener === 0) await new Promise(setImmediate);
  sender.send('found', receiver.address().port);
  const [message] = await once(receiver, 'message');
  assert.equal(message.toString(), 'found');
  assert.deepEqual(
    { received: receiver.stats().received, dropped: receiver.stats().droppedNoListener },
    { received: 1, dropped: 1 },
  );
});

test('onBatch gives places in memory, and answers', async () => {
  await using net = await openDgramHosts(2);
  for (const [type, address] of [
    ['udp4', '10.0.0.2'],
    ['udp6', 'fd00::2'],
  ] as const) {
    const server = await bound(net.hosts[1].dgram.createSocket(type));
    const client = await bound(net.hosts[0].dgram.createSocket(type));
    const seen: string[] = [];
    server.onBatch((batch) => {
      while (batch.next()) {
        seen.push(`${batch.remoteAddress()} ${batch.remotePort} ${batch.copyPayload()}`);
        assert.equal(batch.reply(Buffer.from('answer')), 1);
      }
    });
    client.send('question', server.address().port, address);
    const [answer, rinfo] = await once(client, 'message');
    assert.equal(answer.toString(), 'answer');
    assert.equal(rinfo.address, address);
    const from = type === 'udp4' ? '10.0.0.1' : 'fd00::1';
    assert.deepEqual(seen, [`${from} ${client.address().port} question`]);
    server.onBatch(null);
    client.send('event', server.address().port, address);
    const [message] = await once(server, 'message');
    assert.equal(message.toString(), 'event');
  }
});

test('an IPv4 client of a udp6 server is answered from a batch', async () => {
  await using net = await openDgramHosts(2);
  const server = await bound(net.hosts[1].dgram.createSocket('udp6'));
  const client = await bound(net.hosts[0].dgram.createSocket('udp4'));
  server.onBatch((batch) => {
    while (batch.next()) batch.reply(Buffer.from('answer'));
  });
  client.send('question', server.address().port, '10.0.0.2');
  const [answer] = await once(client, 'message');
  assert.equal(answer.toString(), 'answer');
});

test('listeners and callbacks run in the asynchronous context they belong to', async () => {
  await using net = await openDgramHosts(1);
  const { createSocket } = net.hosts[0].dgram;
  const storage = new AsyncLocalStorage<string>();
  const receiver = storage.run('receiver', () => createSocket('udp4'));
  await storage.run('receiver', () => bound(receiver));
  const sender = await bound(createSocket('udp4'));
  const { port } = receiver.address();
  const contexts: (string | undefined)[] = [];
  const message = new Promise<void>((resolve) => {
    receiver.on('message', () => {
      contexts.push(storage.getStore());
      resolve();
    });
  });
  await storage.run('sender', async () => {
    await new Promise<void>((resolve) => {
      sender.send('x', port, '127.0.0.1', () => {
        contexts.push(storage.getStore());
        resolve();
      });
    });
  });
  await message;
  assert.deepEqual(contexts.sort(), ['receiver', 'sender']);
});
