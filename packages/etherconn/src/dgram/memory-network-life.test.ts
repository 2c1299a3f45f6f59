import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { EtherConn } from '../conn/ether-conn.ts';
import { RUDPConn } from '../conn/rudp-conn.ts';
import { ClosedError, RelayStoppedError } from '../errors.ts';
import { MemoryNetwork } from '../relay/memory-relay.ts';
import { uncaught } from '../test-support/uncaught.ts';
import { Host } from './host.ts';

const MAC = '02:00:00:00:00:01';

describe('closing a memory network', () => {
  it('fails what waits and what comes later, and tells relays, conns, hosts and sockets', async () => {
    for (const time of ['real', 'virtual'] as const) {
      const network = new MemoryNetwork({ time, impair: { delay: 1000 } });
      const relay = network.relay({ txSlots: 1 });
      const conn = new EtherConn(MAC, relay);
      const udp = new RUDPConn(
        { address: '10.0.0.9', port: 9 },
        new EtherConn('02:00:00:00:00:02', network.relay()),
      );
      const host = await Host.create(network.relay(), {
        addresses: ['10.0.0.1/24'],
        detectDuplicates: 'off',
      });
      const bound = host.dgram.createSocket('udp4').bind(0);
      await once(bound, 'listening');
      const heard: string[] = [];
      relay.on('error', (error) => heard.push(`relay ${error.constructor.name}`));
      relay.on('close', () => heard.push('relay'));
      conn.on('close', () => heard.push('conn'));
      udp.on('close', () => heard.push('udp'));
      host.on('close', () => heard.push('host'));
      bound.on('error', (error) => heard.push(`socket ${error.constructor.name}`));
      bound.on('close', () => heard.push('socket'));
      await conn.writePacketTo(Buffer.alloc(1), 0x0800, MAC);
      const waiting = [
        conn.readPacket(),
        udp.readFrom(),
        conn.writePacketTo(Buffer.alloc(1), 0x0800, MAC),
        host.ping('10.0.0.2'),
      ];
      for (const call of waiting) call.catch(() => undefined);
      const closing = network.close();
      for (const call of waiting) await assert.rejects(call, RelayStoppedError);
      await closing;
      await network.close();
      await assert.rejects(conn.readPacket(), (error) => {
        assert.ok(error instanceof RelayStoppedError && error.cause instanceof ClosedError);
        return error.message === 'relay: relay stopped (memory network: closed)';
      });
      assert.throws(() => new EtherConn(MAC, relay), RelayStoppedError);
      assert.throws(() => network.relay(), ClosedError);
      await new Promise((resolve) => setImmediate(resolve));
      assert.deepEqual(heard.sort(), [
        'conn',
        'host',
        'relay',
        'relay ClosedError',
        'socket',
        'socket RelayStoppedError',
        'udp',
      ]);
      assert.equal(relay.closed, true);
      await host.close();
      await relay.close();
    }
  });

  it('from inside a receive callback ends the batch', async () => {
    const network = new MemoryNetwork();
    const [one, two] = [network.relay(), network.relay()];
    const from = new EtherConn(MAC, one);
    const to = new EtherConn('02:00:00:00:00:02', two);
    let batches = 0;
    to.onBatch(() => {
      batches++;
      void network.close();
    });
    const closed = new Promise<void>((resolve) => two.on('close', resolve));
    for (let i = 0; i < 5; i++) from.trySendPacketTo(Buffer.alloc(20), 0x0800, '02:00:00:00:00:02');
    await closed;
    assert.equal(batches, 1);
    assert.equal(one.closed, true);
  });

  it('tells all relays, whatever those that hear of it throw', async () => {
    const network = new MemoryNetwork();
    const fail = () => {
      throw new Error('a logger that fails');
    };
    const noise = () => undefined;
    const bad = network.relay({ logger: { debug: noise, info: noise, warn: noise, error: fail } });
    const good = network.relay();
    const errors = await uncaught(() => void network.close());
    assert.deepEqual(errors.map(String), ['Error: a logger that fails']);
    assert.deepEqual([bad.closed, good.closed], [true, true]);
  });
});

