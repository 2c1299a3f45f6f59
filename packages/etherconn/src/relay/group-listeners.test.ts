import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { Station } from '../link/link.ts';
import { FakeLink } from '../test-support/fake-link.ts';
import { frames, hex, parsed } from '../test-support/frames.ts';
import { EtherType } from '../wire/ethertype.ts';
import type { FrameReceiver } from './frame-receiver.ts';
import { groupSelector } from './group-selector.ts';
import type { RelayRegistration } from './registration.ts';
import { Relay } from './relay.ts';

class CountingReceiver implements FrameReceiver {
  frames = 0;

  frame(): void {
    this.frames++;
  }

  keyReplaced(): void {}
  relayStopped(): void {}
}

const { ARP, IPV4, IPV6 } = EtherType;
/** Who has 10.0.0.2? Tell 10.0.0.1. */
const TARGET = 0x0a000002;
const ANNOUNCEMENT = hex(`
  ffffffff ffff0200 00000001 08060001 08000604 00010200 00000001 0a000001 00000000 00000a00 0001
`);
const MDNS = hex(`
  01005e00 00fb0200 00000001 08004500 00210007 00004011 00000a00 0001e000 00fb14e9 14e9000d 00006865 6c6c6f
`);

/** From 10.0.0.1 to 255.255.255.255, port 7; and what makes it the first fragment, or a message of ICMP. */
const UDP_BROADCAST = hex(`
  ffffffff ffff0200 00000001 08004500 001d0001 00004011 70d00a00 0001ffff ffff0009 00070009 000061
`);
const UDP_FRAGMENT = changed(UDP_BROADCAST, 20, 0x20);
const PING_BROADCAST = changed(UDP_BROADCAST, 23, 1);

function changed(frame: Uint8Array, at: number, byte: number): Uint8Array {
  const copy = Uint8Array.from(frame);
  copy[at] = byte;
  return copy;
}

describe('groupSelector', () => {
  const selector = (frame: Uint8Array) => groupSelector(frame, parsed(frame)) >>> 0;

  it('of an ARP request is the address asked for', () => {
    assert.equal(selector(frames.arpRequest), TARGET);
  });

  it('of an IP multicast frame is the end of the MAC address', () => {
    assert.equal(selector(frames.neighborSolicitation), 0xff000002);
    assert.equal(selector(frames.routerAdvertisement), 1);
    assert.equal(selector(MDNS), 0x5e0000fb);
  });

  it('of all others is 0', () => {
    const reply = Uint8Array.from(frames.arpReply);
    reply.fill(0xff, 0, 6);
    const broadcast = Uint8Array.from(frames.udp4);
    broadcast.fill(0xff, 0, 6);
    const list = [ANNOUNCEMENT, reply, broadcast, frames.arpRequest.subarray(0, 40), frames.length8023];
    for (const frame of list) assert.equal(selector(frame), 0);
  });
});

