import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { describe, it, type TestContext } from 'node:test';
import { EtherConn } from '../conn/ether-conn.ts';
import { RUDPConn } from '../conn/rudp-conn.ts';
import { OptionError, RelayStoppedError } from '../errors.ts';
import { FakeLink } from '../test-support/fake-link.ts';
import { settleTurns } from '../test-support/memory-pair.ts';
import { uncaught } from '../test-support/uncaught.ts';
import { buildUdpFrame } from '../wire/build.ts';
import { L2EndpointKey } from './l2-endpoint.ts';
import { MemoryNetwork, MemoryRelay } from './memory-relay.ts';
import { RawSocketRelay } from './raw-socket-relay.ts';
import { Relay } from './relay.ts';
import { XDPRelay } from './xdp-relay.ts';

const MAC = '02:00:00:00:00:01';
const PEER = '02:00:00:00:00:02';

function open(t: TestContext, slots = 64) {
  const link = new FakeLink({ slots });
  const relay = new Relay(link);
  t.after(() => relay.close());
  return { link, relay };
}

function frameTo(destinationMac: string): Uint8Array {
  const addresses = { source: '10.0.0.9', destination: '10.0.0.1', sourcePort: 1, destinationPort: 2 };
  return buildUdpFrame({ sourceMac: '02:00:00:00:00:99', destinationMac, ...addresses });
}

describe('closing a relay', () => {
  it('fails readers and writers that wait, and later ones, with RelayStoppedError', async (t) => {
    const { relay } = open(t, 1);
    const conn = new EtherConn(MAC, relay);
    const udp = new RUDPConn({ address: '10.0.0.1', port: 1 }, new EtherConn(PEER, relay));
    const read = conn.readPacket();
    const udpRead = udp.readFrom();
    await conn.writePacketTo(Buffer.alloc(1), 0x0800, PEER);
    const write = conn.writePacketTo(Buffer.alloc(1), 0x0800, PEER);
    const closing = relay.close();
    for (const call of [read, udpRead, write]) await assert.rejects(call, RelayStoppedError);
    await closing;
    await assert.rejects(conn.readPacket(), RelayStoppedError);
    await assert.rejects(conn.writePacketTo(Buffer.alloc(1), 0x0800, PEER), {
      code: 'ERR_ETHERCONN_RELAY_STOPPED',
    });
    await assert.rejects(udp.writeTo(Buffer.alloc(1), { address: '10.0.0.2', port: 2 }), RelayStoppedError);
    assert.throws(() => conn.trySendPacketTo(Buffer.alloc(1), 0x0800, PEER), RelayStoppedError);
    assert.throws(() => relay.register([L2EndpointKey.of(MAC, 0x0800)]), RelayStoppedError);
    assert.throws(() => new EtherConn(MAC, relay), RelayStoppedError);
    assert.equal(conn.closed, true);
    assert.equal(udp.closed, true);
    await conn.close();
    await udp.close();
  });

  it("is harmless when repeated, closes the link, and emits 'close' once", async (t) => {
    const { link, relay } = open(t);
    let closes = 0;
    relay.on('close', () => closes++);
    assert.equal(relay.closed, false);
    await Promise.all([relay.close(), relay.close()]);
    await relay.close();
    assert.equal(relay.closed, true);
    assert.equal(link.closed, true);
    assert.equal(closes, 1);
  });

  it("is told to conns by 'close', and aborts the stopped signal of registrations", async (t) => {
    const { relay } = open(t);
    const conn = new EtherConn(MAC, relay);
    const udp = new RUDPConn({ address: '10.0.0.1', port: 1 }, new EtherConn(PEER, relay));
    const { stopped } = relay.register([L2EndpointKey.of(PEER, 0x0806)]);
    assert.equal(stopped.aborted, false);
    const closes = [once(conn, 'close'), once(udp, 'close')];
    await relay.close();
    await Promise.all(closes);
    assert.equal(stopped.aborted, true);
    assert.ok(stopped.reason instanceof RelayStoppedError);
  });

  it('is possible with await using', async () => {
    const link = new FakeLink();
    {
      await using relay = new Relay(link);
      assert.equal(relay.interfaceName(), 'fake0');
    }
    assert.equal(link.closed, true);
  });

  it('is published with opening on diagnostics channels, and logged', async (t) => {
    const told: [string, unknown][] = [];
    const onOpen = (message: unknown) => told.push(['open', message]);
    const onClose = (message: unknown) => told.push(['close', message]);
    subscribe('etherconn:relay:open', onOpen);
    subscribe('etherconn:relay:close', onClose);
    t.after(() => {
      unsubscribe('etherconn:relay:open', onOpen);
      unsubscribe('etherconn:relay:close', onClose);
    });
    const logged: string[] = [];
    const log = (_: object, message: string) => logged.push(message);
    const relay = new Relay(new FakeLink(), { logger: { debug: log, info: log, warn: log, error: log } });
    await relay.close();
    assert.deepEqual(told, [
      ['open', { relay }],
      ['close', { relay, error: undefined }],
    ]);
    assert.deepEqual(logged, ['relay open', 'relay closed']);
  });

  it('from inside of a batch ends that batch for all conns, and loses no account of it', async (t) => {
    const { link, relay } = open(t);
    const conn = new EtherConn(MAC, relay);
    const other = new EtherConn(PEER, relay);
    let seen = 0;
    conn.on('message', () => {
      seen++;
      void relay.close();
    });
    link.deliver([frameTo(MAC), frameTo(PEER), frameTo(MAC)]);
    await settleTurns();
    assert.equal(seen, 1);
    const { enqueued, read, dropped, queued } = conn.stats();
    assert.deepEqual({ enqueued, read, dropped, queued }, { enqueued: 2, read: 1, dropped: 1, queued: 0 });
    assert.deepEqual(other.stats().dropped, 1);
    assert.equal(relay.stats().delivered, 3);
  });

  it('a conn closed from inside of a batch leaves the others alone', (t) => {
    const { link, relay } = open(t);
    const conn = new EtherConn(MAC, relay);
    const other = new EtherConn(PEER, relay);
    conn.onBatch((batch) => {
      batch.next();
      void conn.close();
      void other.localAddr();
    });
    link.deliver([frameTo(MAC), frameTo(MAC), frameTo(PEER)]);
    link.deliver([frameTo(MAC)]);
    assert.equal(conn.stats().enqueued, 2);
    assert.equal(other.stats().queued, 1);
    assert.equal(relay.stats().noEndpoint, 1);
  });
});

