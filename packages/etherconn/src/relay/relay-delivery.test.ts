import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { EtherConn } from '../conn/ether-conn.ts';
import type { EthernetOptions } from '../conn/ethernet-endpoint.ts';
import { OptionError } from '../errors.ts';
import { FakeLink } from '../test-support/fake-link.ts';
import { emitEthernet } from '../wire/ethernet.ts';
import { Relay } from './relay.ts';

const MAC = '02:00:00:00:00:01';
const BROADCAST = 'ff:ff:ff:ff:ff:ff';

function open(t: TestContext): { link: FakeLink; relay: Relay } {
  const link = new FakeLink();
  const relay = new Relay(link);
  t.after(() => relay.close());
  return { link, relay };
}

function bytesOf(mac: string): Uint8Array {
  return Uint8Array.from(mac.split(':'), (byte) => Number.parseInt(byte, 16));
}

/** A frame with an Ethernet header, tags and a payload of 46 bytes. */
function frame(
  destination: string,
  etherType: number,
  vlans: readonly number[] = [],
  tpid = 0x8100,
): Uint8Array {
  const u8 = new Uint8Array(14 + 4 * vlans.length + 46);
  emitEthernet(u8, 0, {
    destination: bytesOf(destination),
    source: bytesOf('02:00:00:00:00:99'),
    vlans: vlans.map((id) => ({ id, tpid })),
    etherType,
  });
  return u8;
}

function conn(relay: Relay, etherTypes: number[], options: EthernetOptions = {}, mac = MAC): EtherConn {
  return new EtherConn(mac, relay, etherTypes, options);
}

/** How many packets each conn has got. */
function counts(...conns: EtherConn[]): number[] {
  return conns.map((one) => one.stats().enqueued);
}

