import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { FrameFlag } from '../link/link.ts';
import { Relay } from '../relay/relay.ts';
import { FakeLink, type FakeLinkOptions } from '../test-support/fake-link.ts';
import { frames } from '../test-support/frames.ts';
import { TestPort } from '../test-support/hosts.ts';
import { sampleFrames } from '../test-support/sample-frames.ts';
import { VirtualClock } from '../virtual-clock.ts';
import { buildUdpFrame } from '../wire/build.ts';
import { writeU16 } from '../wire/bytes.ts';
import { foldSum, pseudoSum } from '../wire/checksum.ts';
import { IpProtocol } from '../wire/protocol.ts';
import { Host } from './host.ts';

const ADDRESSES = ['10.0.0.2/24', '2001:db8::2/64'];

function open(t: TestContext, options: FakeLinkOptions = {}, addresses: readonly string[] = ADDRESSES) {
  const link = new FakeLink({ clock: new VirtualClock(), ...options });
  const relay = new Relay(link);
  t.after(() => relay.close());
  const host = Host.createNow(relay, {
    mac: '02:00:00:00:00:02',
    addresses,
    detectDuplicates: 'off',
  });
  return { link, host, server: new TestPort(host, { version: 6 }).bind('', 53) };
}

/** What has come in, and what has become of it. */
function ledger(host: Host): [number, number] {
  const s = host.stats();
  const dropped = s.truncated + s.malformed + s.martian + s.notOurs + s.notMember + s.badChecksum + s.noPort;
  const taken =
    s.fragments + s.arp + s.neighborDiscovery + s.icmp + s.groupMessages + s.udp + s.claimed + s.tcp;
  return [s.received + s.receivedLocally + s.reassembled, dropped + taken + s.noProtocol + s.badOptions];
}

/** The same datagram with a checksum that is left to hardware. */
function partial(): Uint8Array {
  const frame = frames.udp4.slice();
  writeU16(frame, 40, foldSum(pseudoSum(frame, 4, 26, 30, IpProtocol.UDP, 13)));
  return frame;
}

