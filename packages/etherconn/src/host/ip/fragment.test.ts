import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allocateFrameMemory } from '../../link/frame-memory.ts';
import { CollectingSender } from '../../test-support/collecting-sender.ts';
import { frames, hex, parsed } from '../../test-support/frames.ts';
import { pcapOf } from '../../test-support/pcap-of.ts';
import { tsharkFields, tsharkMissing } from '../../test-support/tshark.ts';
import { buildUdpFrame } from '../../wire/build.ts';
import { emitEthernet } from '../../wire/ethernet.ts';
import {
  emitIpv4,
  ipv4FragmentOffset,
  ipv4HeaderLength,
  ipv4Id,
  ipv4MoreFragments,
  verifyIpv4Header,
} from '../../wire/ipv4.ts';
import { findIpv6Extension, ipv6FragmentId, ipv6FragmentOffset, ipv6MoreFragments } from '../../wire/ipv6.ts';
import { parseMac } from '../../wire/mac.ts';
import { IpProtocol } from '../../wire/protocol.ts';
import { FragmentResult, sendFragments } from './fragment.ts';

const MACS = { sourceMac: '02:00:00:00:00:01', destinationMac: '02:00:00:00:00:02' };
const PORTS = { sourcePort: 7, destinationPort: 9 };
const V4 = { source: '10.0.0.1', destination: '10.0.0.2' };
const V6 = { source: '2001:db8::1', destination: '2001:db8::2' };

function send(sender: CollectingSender, frame: Uint8Array, mtu: number, identification = 1): number {
  const memory = allocateFrameMemory((frame.length + 5) & ~3);
  memory.u8.set(frame, 2);
  const { l3 } = parsed(memory.u8, 2, frame.length);
  return sendFragments(sender, memory, 2, l3, 2 + frame.length, mtu, identification);
}

function payload(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => i * 7 + (i >> 8));
}

test('IPv4: pieces of multiples of 8 bytes, with offsets, flags and good checksums', () => {
  const sender = new CollectingSender();
  const frame = buildUdpFrame({ ...MACS, ...V4, ...PORTS, payload: payload(3000) });
  assert.equal(send(sender, frame, 1500, 0xbeef), 3);
  const data: number[] = [];
  for (const [index, one] of sender.sent.entries()) {
    assert.ok(one.length <= 1514);
    assert.ok(verifyIpv4Header(one, 14));
    assert.equal(ipv4Id(one, 14), 0xbeef);
    assert.equal(ipv4FragmentOffset(one, 14), data.length);
    assert.equal(ipv4MoreFragments(one, 14), index < 2);
    assert.equal(parsed(one).error, 0);
    data.push(...one.subarray(34));
  }
  assert.deepEqual(Uint8Array.from(data), frame.subarray(34));
});

test('IPv6: a fragment header behind the fixed one', () => {
  const sender = new CollectingSender();
  const frame = buildUdpFrame({ ...MACS, ...V6, ...PORTS, payload: payload(3000) });
  assert.equal(send(sender, frame, 1280, 0xdeadbeef), 3);
  const data: number[] = [];
  for (const [index, one] of sender.sent.entries()) {
    const record = parsed(one);
    assert.ok(one.length <= 1294);
    assert.equal(record.error, 0);
    assert.equal(record.protocol, IpProtocol.UDP);
    const header = findIpv6Extension(one, record, IpProtocol.FRAGMENT);
    assert.equal(header, 54);
    assert.equal(ipv6FragmentId(one, header), 0xdeadbeef);
    assert.equal(ipv6FragmentOffset(one, header), data.length);
    assert.equal(ipv6MoreFragments(one, header), index < 2);
    data.push(...one.subarray(62));
  }
  assert.deepEqual(Uint8Array.from(data), frame.subarray(54));
});

test('IPv6: headers for every hop are in every fragment, destination options are cut like data', () => {
  // The destination options of the sample stand behind its hop-by-hop options.
  const long = new Uint8Array(frames.udp6Extensions.length + 1000);
  long.set(frames.udp6Extensions);
  long.set(hex('040b'), 18);
  const sender = new CollectingSender();
  assert.equal(send(sender, long, 300), 5);
  for (const one of sender.sent) {
    const record = parsed(one);
    assert.equal(record.l3End, one.length);
    assert.deepEqual(one.subarray(54, 62), Uint8Array.from([IpProtocol.FRAGMENT, ...long.subarray(55, 62)]));
    assert.equal(findIpv6Extension(one, record, IpProtocol.FRAGMENT), 62);
    assert.equal(one[62], IpProtocol.DESTINATION_OPTIONS);
  }
});

