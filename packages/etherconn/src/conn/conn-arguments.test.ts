import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { ClosedError, OptionError } from '../errors.ts';
import { MemoryNetwork } from '../relay/memory-relay.ts';
import { Relay } from '../relay/relay.ts';
import { FakeLink } from '../test-support/fake-link.ts';
import { frames } from '../test-support/frames.ts';
import { settleTurns } from '../test-support/memory-pair.ts';
import { EtherConn } from './ether-conn.ts';
import { RUDPConn } from './rudp-conn.ts';
import { SharedEtherConn } from './shared-ether-conn.ts';
import { SharedRUDPConn } from './shared-rudp-conn.ts';

const MAC = '02:00:00:00:00:02';
const PEER = '02:00:00:00:00:01';
const LOCAL = { address: '10.0.0.2', port: 53 };
const REMOTE = { address: '10.0.0.1', port: 1000 };

function open(t: TestContext) {
  const link = new FakeLink({ slots: 1024 });
  const relay = new Relay(link);
  t.after(() => relay.close());
  return { link, relay };
}

describe('what a caller does later to what he has passed', () => {
  it('changes no VLAN tag', (t) => {
    const { link, relay } = open(t);
    const tag = { id: 5, pcp: 1 };
    const vlans = [tag];
    const conn = new EtherConn(MAC, relay, [], { vlans });
    tag.id = 6;
    vlans.length = 0;
    conn.trySendPacketTo(Buffer.alloc(1), 0x0800, PEER);
    assert.equal(link.sent[0].toString('hex', 12, 18), '810020050800');
    assert.deepEqual(conn.localAddr().vlans, [5]);
    assert.throws(() => (conn.vlans as unknown[]).pop(), TypeError);
    assert.throws(() => Object.assign(conn.vlans[0], { id: 7 }), TypeError);
  });

  it('changes no list of EtherTypes', (t) => {
    const { link, relay } = open(t);
    const etherTypes = [0x0800];
    const conn = new EtherConn(MAC, relay, etherTypes, { role: 'mirror' });
    etherTypes[0] = 0x0806;
    link.deliver([frames.udp4]);
    assert.equal(conn.stats().enqueued, 1);
    assert.throws(() => (conn.etherTypes as number[]).pop(), TypeError);
  });
});

it('what is neither EtherTypes nor options is refused by name', (t) => {
  const { relay } = open(t);
  for (const wrong of [null, 0x0800, 'ip'] as never[]) {
    assert.throws(() => new EtherConn(MAC, relay, wrong), {
      option: 'etherTypes',
      message: /must be an array/,
    });
  }
});

describe('trySendPacketTo', () => {
  it('takes destinations as text and bytes, in turn, and other EtherTypes', (t) => {
    const { link, relay } = open(t);
    const conn = new EtherConn(MAC, relay, [], { vlans: [{ id: 5, tpid: 0x88a8 }, 6] });
    const bytes = Uint8Array.of(2, 0, 0, 0, 0, 9);
    const send = (to: string | Uint8Array, etherType: number) =>
      conn.trySendPacketTo(Buffer.from('x'), etherType, to);
    send(PEER, 0x0800);
    send(bytes, 0x0800);
    send(PEER, 0x86dd);
    send(PEER, 0x0806);
    bytes[5] = 8;
    send(bytes, 0x88b5);
    const heads = link.sent.map((frame) => `${frame.toString('hex', 0, 6)} ${frame.toString('hex', 20)}`);
    assert.deepEqual(heads, [
      '020000000001 080078',
      '020000000009 080078',
      '020000000001 86dd78',
      '020000000001 080678',
      '020000000008 88b578',
    ]);
    for (const frame of link.sent) assert.equal(frame.toString('hex', 6, 20), '02000000000288a8000581000006');
    for (const bad of ['02:00', new Uint8Array(5), null])
      assert.throws(() => send(bad as Uint8Array, 0x0800), OptionError);
  });
});

