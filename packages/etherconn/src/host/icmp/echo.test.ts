import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { BatchStore } from '../../relay/batch-store.ts';
import { HostNetwork } from '../../test-support/hosts.ts';
import { Icmpv4Type, Icmpv4Unreachable } from '../../wire/icmpv4.ts';
import { Icmpv6Type } from '../../wire/icmpv6.ts';
import { formatIp, parseIp } from '../../wire/ip.ts';
import type { FrameRecord } from '../../wire/record.ts';
import type { Host } from '../host.ts';
import type { EchoFailure, EchoPort, EchoPortOptions, EchoUser } from './echo.ts';
import { Icmp } from './icmp.ts';

/** Notes what a port for echo requests is told. */
class Notes implements EchoUser {
  readonly port: EchoPort;
  readonly replies: [sequence: number, from: string, data: string, ttl: number][] = [];
  readonly failures: (readonly [sequence: number, from: string, failure: EchoFailure])[] = [];
  closed: Error | null = null;
  waits = true;

  constructor(host: Host, options?: EchoPortOptions) {
    this.port = host.openEchoPort(this, options);
  }

  replied(
    sequence: number,
    u8: Uint8Array,
    version: 4 | 6,
    source: number,
    start: number,
    end: number,
    ttl: number,
  ): boolean {
    this.replies.push([
      sequence,
      formatIp(u8, source, version),
      Buffer.from(u8.subarray(start, end)).toString(),
      ttl,
    ]);
    return this.waits;
  }

  failed(sequence: number, failure: EchoFailure, u8: Uint8Array, version: 4 | 6): boolean {
    const from = failure.source < 0 ? 'nobody' : formatIp(u8, failure.source, version);
    this.failures.push([sequence, from, failure]);
    return this.waits;
  }

  hostClosed(error: Error): void {
    this.closed = error;
  }

  send(address: string, sequence: number, data = 'data'): 0 | 1 {
    return this.port.trySend(parseIp(address), sequence, Buffer.from(data));
  }
}

function two(t: TestContext): { net: HostNetwork; host: Host; other: Host } {
  const net = new HostNetwork(t);
  const host = net.host(1, { gateways: ['10.0.0.254', 'fe80::fe'] });
  const other = net.host(2, { addresses: ['10.0.0.2/24', '2001:db8::2/64'] });
  return { net, host, other };
}

