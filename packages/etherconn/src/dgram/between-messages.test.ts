import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import nodeDgram from 'node:dgram';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { EtherConn } from '../conn/ether-conn.ts';
import type { Link, LinkReceiver } from '../link/link.ts';
import { MemoryNetwork } from '../link/memory/memory-network.ts';
import { WrappedLink } from '../link/middleware/wrapped-link.ts';
import { Relay } from '../relay/relay.ts';
import { type DgramHosts, openDgramHosts } from '../test-support/dgram-hosts.ts';
import { MESSAGE_LISTENERS, messageOrder } from '../test-support/message-orders.ts';
import { uncaught } from '../test-support/uncaught.ts';
import { Host } from './host.ts';
import type { DgramModule, DgramSocket } from './socket-class.ts';

/** Between two messages of a burst Node runs ticks and microtasks, and so do we: whatever the listeners are. */

const NODE = nodeDgram as unknown as DgramModule;

async function bound(socket: DgramSocket, port = 0): Promise<DgramSocket> {
  socket.bind(port);
  await once(socket, 'listening');
  return socket;
}

/** A receiver at the second host, and how the first sends it `count` messages that come as one batch. */
async function burst(net: DgramHosts): Promise<{ receiver: DgramSocket; send: (count: number) => void }> {
  const receiver = await bound(net.hosts[1].dgram.createSocket('udp4'));
  const sender = net.hosts[0].dgram.createSocket('udp4');
  sender.connect(receiver.address().port, '10.0.0.2');
  await once(sender, 'connect');
  const arrived = once(receiver, 'message');
  sender.send('the next hop is known now');
  await arrived;
  return {
    receiver,
    send: (count) => {
      assert.equal(sender.sendMany(Array.from({ length: count }, (_, i) => Buffer.from(String(i)))), count);
    },
  };
}