describe('reading into a buffer', () => {
  it('refuses what is no buffer, before a packet is taken for it', async (t) => {
    const { link, relay } = open(t);
    const ether = new EtherConn(MAC, relay, [0x0800]);
    link.deliver([frames.udp4]);
    const bad = new ArrayBuffer(99) as unknown as Uint8Array;
    await assert.rejects(ether.readPacketFrom(bad), { option: 'buffer' });
    assert.equal(ether.stats().queued, 1);
    const conn = new RUDPConn(LOCAL, ether);
    link.deliver([frames.udp4]);
    for (const value of [bad, new DataView(new ArrayBuffer(9)) as unknown as Uint8Array])
      await assert.rejects(conn.readFrom(value), { option: 'buffer' });
    assert.equal(conn.stats().queued, 1);
  });
});

describe('a closed UDP conn', () => {
  it('asks no resolver', async (t) => {
    const { relay } = open(t);
    let asked = 0;
    const resolveNextHop = () => {
      asked++;
      return PEER;
    };
    const conn = new RUDPConn(LOCAL, new EtherConn(MAC, relay), { resolveNextHop });
    await conn.close();
    await assert.rejects(conn.writeTo(Buffer.alloc(1), REMOTE), ClosedError);
    assert.throws(() => conn.trySendTo(Buffer.alloc(1), REMOTE), ClosedError);
    assert.throws(() => conn.trySendMany([Buffer.alloc(1)], REMOTE), ClosedError);
    assert.throws(() => conn.peer(REMOTE), ClosedError);
    assert.equal(asked, 0);
  });
});

describe('a UDP peer whose next hop failed', () => {
  it('says 0, not the old failure, while it is asked for again', async (t) => {
    const { relay } = open(t);
    const answers: (() => Promise<string>)[] = [() => Promise.reject(new Error('nobody there'))];
    const resolveNextHop = () => answers.shift()?.() ?? Promise.resolve(PEER);
    const conn = new RUDPConn(LOCAL, new EtherConn(MAC, relay), { resolveNextHop });
    assert.equal(conn.trySendTo(Buffer.alloc(1), REMOTE), 0);
    await settleTurns();
    assert.equal(conn.trySendTo(Buffer.alloc(1), REMOTE), 0);
    await settleTurns();
    assert.equal(conn.trySendTo(Buffer.alloc(1), REMOTE), 1);
  });
});

describe("listeners of 'message' that come late", () => {
  for (const method of ['on', 'addListener', 'prependListener', 'once', 'prependOnceListener'] as const) {
    it(`${method} gives them what is queued`, async (t) => {
      const { link, relay } = open(t);
      const one = method === 'once' || method === 'prependOnceListener';
      const ether = new EtherConn(MAC, relay, [0x0800]);
      link.deliver([frames.udp4, frames.udp4]);
      let packets = 0;
      ether[method]('message', () => packets++);
      await settleTurns();
      assert.equal(packets, one ? 1 : 2);
      const conn = new RUDPConn(LOCAL, new EtherConn(PEER, relay));
      const frame = Uint8Array.from(frames.udp4);
      frame[5] = 1;
      link.deliver([frame, frame]);
      let datagrams = 0;
      conn[method]('message', () => datagrams++);
      await settleTurns();
      assert.equal(datagrams, one ? 1 : 2);
    });
  }
});

it('relays and conns say what they are', async () => {
  const relay = new MemoryNetwork().relay();
  const name = relay.interfaceName();
  assert.equal(String(relay), `MemoryRelay ${name} (memory)`);
  const ether = new EtherConn(MAC, relay, [0x0800], { vlans: [5] });
  assert.equal(String(ether), `EtherConn l2ep&02:00:00:00:00:02|5#0x0800 on ${name}`);
  assert.equal(String(new RUDPConn(LOCAL, ether)), 'RUDPConn 10.0.0.2:53');
  const shared = new SharedEtherConn(PEER, relay);
  const six = new SharedRUDPConn({ address: '2001:db8::2', port: 53 }, shared);
  assert.equal(String(six), 'SharedRUDPConn [2001:db8::2]:53');
  await relay.close();
  assert.equal(String(relay), `MemoryRelay ${name} (closed)`);
});

it('closing the relay inside onBatch does not cut the batch short', (t) => {
  const { link, relay } = open(t);
  const conn = new EtherConn(MAC, relay);
  const lengths: number[] = [];
  conn.onBatch((batch) => {
    while (batch.next()) {
      lengths.push(batch.payloadLength);
      void relay.close();
    }
  });
  link.deliver([frames.udp4, frames.tcp4]);
  assert.deepEqual(lengths, [33, 47]);
  assert.equal(conn.stats().read, 2);
});