describe('what a host receives', () => {
  it('goes to its ports, padding cut off', (t) => {
    const { link, host, server } = open(t);
    link.deliver([frames.udp4, frames.udp4Padded, frames.udp6, frames.udp6Extensions, frames.udp6Atomic]);
    assert.deepEqual(server.user.texts.slice(0, 3), ['hello', 'hello', 'hello']);
    assert.equal(host.stats().noPort, 2);
    const [came, accounted] = ledger(host);
    assert.equal(came, accounted);
  });

  it('is dropped when its end is missing, whatever it is', async (t) => {
    const { link, host, server } = open(t);
    await turn();
    const before = link.sent.length;
    link.deliver([frames.udp4, frames.arpRequest, frames.icmpv4Echo], FrameFlag.TRUNCATED);
    assert.equal(host.stats().truncated, 3);
    assert.deepEqual([server.user.taken.length, link.sent.length], [0, before]);
  });

  it('may have a partial checksum where the link says so, and only there', (t) => {
    const strict = open(t);
    strict.link.deliver([partial()]);
    assert.deepEqual([strict.server.user.taken.length, strict.host.stats().badChecksum], [0, 1]);
    strict.link.deliver([partial()], FrameFlag.CHECKSUM_PARTIAL);
    assert.deepEqual([strict.server.user.taken.length, strict.host.stats().partialChecksum], [1, 1]);
    const veth = open(t, { partialChecksums: true });
    veth.link.deliver([partial(), frames.udp4]);
    assert.deepEqual([veth.server.user.taken.length, veth.host.stats().partialChecksum], [2, 1]);
    const wrong = partial();
    wrong[41] ^= 1;
    veth.link.deliver([wrong]);
    assert.equal(veth.host.stats().badChecksum, 1);
    veth.link.deliver([wrong], FrameFlag.CHECKSUM_VALID);
    assert.equal(veth.server.user.taken.length, 3);
  });

  it('comes in one batch per wake-up', (t) => {
    const { link, server } = open(t);
    link.deliver([frames.udp4, frames.udp6, frames.udp4]);
    assert.deepEqual(
      server.user.batches.map((batch) => batch.length),
      [3],
    );
  });

  it('is not answered by who is no member of its group', async (t) => {
    const { link } = open(t);
    await turn();
    const group = buildUdpFrame({
      sourceMac: '02:00:00:00:00:01',
      destinationMac: '01:00:5e:00:00:fb',
      source: '10.0.0.1',
      destination: '224.0.0.251',
      sourcePort: 5353,
      destinationPort: 5353,
      payload: 'x',
    });
    const before = link.sent.length;
    link.deliver([group]);
    assert.equal(link.sent.length, before);
  });

  it('comes from nobody, to one: dropped, as an answer to it would go to ourselves', (t) => {
    const { link, host, server } = open(t);
    const from = (source: string, destination: string) =>
      buildUdpFrame({
        sourceMac: '02:00:00:00:00:01',
        destinationMac: '02:00:00:00:00:02',
        source,
        destination,
        sourcePort: 53,
        destinationPort: 53,
        payload: 'x',
      });
    const [four, six] = ADDRESSES.map((address) => address.split('/')[0]);
    link.deliver([from('0.0.0.0', four), from('::', six)]);
    assert.deepEqual([host.stats().martian, server.user.taken.length], [2, 0]);
    link.deliver([from('0.0.0.0', '255.255.255.255')]);
    assert.equal(server.user.taken.length, 1, 'who has no address yet asks all');
    const [came, accounted] = ledger(host);
    assert.equal(came, accounted);
  });

  it('goes to all hosts: every port hears it, without having joined', (t) => {
    const { link, host, server } = open(t);
    const bound = new TestPort(host, { reuseAddr: true });
    const to = (destination: string, destinationMac: string) =>
      buildUdpFrame({
        sourceMac: '02:00:00:00:00:01',
        destinationMac,
        source: destination.includes(':') ? 'fe80::1' : '10.0.0.1',
        destination,
        sourcePort: 1,
        destinationPort: 53,
        payload: destination,
      });
    const groups = [to('224.0.0.1', '01:00:5e:00:00:01'), to('ff02::1', '33:33:00:00:00:01')];
    link.deliver([...groups, to('ff02::7:0:0:1', '33:33:00:00:00:01')]);
    // As on Linux, a dual stack port hears groups of IPv6 only, unless it has joined others.
    assert.deepEqual(server.user.texts, ['ff02::1']);
    assert.equal(host.stats().notMember, 2);
    server.port.close();
    const server4 = new TestPort(host).bind('', 53);
    link.deliver(groups);
    assert.deepEqual(server4.user.texts, ['224.0.0.1']);
    bound.port.close();
  });

  it('is whatever it wants: nothing is thrown, and every frame is accounted for', (t) => {
    const samples = [...sampleFrames().map(({ bytes }) => bytes), ...Object.values(frames)];
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(
            fc.nat(samples.length - 1),
            fc.array(fc.tuple(fc.nat(120), fc.nat(255)), { maxLength: 6 }),
            fc.nat(90),
          ),
          { minLength: 1, maxLength: 20 },
        ),
        (choices) => {
          const { link, host } = open(t, {}, [...ADDRESSES, '10.9.8.7/8', 'fe80::1234:0:0:1/64']);
          const batch = choices.map(([index, changes, cut]) => {
            const frame = samples[index].slice(0, cut < 60 ? undefined : cut);
            for (const [at, value] of changes) if (at < frame.length) frame[at] = value;
            return frame;
          });
          link.deliver(batch.filter(({ length }) => length >= 14));
          const [came, accounted] = ledger(host);
          assert.equal(came, accounted);
          void host.close();
        },
      ),
      { numRuns: 300 },
    );
  });
});
