import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { ClosedError, InUseError, OptionError, RelayStoppedError, TimeoutError } from '../errors.ts';
import type { EthernetResponse } from '../relay/ethernet-response.ts';
import { Relay, type RelayOptions } from '../relay/relay.ts';
import { FakeLink } from '../test-support/fake-link.ts';
import { frames, hex } from '../test-support/frames.ts';
import { settleTurns } from '../test-support/memory-pair.ts';
import { twoRelays } from '../test-support/two-relays.ts';
import { uncaught } from '../test-support/uncaught.ts';
import { buildUdpFrame } from '../wire/build.ts';
import { EtherConn } from './ether-conn.ts';
import { L4HashKey } from './l4-hash-key.ts';
import { RUDPConn } from './rudp-conn.ts';
import { SharedEtherConn } from './shared-ether-conn.ts';
import { SharedRUDPConn } from './shared-rudp-conn.ts';

const MAC = '02:00:00:00:00:02';
const PEER = '02:00:00:00:00:01';

function open(t: TestContext, options: RelayOptions = {}) {
  const link = new FakeLink({ slots: 4 });
  const relay = new Relay(link, options);
  t.after(() => relay.close());
  return { link, relay, shared: new SharedEtherConn(MAC, relay) };
}

function datagram(destination: string, destinationPort: number, payload = 'hello'): Uint8Array {
  const addresses = { sourceMac: PEER, destinationMac: MAC, source: '10.0.0.1', destination };
  return buildUdpFrame({ ...addresses, sourcePort: 1000, destinationPort, payload });
}

describe('SharedEtherConn', () => {
  it('register hands out responses by address, protocol and port: UDP, TCP, SCTP, ICMP', (t) => {
    const { link, shared } = open(t);
    const got: string[] = [];
    const list = ['10.0.0.2|17|53', '10.0.0.2|6|80', '10.0.0.2|132|9', '10.0.0.2|1|0', '2001:db8::2|58|0'];
    for (const text of list) {
      const [address, protocol, port] = text.split('|');
      const key = new L4HashKey(address, Number(protocol), Number(port));
      const registration = shared.register(key);
      assert.equal(registration.key, key);
      registration.receive((response) => got.push(String(L4HashKey.withEthernet(response))));
    }
    link.deliver([frames.udp4, frames.tcp4, frames.sctp4, frames.icmpv4Echo, frames.icmpv6Echo]);
    assert.deepEqual(got, list);
    const { claimed, unclaimed, registrations } = shared.stats();
    assert.deepEqual({ claimed, unclaimed, registrations }, { claimed: 5, unclaimed: 0, registrations: 5 });
  });

  it('counts what nobody has claimed', (t) => {
    const { link, shared } = open(t);
    shared.register(L4HashKey.withUDPAddr({ address: '10.0.0.2', port: 54 }));
    link.deliver([frames.udp4, frames.udp6, frames.udp4Later, frames.udp4.subarray(0, 30)]);
    assert.equal(shared.stats().unclaimed, 4);
  });

  it('register throws InUseError for a key that somebody has; unregister frees it', (t) => {
    const { link, shared } = open(t);
    const key = L4HashKey.withUDPAddr({ address: '10.0.0.2', port: 53 });
    const first = shared.register(key);
    assert.throws(() => shared.register(key), InUseError);
    assert.throws(() => new SharedRUDPConn({ address: '10.0.0.2', port: 53 }, shared), InUseError);
    shared.unregister(key);
    shared.unregister(key);
    let got = 0;
    const second = shared.register(key);
    second.receive(() => got++);
    first.close();
    link.deliver([frames.udp4]);
    assert.equal(got, 1);
    second.close();
    second.close();
    link.deliver([frames.udp4]);
    assert.equal(got, 1);
    assert.throws(() => shared.register('10.0.0.2:53' as never), OptionError);
    assert.throws(() => shared.unregister({} as never), OptionError);
  });

  it('a callback that closes its registration gets no more of the batch, the others do', async (t) => {
    const { link, shared } = open(t);
    const got: string[] = [];
    const one = shared.register(L4HashKey.withUDPAddr({ address: '10.0.0.2', port: 1 }));
    const two = shared.register(L4HashKey.withUDPAddr({ address: '10.0.0.2', port: 2 }));
    one.receive(() => {
      got.push('one');
      one.close();
      throw new Error('mine');
    });
    two.receive(() => got.push('two'));
    const list = [datagram('10.0.0.2', 1), datagram('10.0.0.2', 1), datagram('10.0.0.2', 2)];
    const errors = await uncaught(() => link.deliver(list));
    assert.deepEqual(got, ['one', 'two']);
    assert.equal(errors.length, 1);
  });

  it("gives the payload of the relay's ethernetTypes", (t) => {
    const { link, shared } = open(t, { ethernetTypes: [0x86dd] });
    const got: EthernetResponse['etherPayloadBytes'][] = [];
    for (const address of ['10.0.0.2', '2001:db8::2']) {
      const registration = shared.register(L4HashKey.withUDPAddr({ address, port: 53 }));
      registration.receive((response) => got.push(response.etherPayloadBytes));
    }
    link.deliver([frames.udp4, frames.udp6]);
    assert.equal(got[0], null);
    assert.equal(got[1]?.length, 53);
  });

  it('writeIPPktTo sends a whole IP packet, under the write deadline', async (t) => {
    const { link, shared } = open(t);
    assert.equal(await shared.writeIPPktTo(frames.udp4.subarray(14), PEER), 33);
    assert.deepEqual(link.sent[0].subarray(0, 14), Buffer.from(hex('020000000001 020000000002 0800')));
    assert.deepEqual(link.sent[0].subarray(14), Buffer.from(frames.udp4.subarray(14)));
    shared.setWriteDeadline(new Date(0));
    await assert.rejects(shared.writeIPPktTo(frames.udp4.subarray(14), PEER), TimeoutError);
    shared.setWriteDeadline(null);
    await assert.rejects(shared.writeIPPktTo(Buffer.of(1, 2, 3), PEER), OptionError);
    assert.equal(shared.stats().sent, 1);
  });

  it('leaves ARP to an EtherConn of its own beside it', (t) => {
    const { link, relay, shared } = open(t);
    assert.deepEqual(shared.etherTypes, [0x0800, 0x86dd]);
    const arp = new EtherConn(MAC, relay, [0x0806], { exclusive: true });
    const frame = Uint8Array.from(frames.arpReply);
    frame[5] = 2;
    link.deliver([frame, frames.udp4]);
    assert.equal(arp.stats().enqueued, 1);
  });
});