describe('a process with a memory network', () => {
  const index = new URL('../index.js', import.meta.url).href;

  /** What a program has printed, with the code that it has ended with. */
  function run(program: string): string {
    const code = `
      import { EtherConn, Host, MemoryNetwork } from ${JSON.stringify(index)};
      const network = new MemoryNetwork({ impair: { delay: 50 } });
      const relay = network.relay();
      const conn = new EtherConn('${MAC}', relay);
      const peer = new EtherConn('02:00:00:00:00:02', network.relay());
      ${program}`;
    const { stdout, stderr, status, signal } = spawnSync(
      process.execPath,
      ['--input-type=module', '-e', code],
      {
        timeout: 20_000,
        encoding: 'utf8',
      },
    );
    return `${stdout}${stderr.includes('Warning: ') ? stderr : ''}${signal ?? status}`;
  }

  it('ends with its relays, hosts and conns open', () => {
    assert.equal(
      run("await Host.create(relay, { addresses: ['10.0.0.1/24'] }); conn.on('message', () => undefined);"),
      '0',
    );
  });

  it('does not wait for what cannot happen', () => {
    assert.match(run('await conn.readPacket();'), /13$/);
    assert.equal(
      run("try { await conn.readPacket({ timeout: 20 }) } catch { console.log('late'); }"),
      'late\n0',
    );
  });

  it('stays while frames are under way', () => {
    const answered = `conn.on('message', (data) => console.log(String(data)));
      peer.on('message', (data, remote) => peer.trySendPacketTo(Buffer.from('answer'), 0x0806, remote.hwAddr));
      conn.trySendPacketTo(Buffer.from('question'), 0x0806, '02:00:00:00:00:02');`;
    assert.equal(run(answered), 'answer\n0');
  });

  it('ends with a bound socket, unless its ref is called, once nothing can happen on it any more', () => {
    const bound = `const host = await Host.create(relay, { addresses: ['10.0.0.1/24'] });
      const socket = host.dgram.createSocket('udp4').on('message', (data) => console.log(String(data)));
      socket.bind(7, () => console.log('bound'));`;
    assert.equal(run(bound), 'bound\n0');
    const closed = `${bound}
      socket.ref().on('close', () => console.log('closed'));
      setTimeout(() => { console.log('here'); network.close(); }, 100).unref();`;
    assert.equal(run(closed), 'bound\nhere\nclosed\n0');
    assert.equal(run(`${bound} socket.unref(); setTimeout(() => socket.unref(), 50);`), 'bound\n0');
  });

  it('stays for datagrams under way: on the wire, between hosts of one relay, to the host itself, in fragments', () => {
    const sent = (address: string, relays: string) => `
      const relays = ${relays};
      const hosts = await Promise.all(['10.0.0.1/24', '10.0.0.2/24'].map((one, i) =>
        Host.create(relays[i], { addresses: [one] })));
      const [a, b] = hosts.map((host) => host.dgram.createSocket('udp4'));
      a.on('message', (data) => console.log('a', data.length)).bind(7, '10.0.0.1');
      b.on('message', (data, { port, address }) => {
        console.log('b', data.length);
        b.send(data, port, address);
      }).bind(7);
      a.on('listening', () => a.send(Buffer.alloc(5000), 7, '${address}'));`;
    const other = sent('10.0.0.2', '[network.relay(), network.relay()]');
    assert.equal(run(other), 'b 5000\na 5000\n0');
    const hairpin = sent(
      '10.0.0.2',
      '[0, 0].map(function () { return this; }, network.relay({ hairpin: true }))',
    );
    assert.equal(run(hairpin), 'b 5000\na 5000\n0');
    assert.equal(run(sent('10.0.0.1', '[network.relay(), network.relay()]')), 'a 5000\n0');
  });

  it('of node:test: a test that fails with everything open does not keep its file', () => {
    const program = `
      import { test } from 'node:test';
      import { Host, MemoryNetwork, RUDPConn, EtherConn } from ${JSON.stringify(index)};
      for (const time of ['real', 'virtual']) test('fails', async () => {
        const network = new MemoryNetwork({ time });
        const host = await Host.create(network.relay(), { addresses: ['10.0.0.1/24', '2001:db8::1/64'] });
        const socket = host.dgram.createSocket('udp4').bind(7);
        await new Promise((resolve) => socket.once('listening', resolve));
        const conn = new RUDPConn({ address: '10.0.0.9', port: 9 }, new EtherConn('${MAC}', network.relay()));
        void conn.readFrom();
        throw new Error('as it should');
      });`;
    const options = { timeout: 20_000, encoding: 'utf8' } as const;
    const { signal, status } = spawnSync(process.execPath, ['--input-type=module', '-e', program], options);
    assert.deepEqual([signal, status], [null, 1]);
  });
});

describe('a process with the default host', () => {
  it('stays for a bound socket, as with node:dgram', () => {
    const module = new URL('./index.js', import.meta.url).href;
    const program = `
      import { createSocket } from ${JSON.stringify(module)};
      const socket = createSocket('udp4').bind(0);
      setTimeout(() => { console.log('here'); socket.unref(); }, 50).unref();`;
    const options = { timeout: 20_000, encoding: 'utf8' } as const;
    const { stdout, status } = spawnSync(process.execPath, ['--input-type=module', '-e', program], options);
    assert.deepEqual([stdout, status], ['here\n', 0]);
  });
});
