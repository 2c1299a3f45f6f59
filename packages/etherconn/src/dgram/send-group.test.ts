import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Relay } from '../relay/relay.ts';
import { BulkFakeLink } from '../test-support/bulk-fake-link.ts';
import { FakeLink } from '../test-support/fake-link.ts';
import { ArpOperation, emitArp } from '../wire/arp.ts';
import { buildUdpFrame } from '../wire/build.ts';
import { emitEthernet } from '../wire/ethernet.ts';
import { EtherType } from '../wire/ethertype.ts';
import { parseIp } from '../wire/ip.ts';
import { parseMac } from '../wire/mac.ts';
import { Host } from './host.ts';

const MAC = '02:00:00:00:00:01';
const NEIGHBOR = '02:00:00:00:00:02';

/** What the neighbor says when it is asked for its address. */
function arpReply(): Uint8Array {
  const frame = new Uint8Array(60);
  const at = emitEthernet(frame, 0, {
    destination: parseMac(MAC),
    source: parseMac(NEIGHBOR),
    vlans: [],
    etherType: EtherType.ARP,
  });
  emitArp(frame, at, {
    operation: ArpOperation.REPLY,
    senderMac: parseMac(NEIGHBOR),
    senderIp: parseIp('10.0.0.2')!,
    targetMac: parseMac(MAC),
    targetIp: parseIp('10.0.0.1')!,
  });
  return frame;
}

/** A socket that is connected to the neighbor, whose MAC address is known. */
async function open(link: FakeLink) {
  const relay = new Relay(link);
  const host = await Host.create(relay, {
    mac: MAC,
    addresses: ['10.0.0.1/24'],
    detectDuplicates: 'off',
  });
  const socket = host.dgram.createSocket('udp4');
  socket.bind(1000);
  await once(socket, 'listening');
  socket.connect(2000, '10.0.0.2');
  await once(socket, 'connect');
  assert.equal(socket.sendMany([Buffer.from('first')]), 1);
  link.deliver([arpReply()]);
  await turn();
  link.sent.length = 0;
  return { link, relay, host, socket };
}

const payloads = Array.from({ length: 75 }, (_, i) => Buffer.from(`number ${i}`.padEnd(i, '.')));
const EXPECTED = payloads.map((payload) =>
  buildUdpFrame({
    sourceMac: MAC,
    destinationMac: NEIGHBOR,
    source: '10.0.0.1',
    destination: '10.0.0.2',
    sourcePort: 1000,
    destinationPort: 2000,
    payload,
  }),
);

/** The datagrams behind the IPv4 header, with the checksum: it covers the addresses. */
function datagrams(frames: readonly Uint8Array[]): string[] {
  return frames.map((frame) => Buffer.from(frame.subarray(34)).toString('hex'));
}

for (const [name, Link] of [
  ['takes groups', BulkFakeLink],
  ['takes one by one', FakeLink],
] as const) {
  test(`sendMany over a link that ${name}: every datagram once, in order, with an id of its own`, async () => {
    const { link, relay, host, socket } = await open(new Link({ slots: 256 }));
    const before = { socket: socket.stats().sent, host: host.stats().sent };
    assert.equal(socket.sendMany(payloads), 75);
    await turn();
    assert.deepEqual(datagrams(link.sent), datagrams(EXPECTED));
    const ids = link.sent.map((frame) => frame.readUInt16BE(18));
    for (let i = 1; i < ids.length; i++) assert.equal(ids[i], (ids[i - 1]! + 1) & 0xffff);
    assert.equal(socket.stats().sent - before.socket, 75);
    assert.equal(host.stats().sent - before.host, 75);
    // What fits no frame goes in fragments, between the others.
    link.sent.length = 0;
    assert.equal(socket.sendMany([payloads[0]!, Buffer.alloc(3000), payloads[1]!]), 3);
    await turn();
    assert.equal(link.sent.length, 5);
    await host.close();
    await relay.close();
  });

  test(`sendMany over a link that ${name}: without room the rest is the caller's, and 'drain' comes`, async () => {
    const { link, relay, host, socket } = await open(new Link({ slots: 40 }));
    link.release(10);
    const taken = socket.sendMany(payloads);
    assert.ok(taken >= 30 && taken <= 40, `${taken}`);
    await turn();
    assert.equal(link.sent.length, taken);
    link.release(40);
    await once(socket, 'drain');
    assert.ok(socket.sendMany(payloads.slice(taken)) > 0);
    await host.close();
    await relay.close();
  });
}