describe('SharedRUDPConn', () => {
  it('many of them exchange datagrams over one SharedEtherConn', async (t) => {
    const { a, b } = twoRelays(t);
    const shared = new SharedEtherConn(MAC, b);
    const client = new RUDPConn({ address: '10.0.0.1', port: 1 }, new EtherConn(PEER, a), {
      resolveNextHop: () => MAC,
    });
    const servers = Array.from({ length: 100 }, (_, i) => {
      const local = { address: `10.0.1.${i}`, port: 1000 + i };
      const server = new SharedRUDPConn(local, shared, { resolveNextHop: () => PEER });
      server.on('message', (data, remote) => void server.writeTo(Buffer.from(`${data} ${i}`), remote));
      return server;
    });
    for (let i = 0; i < 100; i++) {
      await client.writeTo(Buffer.from('hi'), { address: `10.0.1.${i}`, port: 1000 + i });
      const { data, remote } = await client.readFrom();
      assert.deepEqual([String(data), remote.address, remote.port], [`hi ${i}`, `10.0.1.${i}`, 1000 + i]);
    }
    assert.deepEqual(servers[7].localAddr(), { address: '10.0.1.7', port: 1007, family: 'IPv4' });
    assert.equal(servers[7].stats().sent, 1);
  });

  it('gets its own datagrams only; a wildcard takes what has no owner', async (t) => {
    const { link, shared } = open(t);
    const own = new SharedRUDPConn({ address: '10.0.0.2', port: 53 }, shared);
    const other = new SharedRUDPConn({ address: '10.0.0.2', port: 54 }, shared);
    const any = new SharedRUDPConn({ address: '0.0.0.0', port: 53 }, shared);
    link.deliver([
      datagram('10.0.0.2', 53),
      datagram('10.0.0.2', 54),
      datagram('10.0.0.9', 53),
      datagram('10.0.0.9', 9),
    ]);
    assert.deepEqual(
      [own, other, any].map((conn) => conn.stats().queued),
      [1, 1, 1],
    );
    assert.equal((await any.readFrom()).remote.localAddress, '10.0.0.9');
    assert.equal(shared.stats().unclaimed, 1);
  });

  it('close frees its own key and leaves the rest open', async (t) => {
    const { link, shared } = open(t);
    const local = { address: '10.0.0.2', port: 53 };
    const conn = new SharedRUDPConn(local, shared);
    const other = new SharedRUDPConn({ address: '10.0.0.2', port: 54 }, shared);
    const read = conn.readFrom();
    let closes = 0;
    conn.on('close', () => closes++);
    await conn.close();
    await conn.close();
    await assert.rejects(read, ClosedError);
    await assert.rejects(conn.writeTo(Buffer.alloc(1), { address: '10.0.0.1', port: 1 }), ClosedError);
    await settleTurns();
    assert.equal(closes, 1);
    assert.equal(shared.closed, false);
    assert.equal(shared.stats().registrations, 1);
    const again = new SharedRUDPConn(local, shared);
    link.deliver([frames.udp4, datagram('10.0.0.2', 54)]);
    assert.deepEqual(
      [conn, again, other].map((one) => one.stats().queued),
      [0, 1, 1],
    );
  });

  it('fails when the SharedEtherConn is closed, and when the relay stops', async (t) => {
    const { relay, shared } = open(t);
    const conn = new SharedRUDPConn({ address: '10.0.0.2', port: 53 }, shared);
    const read = conn.readFrom();
    await shared.close();
    await assert.rejects(read, ClosedError);
    assert.equal(conn.closed, true);
    assert.throws(() => new SharedRUDPConn({ address: '10.0.0.2', port: 54 }, shared), ClosedError);
    const other = new SharedEtherConn(MAC, relay);
    const second = new SharedRUDPConn({ address: '10.0.0.2', port: 53 }, other);
    const stopped = second.readFrom();
    await relay.close();
    await assert.rejects(stopped, RelayStoppedError);
  });

  it('has deadlines of its own', async (t) => {
    const { shared } = open(t);
    const conn = new SharedRUDPConn({ address: '10.0.0.2', port: 53 }, shared);
    const other = new SharedRUDPConn({ address: '10.0.0.2', port: 54 }, shared);
    const to = { address: '10.0.0.1', port: 1 };
    conn.setDeadline(new Date(0));
    await assert.rejects(conn.readFrom(), TimeoutError);
    await assert.rejects(conn.writeTo(Buffer.alloc(1), to), TimeoutError);
    assert.equal(await other.writeTo(Buffer.alloc(1), to), 1);
    conn.setWriteDeadline(null);
    assert.equal(await conn.writeTo(Buffer.alloc(1), to), 1);
    conn.setReadDeadline(null);
    await assert.rejects(conn.readFrom({ timeout: 0 }), TimeoutError);
  });

  it('answers from inside of onBatch', (t) => {
    const { link, shared } = open(t);
    const conn = new SharedRUDPConn({ address: '10.0.0.2', port: 53 }, shared);
    conn.onBatch((batch) => {
      while (batch.next()) batch.reply(Buffer.from('pong'));
    });
    link.deliver([frames.udp4]);
    assert.equal(link.sent[0].toString('utf8', 42), 'pong');
    assert.equal(conn.stats().sent, 1);
    assert.equal(shared.stats().sent, 0);
  });

  it('takes no acceptAny: it has no frames but its own', (t) => {
    const { shared } = open(t);
    const local = { address: '10.0.0.2', port: 53 };
    assert.throws(() => new SharedRUDPConn(local, shared, { acceptAny: true } as never), {
      option: 'acceptAny',
    });
    assert.equal(shared.stats().registrations, 0);
  });
});