test('tags stay, and a packet that fits goes out as it is', () => {
  const frame = buildUdpFrame({ ...MACS, ...V4, ...PORTS, vlans: [{ id: 5 }], payload: payload(1472) });
  const whole = new CollectingSender();
  assert.equal(send(whole, frame, 1500), 1);
  assert.deepEqual(whole.sent, [frame]);
  const cut = new CollectingSender();
  assert.equal(send(cut, frame, 1499), 2);
  for (const one of cut.sent) assert.equal(parsed(one).vlanKey, (1 << 24) | 5);
});

/** A UDP packet with 20 bytes of options: record route (not copied), router alert (copied), no-operation. */
function frameWithOptions(): Uint8Array {
  const frame = new Uint8Array(14 + 40 + 400);
  emitEthernet(frame, 0, {
    destination: parseMac('02:00:00:00:00:02'),
    source: parseMac('02:00:00:00:00:01'),
    etherType: 0x0800,
  });
  emitIpv4(frame, 14, {
    source: Uint8Array.of(10, 0, 0, 1),
    destination: Uint8Array.of(10, 0, 0, 2),
    protocol: 253,
    payloadLength: 400,
    options: hex('07 0b 04 00000000 00000000 94 04 0000 01 00000000'),
  });
  return frame;
}

test('IPv4 options: those that are not to be copied are in the first fragment only', () => {
  const sender = new CollectingSender();
  assert.equal(send(sender, frameWithOptions(), 200), 3);
  assert.deepEqual(
    sender.sent.map((one) => ipv4HeaderLength(one, 14)),
    [40, 24, 24],
  );
  for (const one of sender.sent) assert.ok(verifyIpv4Header(one, 14));
  assert.deepEqual(sender.sent[1]!.subarray(34, 38), hex('94040000'));
});

test("don't fragment, and an MTU that holds no data", () => {
  const sender = new CollectingSender();
  const frame = frameWithOptions();
  frame[20] = 0x40;
  assert.equal(send(sender, frame, 200), FragmentResult.DONT_FRAGMENT);
  frame[20] = 0;
  assert.equal(send(sender, frame, 47), FragmentResult.MTU_TOO_SMALL);
  const six = buildUdpFrame({ ...MACS, ...V6, ...PORTS, payload: payload(100) });
  assert.equal(send(sender, six, 55), FragmentResult.MTU_TOO_SMALL);
  assert.equal(sender.sent.length, 0);
});

test('all fragments or none', () => {
  const sender = new CollectingSender(2);
  const frame = buildUdpFrame({ ...MACS, ...V4, ...PORTS, payload: payload(3000) });
  assert.equal(send(sender, frame, 1500), FragmentResult.NO_ROOM);
  assert.equal(sender.sent.length, 0);
  assert.equal(sender.cancelled, 2);
  assert.equal(send(new CollectingSender(0), frame, 4000), FragmentResult.NO_ROOM);
});

test('fragments of fragments keep their places', () => {
  const frame = buildUdpFrame({ ...MACS, ...V4, ...PORTS, payload: payload(3000) });
  const once = new CollectingSender();
  send(once, frame, 1500, 3);
  const twice = new CollectingSender();
  for (const one of once.sent) send(twice, one, 600, 3);
  const direct = [...twice.sent].sort((a, b) => ipv4FragmentOffset(a, 14) - ipv4FragmentOffset(b, 14));
  let at = 0;
  for (const one of direct) {
    assert.equal(ipv4FragmentOffset(one, 14), at);
    assert.equal(ipv4MoreFragments(one, 14), one !== direct.at(-1));
    at += one.length - 34;
  }
  assert.equal(at, 3008);
});

test('tshark puts them together to the same datagram', { skip: tsharkMissing }, () => {
  for (const addresses of [V4, V6]) {
    const sender = new CollectingSender(64);
    const max = addresses === V4 ? 65_507 : 65_527;
    const frame = buildUdpFrame({ ...MACS, ...addresses, ...PORTS, payload: payload(max) });
    assert.ok(send(sender, frame, 1500, 77) > 40);
    const fields = ['ip.fragment.count', 'ipv6.fragment.count', 'udp.length', 'udp.checksum.status'] as const;
    const rows = tsharkFields(pcapOf(sender.sent), fields, {
      preferences: ['udp.check_checksum:TRUE', 'ip.defragment:TRUE', 'ipv6.defragment:TRUE'],
      protocols: ['eth', 'ethertype', 'ip', 'ipv6', 'ipv6.fraghdr', 'udp', 'data', 'frame'],
    });
    const last = rows.at(-1)!;
    assert.deepEqual(
      [...last['ip.fragment.count'], ...last['ipv6.fragment.count'], ...last['udp.length']],
      [`${sender.sent.length}`, `${max + 8}`],
    );
    assert.deepEqual(last['udp.checksum.status'], ['1']);
  }
});