if (process.argv[2] === 'orders') {
  assert.equal('_tickCallback' in process, false);
  await using net = await openDgramHosts(1);
  const orders: Record<string, string[]> = {};
  for (const name of MESSAGE_LISTENERS) orders[name] = await messageOrder(net.hosts[0].dgram, name);
  process.stdout.write(JSON.stringify(orders));
} else {
  for (const name of MESSAGE_LISTENERS) {
    test(`a listener's work is done before the next message, as with Node: ${name}`, async () => {
      await using net = await openDgramHosts(2);
      const [a, b] = net.hosts;
      const expected = await messageOrder(NODE, name);
      assert.deepEqual(await messageOrder(b.dgram, name), expected, 'within a host');
      assert.deepEqual(await messageOrder(b.dgram, name, '10.0.0.2', a.dgram), expected, 'between hosts');
    });
  }

  test('so it is where Node has no function that runs ticks', async () => {
    const without = `data:text/javascript,${encodeURIComponent('delete process._tickCallback')}`;
    const child = spawnSync(
      process.execPath,
      ['--import', without, fileURLToPath(import.meta.url), 'orders'],
      { encoding: 'utf8' },
    );
    assert.equal(child.stderr, '');
    for (const [name, order] of Object.entries(JSON.parse(child.stdout))) {
      // Messages come in immediates of their own then, among others.
      if (!name.endsWith('immediate')) assert.deepEqual(order, await messageOrder(NODE, name), name);
    }
  });

  test('a tick that throws is an uncaught exception, and costs nobody a message or a tick', async () => {
    await using net = await openDgramHosts(2);
    const { receiver, send } = await burst(net);
    const order: string[] = [];
    receiver.on('message', (message) => {
      order.push(`message ${message}`);
      process.nextTick(() => {
        throw new Error(`tick ${message}`);
      });
      process.nextTick(() => order.push(`tick ${message}`));
    });
    const errors = await uncaught(() => send(3));
    assert.deepEqual(order, ['message 0', 'tick 0', 'message 1', 'tick 1', 'message 2', 'tick 2']);
    assert.deepEqual(errors.map(String), ['Error: tick 0', 'Error: tick 1', 'Error: tick 2']);
  });

  test('exceptions are told before the next message', async () => {
    await using net = await openDgramHosts(2);
    const { receiver, send } = await burst(net);
    const seen: number[] = [];
    const errors: unknown[] = [];
    const handlers = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', (error) => errors.push(error));
    const last = new Promise<void>((resolve) => {
      receiver.on('message', (message) => {
        seen.push(errors.length);
        if (String(message) === '3') resolve();
        else if (String(message) === '1') throw new Error('listener');
        else process.nextTick(() => assert.fail('tick'));
      });
    });
    send(4);
    await last;
    process.removeAllListeners('uncaughtException');
    for (const handler of handlers) process.on('uncaughtException', handler);
    assert.deepEqual(seen, [0, 1, 2, 3]);
  });

  test('a promise that is rejected is an unhandled rejection before the next message', async () => {
    await using net = await openDgramHosts(2);
    const { receiver, send } = await burst(net);
    const order: string[] = [];
    const handlers = process.listeners('unhandledRejection');
    process.removeAllListeners('unhandledRejection');
    process.on('unhandledRejection', (reason) => order.push(String(reason)));
    const last = new Promise<void>((resolve) => {
      receiver.on('message', async (message) => {
        order.push(`message ${message}`);
        if (String(message) === '2') resolve();
        else throw new Error(String(message));
      });
    });
    send(3);
    await last;
    process.removeAllListeners('unhandledRejection');
    for (const handler of handlers) process.on('unhandledRejection', handler);
    assert.deepEqual(order, ['message 0', 'Error: 0', 'message 1', 'Error: 1', 'message 2']);
  });

  for (const [what, close] of [
    ['socket', (_net, receiver) => receiver.close()],
    ['host', (net) => net.hosts[1].close()],
    ['relay', (net) => net.relays[1].close()],
    ['network', (net) => net.network.close()],
  ] as [string, (net: DgramHosts, receiver: DgramSocket) => unknown][]) {
    test(`a tick that closes the ${what} ends the burst`, async () => {
      await using net = await openDgramHosts(2);
      const { receiver, send } = await burst(net);
      let count = 0;
      receiver.on('message', () => {
        count++;
        if (count === 2) process.nextTick(() => void close(net, receiver));
      });
      const closed = new Promise<void>((resolve) => receiver.on('close', resolve));
      send(6);
      await closed;
      await new Promise((resolve) => setImmediate(resolve));
      assert.equal(count, 2);
    });
  }

  test('a tick that registers another conn and another host has them hear the next burst', async () => {
    await using net = await openDgramHosts(2);
    const { receiver, send } = await burst(net);
    const other = new Promise<DgramSocket>((resolve) => {
      receiver.once('message', () => {
        process.nextTick(async () => {
          new EtherConn('02:00:00:00:02:01', net.relays[1]);
          const host = await Host.create(net.relays[1], {
            mac: '02:00:00:00:02:02',
            addresses: ['10.0.0.9/24'],
            detectDuplicates: 'off',
          });
          resolve(await bound(host.dgram.createSocket('udp4'), 4000));
        });
      });
    });
    send(20);
    const socket = await other;
    const heard = once(socket, 'message');
    net.hosts[0].dgram.createSocket('udp4').send('to the new one', 4000, '10.0.0.9');
    assert.equal(String((await heard)[0]), 'to the new one');
    assert.equal(net.relays[1].stats().registrations, 3);
  });

  /** Counts what a relay does with its link, and fails when batches nest. */
  class Watched extends WrappedLink {
    flushes = 0;
    depth = 0;
    batches = 0;

    constructor(link: Link) {
      super(link);
      const { tx } = this;
      const flush = tx.flush.bind(tx);
      tx.flush = () => {
        this.flushes++;
        return flush();
      };
    }

    override start(receiver: LinkReceiver): void {
      super.start({
        begin: (memory, queue) => {
          assert.equal(this.depth, 0, 'a batch within a batch');
          receiver.begin(memory, queue);
        },
        frame: (offset, length, flags) => receiver.frame(offset, length, flags),
        end: () => {
          this.depth++;
          this.batches++;
          assert.equal(this.depth, 1, 'end() within end()');
          receiver.end();
          this.depth--;
        },
        error: (error) => receiver.error(error),
        state: (up) => receiver.state(up),
      });
    }
  }

  async function watchedHost(network: MemoryNetwork, n: number): Promise<{ link: Watched; host: Host }> {
    const link = new Watched(network.port());
    const host = await Host.create(new Relay(link, { hairpin: true }), {
      mac: `02:00:00:00:00:0${n}`,
      addresses: [`10.0.0.${n}/24`],
      detectDuplicates: 'off',
    });
    return { link, host };
  }

  test('answers from ticks and promises leave once per batch, by whichever relay; batches do not nest', async () => {
    const network = new MemoryNetwork();
    const [client, server, other] = [
      await watchedHost(network, 1),
      await watchedHost(network, 2),
      await watchedHost(network, 3),
    ];
    const asking = await bound(client.host.dgram.createSocket('udp4'));
    const serving = await bound(server.host.dgram.createSocket('udp4'));
    const forwarding = await bound(other.host.dgram.createSocket('udp4'));
    const local = await bound(server.host.dgram.createSocket('udp4'));
    const got: string[] = [];
    const { port } = asking.address();
    serving.on('message', (message) => {
      process.nextTick(() => {
        serving.send(`tick ${message}`, port, '10.0.0.1');
        // Also to itself: that comes in a later turn.
        serving.send(message, local.address().port, '10.0.0.2');
      });
      Promise.resolve().then(() => serving.send(`promise ${message}`, port, '10.0.0.1', () => undefined));
      queueMicrotask(() => forwarding.send(`forwarded ${message}`, port, '10.0.0.1'));
    });
    local.on('message', (message) => {
      process.nextTick(() => forwarding.send(`local ${message}`, port, '10.0.0.1'));
    });
    const everything = async (count: number) => {
      await new Promise<void>((resolve) => {
        const take = (message: Buffer) => {
          got.push(String(message).replace(/ .*/, ''));
          if (got.length < 4 * count) return;
          asking.off('message', take);
          resolve();
        };
        asking.on('message', take);
        const questions = Array.from({ length: count }, (_, i) => Buffer.from(String(i)));
        const address = '10.0.0.2';
        const list = questions.map((buffer) => ({ buffer, port: serving.address().port, address }));
        assert.equal(asking.sendMany(list), count);
      });
    };
    // The first has next hops asked for.
    await everything(1);
    got.length = 0;
    for (const { link } of [server, other]) {
      link.flushes = 0;
      link.batches = 0;
    }
    await everything(7);
    const tally = (name: string): number => got.filter((one) => one === name).length;
    assert.deepEqual(['tick', 'promise', 'forwarded', 'local'].map(tally), [7, 7, 7, 7]);
    // One batch of questions was answered; the other relay sent for it, and for the batch of the server's loopback.
    assert.equal(server.link.batches, 1);
    assert.deepEqual([server.link.flushes, other.link.flushes], [1, 2]);
    for (const { host } of [client, server, other]) await host.close();
    await network.close();
  });
}
