import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { MessageTooLongError, OptionError } from '../errors.ts';
import { L2EndpointKey } from '../relay/l2-endpoint.ts';
import { Relay } from '../relay/relay.ts';
import { FakeLink, type FakeLinkOptions } from '../test-support/fake-link.ts';
import { frames, hex } from '../test-support/frames.ts';
import { twoRelays } from '../test-support/two-relays.ts';
import { EtherConn } from './ether-conn.ts';
import { DEFAULT_ETHER_TYPES } from './ethernet-endpoint.ts';

const MAC = '02:00:00:00:00:02';
const PEER = '02:00:00:00:00:01';

function open(t: TestContext, options: FakeLinkOptions = {}): { link: FakeLink; relay: Relay } {
  const link = new FakeLink(options);
  const relay = new Relay(link);
  t.after(() => relay.close());
  return { link, relay };
}

describe('EtherConn', () => {
  it('exchanges Ethernet payloads with another one', async (t) => {
    const { a, b } = twoRelays(t);
    const one = new EtherConn(PEER, a, [0x88b5]);
    const two = new EtherConn(MAC, b, [0x88b5]);
    assert.equal(await one.writePacketTo(Buffer.from('hello'), 0x88b5, MAC), 5);
    const { data, remote } = await two.readPacket();
    assert.equal(data.toString(), 'hello');
    assert.equal(String(remote), 'l2ep&02:00:00:00:00:01#0x88b5');
    assert.equal(String(two.localAddr()), 'l2ep&02:00:00:00:00:02#0x88b5');
  });

  it('receives ARP, IPv4 and IPv6 by default', (t) => {
    const { link, relay } = open(t);
    const conn = new EtherConn(MAC, relay);
    assert.deepEqual(conn.etherTypes, DEFAULT_ETHER_TYPES);
    assert.deepEqual([...DEFAULT_ETHER_TYPES], [0x0806, 0x0800, 0x86dd]);
    const arp = Uint8Array.from(frames.arpReply);
    arp[5] = 2;
    const other = Uint8Array.from(frames.udp4);
    other.set([0x88, 0xb5], 12);
    link.deliver([arp, frames.udp4, frames.udp6, other]);
    assert.equal(conn.stats().queued, 3);
  });

  it("cuts the payload by IP's own length: padding is never delivered", async (t) => {
    const { link, relay } = open(t);
    const conn = new EtherConn(MAC, relay);
    link.deliver([frames.udp4Padded]);
    const { data } = await conn.readPacket();
    assert.deepEqual(data, Buffer.from(frames.udp4.subarray(14)));
  });

  it('readPacketFrom copies into a buffer, and says when it was too small', async (t) => {
    const { link, relay } = open(t);
    const conn = new EtherConn(MAC, relay);
    link.deliver([frames.udp4, frames.udp4]);
    const small = new Uint8Array(20);
    const cut = await conn.readPacketFrom(small);
    assert.deepEqual([cut.data.length, cut.length, cut.truncated], [20, 33, true]);
    assert.deepEqual(small, frames.udp4.slice(14, 34));
    const large = new Uint8Array(100);
    const whole = await conn.readPacketFrom(large);
    assert.deepEqual([whole.data.length, whole.length, whole.truncated], [33, 33, false]);
    assert.equal(whole.data.buffer, large.buffer);
    assert.equal(String(whole.remote), 'l2ep&02:00:00:00:00:01#0x0800');
  });

  it('delivers VLAN frames by their ids, with the ids', async (t) => {
    const { link, relay } = open(t);
    const conn = new EtherConn(MAC, relay, [0x0800], { vlans: [5] });
    link.deliver([frames.udp4, frames.vlan]);
    const { remote } = await conn.readPacket();
    assert.deepEqual(remote.vlans, [5]);
    assert.equal(String(conn.localAddr()), 'l2ep&02:00:00:00:00:02|5#0x0800');
    assert.equal(conn.stats().enqueued, 1);
  });

  it('writePacketTo writes the Ethernet header before the payload, and no padding', async (t) => {
    const { link, relay } = open(t);
    const conn = new EtherConn(MAC, relay);
    await conn.writePacketTo(Buffer.from('abc'), 0x88b5, PEER);
    await conn.writePacketTo(new Uint8Array(0), 0x0806, Uint8Array.of(255, 255, 255, 255, 255, 255));
    assert.deepEqual(link.sent, [
      Buffer.from(hex('020000000001 020000000002 88b5 616263')),
      Buffer.from(hex('ffffffffffff 020000000002 0806')),
    ]);
    const { sent, sentBytes } = conn.stats();
    assert.deepEqual({ sent, sentBytes }, { sent: 2, sentBytes: 3 });
  });

  it('sends VLAN tags with PCP, DEI and TPID', async (t) => {
    const { link, relay } = open(t);
    const vlans = [{ id: 100, pcp: 6, dei: true, tpid: 0x88a8 }, 5];
    const conn = new EtherConn(MAC, relay, [], { vlans });
    await conn.writePacketTo(Buffer.from('abc'), 0x88b5, PEER);
    assert.deepEqual(link.sent, [
      Buffer.from(hex('020000000001 020000000002 88a8d064 81000005 88b5 616263')),
    ]);
  });

  it('writeIPData tells the EtherType by the IP version', async (t) => {
    const { link, relay } = open(t);
    const conn = new EtherConn(MAC, relay);
    assert.equal(await conn.writeIPData(frames.udp4.subarray(14), PEER), 33);
    assert.equal(conn.trySendIPData(frames.udp6.subarray(14), PEER), 1);
    assert.deepEqual(
      link.sent.map((frame) => frame.readUInt16BE(12)),
      [0x0800, 0x86dd],
    );
    for (const wrong of [Buffer.alloc(0), Buffer.of(0x50)]) {
      await assert.rejects(conn.writeIPData(wrong, PEER), OptionError);
    }
  });

  it('refuses more than the MTU with EMSGSIZE', async (t) => {
    const { relay } = open(t, { mtu: 1000 });
    const conn = new EtherConn(MAC, relay, [], { vlans: [5, 6] });
    assert.equal(conn.mtu, 1000);
    await conn.writePacketTo(Buffer.alloc(1000), 0x88b5, PEER);
    await assert.rejects(conn.writePacketTo(Buffer.alloc(1001), 0x88b5, PEER), MessageTooLongError);
    assert.throws(() => conn.trySendPacketTo(Buffer.alloc(1001), 0x88b5, PEER), { code: 'EMSGSIZE' });
  });

  it('has less room where the interface takes no longer frames for the tags', (t) => {
    const { relay } = open(t, { mtu: 1000, maxFrameLength: 1014 });
    const conn = new EtherConn(MAC, relay, [], { vlans: [5, 6] });
    assert.equal(conn.mtu, 992);
    assert.equal(conn.trySendPacketTo(Buffer.alloc(992), 0x88b5, PEER), 1);
    assert.throws(() => conn.trySendPacketTo(Buffer.alloc(993), 0x88b5, PEER), { code: 'EMSGSIZE' });
  });

  it('wrong arguments reject at once, also when others wait for room', async (t) => {
    const { relay } = open(t, { slots: 1 });
    const conn = new EtherConn(MAC, relay);
    for (let i = 0; i < 2; i++) void conn.writePacketTo(Buffer.alloc(1), 0x88b5, PEER).catch(() => undefined);
    await assert.rejects(conn.writePacketTo('x' as never, 0x88b5, PEER), { option: 'packet' });
    await assert.rejects(conn.writePacketTo(Buffer.alloc(1), 5, PEER), { option: 'etherType' });
    await assert.rejects(conn.writePacketTo(Buffer.alloc(1), 0x88b5, '02:00'), { option: 'destMac' });
    await assert.rejects(conn.writePacketTo(Buffer.alloc(9999), 0x88b5, PEER), MessageTooLongError);
  });

  it('wrong options throw before anything is registered', (t) => {
    const { relay } = open(t);
    const wrong = {
      receiveMulticast: 1,
      vlans: [4095],
      receiveDepth: 0,
      exclusive: 'yes',
      role: 'boss',
      recieveDepth: 5,
    };
    for (const [option, value] of Object.entries(wrong)) {
      assert.throws(() => new EtherConn(MAC, relay, [], { [option]: value } as never), OptionError, option);
    }
    for (const vlans of [5, [1, 2, 3], [{ id: 1, pcp: 8 }], [{ vid: 1 }], [{ id: 1, tpid: 0x9100 }]]) {
      assert.throws(() => new EtherConn(MAC, relay, [], { vlans: vlans as never }), OptionError);
    }
    assert.throws(() => new EtherConn(MAC, relay, [0x100]), { option: 'etherType' });
    assert.throws(() => new EtherConn(MAC, {} as never), { option: 'relay' });
    assert.equal(relay.stats().registrations, 0);
  });

  it('close frees the registration', async (t) => {
    const { relay } = open(t);
    const conn = new EtherConn(MAC, relay);
    await conn.close();
    await conn.close();
    assert.equal(relay.stats().registrations, 0);
    relay.register([L2EndpointKey.of(MAC, 0x0800)], { exclusive: true });
  });
});