describe('a link that fails', () => {
  it("closes the relay, says so by 'error', and is the cause of the conns' errors", async (t) => {
    const { link, relay } = open(t);
    const conn = new EtherConn(MAC, relay);
    const cause = new Error('the interface was deleted');
    const told = once(relay, 'error');
    const read = conn.readPacket();
    link.fail(cause);
    assert.deepEqual(await told, [cause]);
    await assert.rejects(read, (error: RelayStoppedError) => error.cause === cause);
    await assert.rejects(conn.writePacketTo(Buffer.alloc(1), 0x0800, PEER), { cause });
    assert.equal(relay.closed, true);
  });

  it("is a warning when nobody listens to 'error'", async (t) => {
    const { link } = open(t);
    const warning = once(process, 'warning');
    link.fail(new Error('the interface was deleted'));
    const [error] = await warning;
    assert.equal((error as Error).message, 'the interface was deleted');
  });

  it("that goes down and up is told by 'down' and 'up', and stays open", async (t) => {
    const network = new MemoryNetwork();
    const relay = network.relay();
    t.after(() => relay.close());
    const told: string[] = [];
    relay.on('down', () => told.push('down')).on('up', () => told.push('up'));
    relay.port.setUp(false);
    await settleTurns();
    relay.port.setUp(true);
    await settleTurns();
    assert.deepEqual(told, ['down', 'up']);
    assert.equal(relay.closed, false);
  });
});

describe('callbacks that throw', () => {
  it('do not cost other conns their packets, and are uncaught exceptions', async (t) => {
    const { link, relay } = open(t);
    const first = new EtherConn(MAC, relay, [0x0800]);
    const second = new EtherConn(PEER, relay, [0x0800]);
    const raw = relay.register([L2EndpointKey.of('02:00:00:00:00:03', 0x0800)]);
    first.onBatch(() => {
      throw new Error('batch');
    });
    second.on('message', () => {
      throw new Error('message');
    });
    raw.receive(() => {
      throw new Error('receive');
    });
    const last = new EtherConn('02:00:00:00:00:04', relay, [0x0800]);
    const frames = [MAC, PEER, PEER, '02:00:00:00:00:03', '02:00:00:00:00:04'].map(frameTo);
    const errors = await uncaught(() => link.deliver(frames));
    assert.deepEqual(
      errors.map((error) => (error as Error).message),
      ['batch', 'message', 'message', 'receive'],
    );
    assert.equal(last.stats().queued, 1);
    assert.equal(relay.stats().delivered, 5);
  });

  it("do not make close() reject when they listen to 'close'", async (t) => {
    const { relay } = open(t);
    relay.on('close', () => {
      throw new Error('listener');
    });
    let closed = false;
    const errors = await uncaught(() => {
      void relay.close().then(() => {
        closed = true;
      });
    });
    assert.equal(errors.length, 1);
    assert.equal(closed, true);
  });
});

