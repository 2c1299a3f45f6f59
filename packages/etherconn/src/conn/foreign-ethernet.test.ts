import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { InUseError, NoRoomError, OptionError, TimeoutError } from '../errors.ts';
import { EthernetResponse } from '../relay/ethernet-response.ts';
import { frames, parsed } from '../test-support/frames.ts';
import { settleTurns } from '../test-support/memory-pair.ts';
import { uncaught } from '../test-support/uncaught.ts';
import { VirtualClock } from '../virtual-clock.ts';
import { buildUdpFrame } from '../wire/build.ts';
import type { L4HashKey } from './l4-hash-key.ts';
import type { L4Registration, SharedEthernetConn } from './shared-ethernet.ts';
import { SharedRUDPConn } from './shared-rudp-conn.ts';

/** A shared conn as somebody else might write it. */
class ForeignConn implements SharedEthernetConn {
  readonly written: { packet: Buffer; mac: string }[] = [];
  /** What the next writes settle with. */
  answer: () => Promise<number> = async () => 0;
  readonly #callbacks = new Map<string, ((response: EthernetResponse) => void) | null>();

  register(key: L4HashKey): L4Registration {
    const name = key.toString();
    if (this.#callbacks.has(name)) throw new InUseError(name);
    this.#callbacks.set(name, null);
    return {
      key,
      receive: (callback) => {
        this.#callbacks.set(name, callback);
      },
      close: () => {
        this.#callbacks.delete(name);
      },
    };
  }

  unregister(key: L4HashKey): void {
    this.#callbacks.delete(key.toString());
  }

  writeIPPktTo(packet: Uint8Array, destMac: string | Uint8Array): Promise<number> {
    this.written.push({
      packet: Buffer.from(packet),
      mac: Buffer.from(destMac as Uint8Array).toString('hex'),
    });
    return this.answer();
  }

  setWriteDeadline(): void {}

  /** A frame has come. */
  deliver(name: string, frame: Uint8Array): void {
    this.deliverResponse(name, new EthernetResponse(frame, parsed(frame)));
  }

  deliverResponse(name: string, response: EthernetResponse): void {
    this.#callbacks.get(name)?.(response);
  }

  get keys(): string[] {
    return [...this.#callbacks.keys()];
  }
}

const LOCAL = { address: '10.0.0.2', port: 53 };
const REMOTE = { address: '10.0.0.1', port: 1000 };
const KEY = '10.0.0.2|17|53';

describe('a SharedRUDPConn over a SharedEthernetConn of somebody else', () => {
  it('sends many, each by a call of its own, as many as may be under way', async () => {
    const foreign = new ForeignConn();
    const conn = new SharedRUDPConn(LOCAL, foreign, { resolveNextHop: () => '02:00:00:00:00:01' });
    const payloads = Array.from({ length: 70 }, (_, i) => Buffer.from(`number ${i}`));
    assert.equal(conn.trySendMany(payloads, REMOTE), 64);
    await settleTurns();
    assert.equal(conn.trySendMany(payloads.slice(64), REMOTE), 6);
    assert.deepEqual(
      foreign.written.map(({ packet }) => packet.toString('latin1', 28)),
      payloads.map(String),
    );
    await conn.close();
  });

  it('sends IP packets through writeIPPktTo', async () => {
    const foreign = new ForeignConn();
    const conn = new SharedRUDPConn(LOCAL, foreign, { resolveNextHop: () => '02:00:00:00:00:01' });
    assert.equal(await conn.writeTo(Buffer.from('hello'), REMOTE), 5);
    assert.equal(conn.trySendTo(Buffer.from('hi'), REMOTE), 1);
    assert.deepEqual(
      foreign.written.map(({ mac }) => mac),
      ['020000000001', '020000000001'],
    );
    const [{ packet }] = foreign.written;
    const expected = buildUdpFrame({
      sourceMac: '00:00:00:00:00:00',
      destinationMac: '02:00:00:00:00:01',
      source: LOCAL.address,
      destination: REMOTE.address,
      sourcePort: LOCAL.port,
      destinationPort: REMOTE.port,
      payload: 'hello',
    }).subarray(14);
    // Identification, DF and the header checksum differ.
    for (const at of [4, 5, 6, 10, 11]) expected[at] = packet[at];
    assert.deepEqual(packet, Buffer.from(expected));
  });

  it('a conn that throws instead of rejecting leaves no writer waiting', async () => {
    const foreign = new ForeignConn();
    const conn = new SharedRUDPConn(LOCAL, foreign);
    let finish = (_bytes: number): void => {};
    foreign.answer = () =>
      new Promise((resolve) => {
        finish = resolve;
      });
    while (conn.trySendTo(Buffer.from('x'), REMOTE) === 1);
    const waiting = Array.from({ length: 5 }, () => conn.writeTo(Buffer.from('late'), REMOTE));
    foreign.answer = () => {
      throw new Error('not even a promise');
    };
    finish(1);
    const results = await Promise.allSettled(waiting);
    const failed = results.filter(({ status }) => status === 'rejected');
    // One learns of the failure of the one before him, and so on; none of them hangs.
    assert.ok(failed.length < 5);
    assert.throws(() => conn.trySendTo(Buffer.from('x'), REMOTE), /not even a promise/);
  });

  it('drops and counts a datagram that came without its end', () => {
    const foreign = new ForeignConn();
    const conn = new SharedRUDPConn(LOCAL, foreign);
    const cut = frames.udp4.subarray(0, 44);
    foreign.deliverResponse(KEY, new EthernetResponse(cut, parsed(cut), [0x0800], true));
    assert.equal(conn.stats().truncated, 1);
  });

  it('receives responses as datagrams, in all forms', async () => {
    const foreign = new ForeignConn();
    const conn = new SharedRUDPConn(LOCAL, foreign);
    assert.deepEqual(foreign.keys, [KEY]);
    foreign.deliver(KEY, frames.udp4Padded);
    const { data, remote } = await conn.readFrom();
    assert.deepEqual(
      [data.toString(), remote.address, remote.port, remote.mac],
      ['hello', '10.0.0.1', 1000, '02:00:00:00:00:01'],
    );
    const got: string[] = [];
    conn.on('message', (message) => got.push(message.toString()));
    foreign.deliver(KEY, frames.udp4);
    assert.deepEqual(got, ['hello']);
    foreign.deliver(KEY, frames.udp4.subarray(0, 40));
    assert.equal(conn.stats().malformed, 1);
  });

  it('takes frames longer than its MTU', async () => {
    const foreign = new ForeignConn();
    const conn = new SharedRUDPConn(LOCAL, foreign);
    const addresses = { sourceMac: '02:00:00:00:00:01', destinationMac: '02:00:00:00:00:02' };
    const ports = { sourcePort: 1000, destinationPort: 53 };
    const payload = Buffer.alloc(9000, 1);
    foreign.deliver(
      KEY,
      buildUdpFrame({ ...addresses, source: '10.0.0.1', destination: '10.0.0.2', ...ports, payload }),
    );
    assert.deepEqual((await conn.readFrom()).data, payload);
  });

  it('answers from inside of onBatch, and contains what the callback throws', async () => {
    const foreign = new ForeignConn();
    const conn = new SharedRUDPConn(LOCAL, foreign);
    conn.onBatch((batch) => {
      while (batch.next()) batch.reply(Buffer.from('pong'));
      throw new Error('mine');
    });
    const errors = await uncaught(() => foreign.deliver(KEY, frames.udp4));
    assert.equal(errors.length, 1);
    assert.equal(foreign.written[0].mac, '020000000001');
    assert.equal(foreign.written[0].packet.toString('utf8', 28), 'pong');
  });

  it('a packet that fails makes the next write fail, once', async () => {
    const foreign = new ForeignConn();
    const conn = new SharedRUDPConn(LOCAL, foreign);
    foreign.answer = () => Promise.reject(new Error('cable'));
    await conn.writeTo(Buffer.alloc(1), REMOTE);
    await settleTurns();
    foreign.answer = async () => 0;
    await assert.rejects(conn.writeTo(Buffer.alloc(1), REMOTE), { message: 'cable' });
    assert.equal(await conn.writeTo(Buffer.alloc(1), REMOTE), 1);
    foreign.answer = () => {
      throw new Error('at once');
    };
    await conn.writeTo(Buffer.alloc(1), REMOTE);
    await settleTurns();
    assert.throws(() => conn.trySendTo(Buffer.alloc(1), REMOTE), { message: 'at once' });
  });

  it('bounds the packets under way: writers wait, by the clock it has', async () => {
    const clock = new VirtualClock();
    const foreign = Object.assign(new ForeignConn(), { clock, mtu: 100 });
    const conn = new SharedRUDPConn(LOCAL, foreign);
    let finish!: () => void;
    const held = new Promise<number>((resolve) => {
      finish = () => resolve(0);
    });
    foreign.answer = () => held;
    while (conn.trySendTo(Buffer.alloc(1), REMOTE) === 1);
    assert.equal(foreign.written.length, 64);
    const late = conn.writeTo(Buffer.alloc(1), REMOTE, { timeout: 10 });
    await Promise.all([assert.rejects(late, TimeoutError), clock.advance(10)]);
    const waiting = Array.from({ length: 1024 }, (_, i) => conn.writeTo(Buffer.of(i), REMOTE));
    await assert.rejects(conn.writeTo(Buffer.alloc(1), REMOTE), NoRoomError);
    foreign.answer = async () => 0;
    finish();
    await Promise.all(waiting);
    assert.equal(foreign.written.length, 64 + 1024);
    assert.equal(foreign.written.at(-1)?.packet[28], 1023 & 255);
    assert.throws(() => conn.trySendTo(Buffer.alloc(73), REMOTE), { code: 'EMSGSIZE' });
  });

  it('close frees the key; a key in use is refused by the conn itself', async () => {
    const foreign = new ForeignConn();
    const conn = new SharedRUDPConn(LOCAL, foreign);
    assert.throws(() => new SharedRUDPConn(LOCAL, foreign), InUseError);
    await conn.close();
    assert.deepEqual(foreign.keys, []);
    new SharedRUDPConn(LOCAL, foreign);
  });

  it('refuses what is no shared conn', () => {
    for (const wrong of [null, undefined, {}, 5]) {
      assert.throws(() => new SharedRUDPConn(LOCAL, wrong as never), OptionError);
    }
  });
});