describe('relay delivery', () => {
  it('goes by MAC address, EtherType and VLANs', (t) => {
    const { link, relay } = open(t);
    const ip = conn(relay, [0x0800]);
    const arp = conn(relay, [0x0806]);
    const tagged = conn(relay, [0x0800], { vlans: [5] });
    const stacked = conn(relay, [0x0800], { vlans: [5, 6] });
    const other = conn(relay, [0x0800], {}, '02:00:00:00:00:02');
    link.deliver([
      frame(MAC, 0x0800),
      frame(MAC, 0x0806),
      frame(MAC, 0x0806),
      frame(MAC, 0x0800, [5]),
      frame(MAC, 0x0800, [5, 6]),
      frame(MAC, 0x0800, [5, 6], 0x88a8),
      frame(MAC, 0x0800, [6, 5]),
      frame(MAC, 0x86dd),
      frame(MAC, 0x0800, [6]),
    ]);
    assert.deepEqual(counts(ip, arp, tagged, stacked, other), [1, 2, 1, 2, 0]);
    assert.equal(relay.stats().noEndpoint, 3);
  });

  it('takes a priority tag as no tag', (t) => {
    const { link, relay } = open(t);
    const plain = conn(relay, [0x0800]);
    const tagged = conn(relay, [0x0800], { vlans: [5] });
    link.deliver([frame(MAC, 0x0800, [0]), frame(MAC, 0x0800, [0, 5]), frame(MAC, 0x0800, [5, 0])]);
    assert.deepEqual(counts(plain, tagged), [1, 2]);
  });

  it('three tags never match one or two', (t) => {
    const { link, relay } = open(t);
    const conns = [conn(relay, [0x0800]), conn(relay, [0x0800], { vlans: [5] })];
    conns.push(conn(relay, [0x0800], { vlans: [5, 6] }), conn(relay, [0x0800], { vlans: [6, 7] }));
    link.deliver([frame(MAC, 0x0800, [5, 6, 7]), frame(MAC, 0x0800, [5, 5, 5])]);
    assert.deepEqual(counts(...conns), [0, 0, 0, 0]);
    assert.equal(relay.stats().noEndpoint, 2);
  });

  it('refuses a group MAC address as endpoint', (t) => {
    const { relay } = open(t);
    assert.throws(() => conn(relay, [0x0800], {}, BROADCAST), OptionError);
    assert.throws(() => conn(relay, [0x0800], {}, '01:00:5e:00:00:01'), { option: 'mac' });
  });

  it('gives group frames to each listener once, by VLANs and EtherType', (t) => {
    const { link, relay } = open(t);
    const listen = { receiveMulticast: true };
    const a = conn(relay, [0x0800, 0x0806], listen);
    const b = conn(relay, [0x0800], listen, '02:00:00:00:00:02');
    const tagged = conn(relay, [0x0800], { ...listen, vlans: [5] }, '02:00:00:00:00:03');
    const deaf = conn(relay, [0x0800], {}, '02:00:00:00:00:04');
    link.deliver([
      frame(BROADCAST, 0x0800),
      frame('01:00:5e:00:00:01', 0x0806),
      frame(BROADCAST, 0x0800, [5]),
    ]);
    link.deliver([frame(BROADCAST, 0x86dd), frame(BROADCAST, 0x0800, [5, 6])]);
    assert.deepEqual(counts(a, b, tagged, deaf), [2, 1, 1, 0]);
    const { deliveredGroup, groupCopies, noListener } = relay.stats();
    assert.deepEqual(
      { deliveredGroup, groupCopies, noListener },
      { deliveredGroup: 3, groupCopies: 4, noListener: 2 },
    );
    void a.close();
    link.deliver([frame(BROADCAST, 0x0800)]);
    assert.deepEqual(counts(a, b), [2, 2]);
  });

  it('gives a group frame once to a registration with several MAC addresses', (t) => {
    const { link, relay } = open(t);
    const two = new EtherConn(MAC, relay, [0x0800]).localAddr().getKey();
    const other = new EtherConn('02:00:00:00:00:02', relay, [0x0800]).localAddr().getKey();
    let got = 0;
    relay.register([two, other], { multicast: true }).receive(() => got++);
    link.deliver([frame(BROADCAST, 0x0800)]);
    assert.equal(got, 1);
  });

  it("role 'default' gets what nobody wants, role 'mirror' a copy of everything", (t) => {
    const { link, relay } = open(t);
    const owner = conn(relay, [0x0800]);
    const rest = conn(relay, [], { role: 'default' }, '02:00:00:00:00:02');
    const arpRest = conn(relay, [0x0806], { role: 'default' }, '02:00:00:00:00:02');
    const mirror = conn(relay, [], { role: 'mirror' }, '02:00:00:00:00:03');
    link.deliver([
      frame(MAC, 0x0800),
      frame('02:00:00:00:00:77', 0x0800),
      frame('02:00:00:00:00:77', 0x0806, [1, 2, 3]),
      frame(BROADCAST, 0x0806),
    ]);
    assert.deepEqual(counts(owner, rest, arpRest, mirror), [1, 2, 1, 3]);
    const { delivered, deliveredDefault, noListener, mirrored } = relay.stats();
    assert.deepEqual(
      { delivered, deliveredDefault, noListener, mirrored },
      {
        delivered: 1,
        deliveredDefault: 2,
        noListener: 1,
        mirrored: 3,
      },
    );
  });

  it('default and mirror conns hear group frames when they ask for them', (t) => {
    const { link, relay } = open(t);
    const rest = conn(relay, [], { role: 'default', receiveMulticast: true });
    const mirror = conn(relay, [], { role: 'mirror', receiveMulticast: true });
    const listener = conn(relay, [0x0800], { receiveMulticast: true });
    link.deliver([frame(BROADCAST, 0x0800), frame(BROADCAST, 0x0806)]);
    assert.deepEqual(counts(rest, mirror, listener), [1, 2, 1]);
  });

  it('a catch-all conn says all VLANs of a packet, more than two as well', async (t) => {
    const { link, relay } = open(t);
    const mirror = conn(relay, [], { role: 'mirror' });
    link.deliver([frame(MAC, 0x0800, [1, 2, 3])]);
    assert.deepEqual((await mirror.readPacket()).remote.vlans, [1, 2, 3]);
  });

  it('counts frames that are not whole as malformed', (t) => {
    const { link, relay } = open(t);
    const mirror = conn(relay, [], { role: 'mirror' });
    link.deliver([frame(MAC, 0x0800, [5]).subarray(0, 16), frame(MAC, 0x0800).subarray(0, 14)]);
    assert.equal(relay.stats().malformed, 1);
    assert.equal(relay.stats().noEndpoint, 1);
    assert.deepEqual(counts(mirror), [2]);
  });

  it('frames of IEEE 802.3 reach no endpoint but a default conn', async (t) => {
    const { link, relay } = open(t);
    const rest = conn(relay, [], { role: 'default' });
    link.deliver([frame(MAC, 10)]);
    const { data, remote } = await rest.readPacket();
    assert.equal(data.length, 10);
    assert.equal(remote.ethernetType, 0);
  });
});
