import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ChecksumState,
  Dhcpv4Option,
  Dhcpv4Type,
  FrameRecord,
  formatMac,
  parseDhcpv4,
  parseFrame,
  transportChecksumState,
  verifyIpv4Header,
} from 'etherconn/wire';
import { parseMacRange, parseVlanRange } from '../scenario/range.ts';
import { addressNumber } from './address-number.ts';
import { ClientFrames, type ClientMessage } from './client-frames.ts';
import { parseClientOption } from './client-options.ts';
import { Members } from './fleet-plan.ts';

const MESSAGE: ClientMessage = {
  type: Dhcpv4Type.DISCOVER,
  xid: 0xdeadbeef,
  since: 0,
  clientAddress: 0,
  requestedAddress: 0,
  serverId: 0,
  to: 0,
  macs: Uint8Array.of(0, 0, 2, 0xfe, 0, 0, 0, 9),
  macAt: 2,
};

for (const options of [[], ['60=etherconn'], ['82=1:port-{n}', '12=host-{mac}']]) {
  test(`frames of any order of messages say what they are to say, with options ${options}`, () => {
    const members = new Members({
      clients: 6,
      mac: parseMacRange('', '02:00:00:00:00:f8+6'),
      vlan: parseVlanRange('', '7.100-102'),
    });
    const frames = new ClientFrames(
      members,
      options.map((text) => parseClientOption('', text)),
      true,
    );
    const messages: Partial<ClientMessage>[] = [
      {},
      { type: Dhcpv4Type.REQUEST, requestedAddress: 0x0a000001, serverId: 0xc0a80101, since: 2500 },
      { type: Dhcpv4Type.REQUEST, clientAddress: 0x0afffffe, to: 0xc0a80101, since: 1e9 },
      { type: Dhcpv4Type.REQUEST, clientAddress: 0x0a000003 },
      { type: Dhcpv4Type.DECLINE, requestedAddress: 0xffffff01, serverId: 0x01020304 },
      { type: Dhcpv4Type.RELEASE, clientAddress: 0x0a000005, serverId: 0xc0a80101, to: 0xc0a80101 },
    ];
    for (let i = 0; i < 60; i++) {
      const n = (i * 5) % 6;
      const wanted = { ...MESSAGE, xid: (i * 0x9e3779b1) >>> 0, ...messages[(i * 7 + (i >> 3)) % 6] };
      check(members, n, wanted, frames.frame(n, wanted), options);
    }
  });
}

function check(
  members: Members,
  n: number,
  wanted: ClientMessage,
  frame: Uint8Array,
  options: readonly string[],
) {
  const record = new FrameRecord();
  parseFrame(frame, 0, frame.length, record);
  assert.equal(record.error, 0);
  assert.equal(frame.length, record.l3End);
  assert.ok(verifyIpv4Header(frame, record.l3));
  assert.equal(transportChecksumState(frame, record), ChecksumState.GOOD);
  const mac = members.macText(n);
  assert.equal(formatMac(frame, 6), mac);
  assert.equal(formatMac(frame), wanted.to === 0 ? 'ff:ff:ff:ff:ff:ff' : '02:fe:00:00:00:09');
  assert.deepEqual([record.sourcePort, record.destinationPort], [68, 67]);
  assert.equal(addressNumber(frame, record.ipSource), wanted.clientAddress);
  assert.equal(addressNumber(frame, record.ipDestination), wanted.to === 0 ? 0xffffffff : wanted.to);
  const message = parseDhcpv4(frame, record.payload, record.payloadEnd)!;
  const asks = wanted.type === Dhcpv4Type.DISCOVER || wanted.type === Dhcpv4Type.REQUEST;
  assert.deepEqual(
    [message.op, message.xid, message.secs, formatMac(message.hardwareAddress), message.broadcast],
    [
      1,
      wanted.xid,
      Math.min(0xffff, Math.floor(wanted.since / 1000)),
      mac,
      asks && wanted.clientAddress === 0,
    ],
  );
  assert.equal(addressNumber(message.clientAddress), wanted.clientAddress);
  const value = (code: number): number => {
    const bytes = message.options.get(code);
    return bytes === undefined ? 0 : addressNumber(bytes);
  };
  assert.equal(message.options.get(Dhcpv4Option.MESSAGE_TYPE)![0], wanted.type);
  assert.equal(value(Dhcpv4Option.REQUESTED_ADDRESS), wanted.requestedAddress);
  assert.equal(value(Dhcpv4Option.SERVER_ID), wanted.serverId);
  const text = (code: number): string => Buffer.from(message.options.get(code) ?? []).toString('latin1');
  if (options.length === 1) assert.equal(text(60), 'etherconn');
  if (options.length === 2) {
    assert.equal(text(82), `\x01\x06port-${n}`);
    assert.equal(text(12), `host-${mac}`);
  }
  const vlan = members.vlanText(n).split('.');
  assert.deepEqual([(frame[14] << 8) | frame[15], (frame[18] << 8) | frame[19]], vlan.map(Number));
}
