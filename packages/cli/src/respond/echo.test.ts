import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ARP_LENGTH,
  ArpOperation,
  buildUdpFrame,
  ChecksumState,
  EtherType,
  emitArp,
  emitEthernet,
  FrameRecord,
  formatIp,
  formatMac,
  parseFrame,
  parseIp,
  parseMac,
  printFrame,
  transportChecksumState,
  verifyIpv4Header,
} from 'etherconn/wire';
import { parseAddressRange } from '../scenario/range.ts';
import { AddressSet } from './address-set.ts';
import { EchoMachine } from './echo.ts';

const OWN = parseMac('02:ec:0a:00:00:0a');
const PEER = parseMac('02:00:00:00:00:01');
const set = new AddressSet(['10.0.0.10+1000', 'fd00::10+1000'].map((text) => parseAddressRange('', text)));
const machine = new EchoMachine(OWN, set, true);

function udp(from: string, to: string, vlans: readonly number[] = []): Uint8Array {
  return buildUdpFrame({
    sourceMac: PEER,
    destinationMac: OWN,
    vlans: vlans.map((id) => ({ id })),
    source: parseIp(from),
    destination: parseIp(to),
    sourcePort: 1234,
    destinationPort: 5678,
    payload: new TextEncoder().encode('hello'),
  });
}

function arp(sender: string, target: string): Uint8Array {
  const frame = new Uint8Array(14 + ARP_LENGTH);
  emitEthernet(frame, 0, {
    destination: new Uint8Array(6).fill(0xff),
    source: PEER,
    vlans: [],
    etherType: EtherType.ARP,
  });
  emitArp(frame, 14, {
    operation: ArpOperation.REQUEST,
    senderMac: PEER,
    senderIp: parseIp(sender),
    targetMac: new Uint8Array(6),
    targetIp: parseIp(target),
  });
  return frame;
}

test('datagrams of both versions, tagged or not, come back with a right checksum', () => {
  for (const [from, to, vlans] of [
    ['10.0.0.1', '10.0.3.241', []],
    ['10.0.0.1', '10.0.0.10', [100, 200]],
    ['fd00::1', 'fd00::3f7', [5]],
  ] as const) {
    const answer = machine.answer(udp(from, to, vlans))!;
    const record = new FrameRecord();
    parseFrame(answer, 0, answer.length, record);
    assert.equal(machine.kind, 'udp');
    assert.deepEqual([formatMac(answer, 0), formatMac(answer, 6)], [formatMac(PEER), formatMac(OWN)]);
    const length = record.ipVersion === 4 ? 4 : 16;
    assert.equal(formatIp(answer, record.ipSource, length), to);
    assert.equal(formatIp(answer, record.ipDestination, length), from);
    assert.deepEqual(
      [record.sourcePort, record.destinationPort, record.vlanCount],
      [5678, 1234, vlans.length],
    );
    assert.equal(transportChecksumState(answer, record), ChecksumState.GOOD);
    if (record.ipVersion === 4) assert.ok(verifyIpv4Header(answer, record.l3));
  }
});

test('ARP is answered for each address, announcements are not', () => {
  const answer = machine.answer(arp('10.0.0.1', '10.0.0.77'))!;
  assert.equal(machine.kind, 'arp');
  assert.match(printFrame(answer), /10\.0\.0\.77 is-at 02:ec:0a:00:00:0a/);
  assert.equal(machine.answer(arp('10.0.0.1', '10.0.0.9')), null);
  assert.equal(machine.answer(arp('10.0.0.77', '10.0.0.77')), null);
  assert.notEqual(machine.answer(arp('0.0.0.0', '10.0.0.77')), null, 'a probe finds that it is taken');
});

test('what would be answered without end, or by many, is not', () => {
  for (const [from, to] of [
    ['10.0.0.20', '10.0.0.10'],
    ['224.0.0.1', '10.0.0.10'],
    ['10.0.0.1', '255.255.255.255'],
    ['fd00::20', 'fd00::10'],
    ['fd00::1', 'ff02::1'],
  ] as const) {
    assert.equal(machine.answer(udp(from, to)), null, `${from} > ${to}`);
    assert.equal(machine.kind, 'ignored');
  }
  const group = udp('10.0.0.1', '10.0.0.10');
  group[6] |= 1;
  assert.equal(machine.answer(group), null);
});

test('a server has no echo of datagrams', () => {
  assert.equal(new EchoMachine(OWN, set, false).answer(udp('10.0.0.1', '10.0.0.10')), null);
});

test('no cut or changed frame makes it throw, or answer with more than it got', () => {
  const frames = [
    udp('10.0.0.1', '10.0.0.10', [7]),
    udp('fd00::1', 'fd00::10'),
    arp('10.0.0.1', '10.0.0.77'),
  ];
  for (const frame of frames) {
    for (let length = 0; length <= frame.length; length++) machine.answer(frame.slice(0, length));
    for (let at = 0; at < frame.length; at++) {
      for (const value of [0, 1, 0x7f, 0xff]) {
        const changed = frame.slice();
        changed[at] = value;
        const answer = machine.answer(changed);
        assert.ok(answer === null || answer.length <= Math.max(frame.length, 14 + 8 + 72));
      }
    }
  }
});