describe('selecting group frames', () => {
  function open(t: TestContext) {
    const link = new FakeLink();
    const relay = new Relay(link);
    t.after(() => relay.close());
    const receivers: CountingReceiver[] = [];
    const listen = (macLow: number, multicast = true): RelayRegistration => {
      const station: Station = { macHigh: 0x02000000, macLow, vlanKey: 0, etherTypes: [ARP, IPV4, IPV6] };
      const registration = relay.addEndpoint([station], multicast, false);
      const receiver = new CountingReceiver();
      receivers.push(receiver);
      registration.receiver = receiver;
      return registration;
    };
    const counts = () => receivers.map((receiver) => receiver.frames);
    return { link, relay, listen, counts };
  }

  it('an ARP request goes to who has selected its target, and to who selects nothing', (t) => {
    const { link, relay, listen, counts } = open(t);
    const [one, two] = [listen(0x101), listen(0x102)];
    listen(0x103);
    relay.selectGroups(one, ARP, [TARGET]);
    relay.selectGroups(two, ARP, [TARGET + 1, TARGET + 2]);
    link.deliver([frames.arpRequest]);
    assert.deepEqual(counts(), [1, 0, 1]);
    link.deliver([ANNOUNCEMENT]);
    assert.deepEqual(counts(), [2, 1, 2]);
    // Other EtherTypes are not concerned.
    link.deliver([frames.neighborSolicitation]);
    assert.deepEqual(counts(), [3, 2, 3]);
    const { received, deliveredGroup, groupCopies } = relay.stats();
    assert.deepEqual(
      { received, deliveredGroup, groupCopies },
      { received: 3, deliveredGroup: 3, groupCopies: 8 },
    );
  });

  it('what nobody has selected goes to the default receivers, or is counted', (t) => {
    const { link, relay, listen, counts } = open(t);
    relay.selectGroups(listen(0x101), ARP, []);
    link.deliver([frames.arpRequest]);
    assert.deepEqual(counts(), [0]);
    assert.equal(relay.stats().noListener, 1);
  });

  it('multicast groups are selected by their MAC address', (t) => {
    const { link, relay, listen, counts } = open(t);
    const one = listen(0x101);
    relay.selectGroups(one, IPV6, [0xff000002]);
    relay.selectGroups(one, IPV4, [0x5e0000fa]);
    link.deliver([frames.neighborSolicitation, frames.routerAdvertisement, MDNS]);
    assert.deepEqual(counts(), [1]);
  });

  it('a later selection replaces the earlier; null takes it back; closing forgets it', (t) => {
    const { link, relay, listen, counts } = open(t);
    const one = listen(0x101);
    const two = listen(0x102);
    relay.selectGroups(one, ARP, [TARGET]);
    relay.selectGroups(one, ARP, [TARGET + 1]);
    relay.selectGroups(two, ARP, [TARGET]);
    link.deliver([frames.arpRequest]);
    assert.deepEqual(counts(), [0, 1]);
    relay.selectGroups(one, ARP, null);
    two.close();
    link.deliver([frames.arpRequest]);
    assert.deepEqual(counts(), [1, 1]);
    relay.selectGroups(two, ARP, null);
    link.deliver([frames.arpRequest]);
    assert.deepEqual(counts(), [2, 1]);
    one.close();
    link.deliver([frames.arpRequest]);
    assert.equal(relay.stats().noListener, 1);
  });

  it('a selection grows and shrinks one by one', (t) => {
    const { link, relay, listen, counts } = open(t);
    const one = listen(0x101);
    relay.selectGroups(one, ARP, [TARGET + 1]);
    relay.selectGroup(one, ARP, TARGET, true);
    link.deliver([frames.arpRequest, ANNOUNCEMENT]);
    assert.deepEqual(counts(), [2]);
    relay.selectGroup(one, ARP, TARGET, false);
    relay.selectGroup(one, ARP, TARGET + 9, false);
    link.deliver([frames.arpRequest, ANNOUNCEMENT]);
    assert.deepEqual(counts(), [3]);
    // Who has selected nothing hears all anyway.
    relay.selectGroups(one, ARP, null);
    relay.selectGroup(one, ARP, TARGET, false);
    link.deliver([frames.arpRequest]);
    assert.deepEqual(counts(), [4]);
  });

  it('makes nobody a listener who does not receive group frames', (t) => {
    const { link, relay, listen, counts } = open(t);
    listen(0x101);
    relay.selectGroups(listen(0x102, false), ARP, [TARGET]);
    link.deliver([frames.arpRequest]);
    assert.deepEqual(counts(), [1, 0]);
  });

  it('a key taken over does not hear any more', (t) => {
    const { link, relay, listen, counts } = open(t);
    relay.selectGroups(listen(0x101), ARP, [TARGET]);
    listen(0x101);
    link.deliver([frames.arpRequest]);
    assert.deepEqual(counts(), [0, 1]);
  });

  it('a UDP broadcast goes to who has its port, and to who selects nothing', (t) => {
    const { link, relay, listen, counts } = open(t);
    const [one, two] = [listen(0x101), listen(0x102)];
    listen(0x103);
    for (const registration of [one, two]) relay.selectGroups(registration, IPV4, []);
    relay.listenToPort(one, 7, true);
    relay.listenToPort(two, 8, true);
    link.deliver([UDP_BROADCAST]);
    assert.deepEqual(counts(), [1, 0, 1]);
    relay.listenToPort(two, 7, true);
    link.deliver([UDP_BROADCAST]);
    assert.deepEqual(counts(), [2, 1, 2]);
    relay.listenToPort(one, 7, false);
    link.deliver([UDP_BROADCAST]);
    assert.deepEqual(counts(), [2, 2, 3]);
    // A fragment has no port that could be relied on, and other protocols have none.
    link.deliver([UDP_FRAGMENT, PING_BROADCAST]);
    assert.deepEqual(counts(), [4, 4, 5]);
  });

  it('a UDP broadcast that nobody has the port of is counted; a key taken over does not hear it', (t) => {
    const { link, relay, listen, counts } = open(t);
    const one = listen(0x101);
    relay.selectGroups(one, IPV4, []);
    link.deliver([UDP_BROADCAST]);
    assert.equal(relay.stats().noListener, 1);
    relay.listenToPort(one, 7, true);
    relay.selectGroups(listen(0x101), IPV4, []);
    link.deliver([UDP_BROADCAST]);
    assert.deepEqual(counts(), [0, 0]);
    assert.equal(relay.stats().noListener, 2);
  });
});