describe('relay options and info', () => {
  it('wrong options throw an OptionError that names them', () => {
    const wrong = {
      sendingMode: 'fast',
      sendDepth: -1,
      receiveDepth: 0,
      hairpin: 1,
      ethernetTypes: [5],
      logger: {},
      sendigMode: 'batch',
    };
    for (const [option, value] of Object.entries(wrong)) {
      assert.throws(() => new Relay(new FakeLink(), { [option]: value }), OptionError, option);
      assert.throws(() => new MemoryNetwork().relay({ [option]: value }), OptionError, option);
    }
    const log = () => {};
    for (const missing of ['debug', 'info', 'warn', 'error']) {
      const logger = { debug: log, info: log, warn: log, error: log, [missing]: undefined } as never;
      assert.throws(() => new Relay(new FakeLink(), { logger }), {
        option: 'logger',
        message: `logger: must have the methods debug, info, warn and error, lacks ${missing}`,
      });
    }
    assert.throws(() => new Relay(new FakeLink(), { ethernetTypes: 5 as never }), {
      option: 'ethernetTypes',
    });
  });

  it('a memory relay takes the options of its port, too', async () => {
    const network = new MemoryNetwork();
    const relay = network.relay({ mtu: 9000, name: 'lan0', sendingMode: 'batch' });
    assert.ok(relay instanceof MemoryRelay);
    assert.equal(relay.interfaceName(), 'lan0');
    assert.equal(relay.info().mtu, 9000);
    assert.equal(relay.mtu, 9000);
    assert.equal(relay.port.mtu, 9000);
    await relay.close();
  });

  it('every relay is an instance of Relay, but not of a class that extends it', async (t) => {
    class Own extends Relay {}
    const memory = new MemoryNetwork().relay();
    t.after(() => memory.close());
    assert.ok(memory instanceof Relay);
    assert.ok(open(t).relay instanceof Relay);
    for (const kind of [XDPRelay, RawSocketRelay]) assert.ok(kind.prototype instanceof Relay);
    for (const other of [undefined, null, 1, {}, Relay])
      assert.equal((other as unknown) instanceof Relay, false);
    assert.equal(memory instanceof Own, false);
    const own = new Own(new FakeLink());
    t.after(() => own.close());
    assert.ok(own instanceof Own && own instanceof Relay);
    new EtherConn(MAC, own).close();
  });

  it('ref and unref are those of the link', async (t) => {
    const { link, relay } = open(t);
    assert.equal(relay.unref(), relay);
    assert.equal(link.referenced, false);
    assert.equal(relay.ref(), relay);
    assert.equal(link.referenced, true);
  });
});

describe('the process', () => {
  const index = new URL('../index.js', import.meta.url).href;

  /** Runs a program over a memory relay in a process of its own; what it has printed, or 'killed'. */
  function run(program: string, timeout = 20_000): string {
    const code = `
      import { EtherConn, MemoryNetwork } from ${JSON.stringify(index)};
      const network = new MemoryNetwork();
      const relay = network.relay();
      const conn = new EtherConn('02:00:00:00:00:01', relay);
      ${program}`;
    const child = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
      timeout,
      encoding: 'utf8',
    });
    return `${child.stdout}${child.stderr}${child.signal === null ? '' : 'killed'}`;
  }

  it('ends when the relay is closed: everything is given back', () => {
    assert.equal(
      run('conn.readPacket().catch((e) => console.log(e.code)); await relay.close();'),
      'ERR_ETHERCONN_RELAY_STOPPED\n',
    );
  });

  it('ends while an unref relay is open', () => {
    assert.equal(run("relay.unref(); conn.on('message', () => {}); console.log('end');"), 'end\n');
  });

  it('goes on while a relay is open, also after unref and ref', () => {
    assert.equal(run("relay.unref().ref(); console.log('open');", 3000), 'open\nkilled');
  });
});