describe('a port for echo requests', () => {
  it('gets each reply with its data, and nothing of other ports', async (t) => {
    const { net, host } = two(t);
    const [a, b] = [new Notes(host), new Notes(host, { id: 7, ttl: 9, tos: 0x10 })];
    assert.equal(b.port.id, 7);
    assert.notEqual(a.port.id, 7);
    for (const address of ['10.0.0.2', '2001:db8::2']) {
      assert.equal(a.send(address, 1, 'one'), 1);
      assert.equal(a.send(address, 1, 'one again'), 1);
      assert.equal(b.send(address, 0x1_0002, 'two'), 1);
      const ping = host.ping(address);
      await net.settle();
      await ping;
      assert.deepEqual(a.replies.splice(0), [
        [1, address, 'one', 64],
        [1, address, 'one again', 64],
      ]);
      assert.deepEqual(b.replies.splice(0), [[2, address, 'two', 64]]);
    }
    assert.equal(host.stats().ignored, 0);
    a.waits = false;
    a.send('10.0.0.2', 3);
    await net.settle();
    assert.equal(host.stats().ignored, 1, 'nobody waited for it');
  });

  it('sends from the address that it is given', async (t) => {
    const { net, host } = two(t);
    await host.addAddress('10.0.0.77/24', { detectDuplicates: 'off' });
    const notes = new Notes(host, { source: '10.0.0.77' });
    notes.send('10.0.0.2', 1);
    await net.settle();
    host.removeAddress('10.0.0.77');
    assert.equal(notes.replies.length, 1);
    notes.send('10.0.0.2', 2);
    await net.settle();
    assert.equal(notes.replies.length, 1, 'the reply goes to an address that is no more');
  });

  it('is told of a next hop that does not answer', async (t) => {
    const { net, host } = two(t);
    const notes = new Notes(host);
    notes.send('10.0.0.9', 4);
    await net.advance(3000);
    const failure = { code: 'EHOSTUNREACH', source: -1, type: 0, icmpCode: 0, mtu: 0 };
    assert.deepEqual(notes.failures, [[4, 'nobody', failure]]);
  });

  it('is told of errors, by whom they are, and of narrower paths', async (t) => {
    const { net, host, other } = two(t);
    const notes = new Notes(host);
    // The other host returns errors about packets of ours, as a router would.
    for (const [sequence, address, type, code, rest, errorCode, mtu] of [
      [1, '10.0.0.2', Icmpv4Type.TIME_EXCEEDED, 0, 0, 'EHOSTUNREACH', 0],
      [2, '10.0.0.2', Icmpv4Type.DESTINATION_UNREACHABLE, Icmpv4Unreachable.HOST, 0, 'EHOSTUNREACH', 0],
      [3, '10.0.0.2', Icmpv4Type.DESTINATION_UNREACHABLE, 4, 1400, 'EMSGSIZE', 1400],
      [4, '2001:db8::2', Icmpv6Type.TIME_EXCEEDED, 0, 0, 'EHOSTUNREACH', 0],
      [5, '2001:db8::2', Icmpv6Type.PACKET_TOO_BIG, 0, 1300, 'EMSGSIZE', 1300],
    ] as const) {
      const { icmp } = other.stack;
      const answer = (store: BatchStore, record: FrameRecord): void =>
        icmp.errors.sendError(store.memory!.u8, record, type, code, rest);
      Object.assign(icmp, { input4: answer, input6: answer });
      notes.send(address, sequence);
      await net.settle();
      const told = notes.failures.splice(0);
      assert.equal(told.length, 1, `${sequence}`);
      const [of, from, failure] = told[0]!;
      assert.deepEqual([of, from], [sequence, address]);
      assert.deepEqual({ ...failure, source: 0 }, { code: errorCode, source: 0, type, icmpCode: code, mtu });
    }
    Object.assign(other.stack.icmp, { input4: Icmp.prototype.input4, input6: Icmp.prototype.input6 });
    notes.port.dontFragment = true;
    assert.throws(() => notes.send('10.0.0.2', 6, 'x'.repeat(1373)), {
      code: 'EMSGSIZE',
      syscall: 'ping',
      message: /1401 bytes, the path takes 1400/,
    });
    assert.equal(notes.send('10.0.0.2', 7, 'x'.repeat(1372)), 1);
    await net.settle();
    assert.equal(notes.replies.length, 1);
  });

  it('checks its options, and closes alone or with the host', async (t) => {
    const { net, host } = two(t);
    const notes = new Notes(host, { id: 5 });
    assert.throws(() => new Notes(host, { id: 5 }), { option: 'id' });
    assert.throws(() => new Notes(host, { ttl: 0 }), { option: 'ttl' });
    assert.throws(() => new Notes(host, { tos: 256 }), { option: 'tos' });
    assert.throws(() => new Notes(host, { dontFragment: 1 as never }), { option: 'dontFragment' });
    assert.throws(() => new Notes(host, { size: 1 } as never), { option: 'size' });
    assert.throws(() => host.openEchoPort({} as never), { option: 'user' });
    for (const source of ['10.0.0.9', '127.0.0.1', 'x', 1 as never])
      assert.throws(() => new Notes(host, { source }), { option: 'source' });
    assert.throws(() => new Notes(host, { source: '10.0.0.1' }).send('2001:db8::2', 1), { code: 'EINVAL' });
    assert.throws(() => notes.send('192.0.2.1', 1, 'x'.repeat(65_508)), { option: 'data' });
    notes.send('10.0.0.2', 1);
    notes.port.close();
    notes.port.close();
    await net.settle();
    assert.deepEqual(notes.replies, []);
    assert.throws(() => notes.send('10.0.0.2', 1), { code: 'EBADF' });
    const again = new Notes(host, { id: 5 });
    await host.close();
    assert.match(again.closed!.message, /closed/);
    assert.throws(() => again.send('10.0.0.2', 1), { code: 'EBADF' });
    assert.throws(() => new Notes(host), { code: 'ERR_ETHERCONN_CLOSED' });
  });

  it('rethrows what its user throws outside of the batch', async (t) => {
    const { net, host } = two(t);
    const notes = new Notes(host);
    notes.replied = () => {
      throw new Error('of the user');
    };
    const listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    const thrown = new Promise((resolve) => process.once('uncaughtException', resolve));
    notes.send('10.0.0.2', 1);
    await net.settle();
    assert.match(String(await thrown), /of the user/);
    for (const listener of listeners) process.on('uncaughtException', listener);
  });
});
