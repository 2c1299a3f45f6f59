import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EtherConn } from '../../conn/ether-conn.ts';
import { hex } from '../../test-support/frames.ts';
import { HostNetwork } from '../../test-support/hosts.ts';
import { ip6, TARGET } from '../../test-support/probe-station.ts';
import { Host } from '../host.ts';

/** More than can wait anywhere. */
const QUESTIONS = 20_000;
const GROUP = 'ff0200000000000000000001ff000009';
const MARK = hex('020000000077 020000000001 88b5 00');

/** A solicitation by nobody in particular for the address of the target. */
function solicitation(i: number): Uint8Array {
  const from = `20010db800000000000000fe${(0x10000 + i).toString(16).padStart(8, '0')}`;
  const packet = ip6('3a', `8700 0000 00000000 ${TARGET.ip6} 0101 020000000001`, GROUP, from);
  packet[7] = 255;
  return Buffer.concat([hex('3333ff000009 020000000001 86dd'), packet]);
}

function request(i: number): Uint8Array {
  const from = (0x0a010000 + i).toString(16).padStart(8, '0');
  return hex(
    `ffffffffffff 020000000001 0806 0001 0800 06 04 0001 020000000001 ${from} 000000000000 ${TARGET.ip4}`,
  );
}

describe('a flood of questions for an address', () => {
  for (const [title, question, address] of [
    ['by neighbor discovery', solicitation, '2001:db8::9'],
    ['by ARP', request, '10.0.0.9'],
  ] as const) {
    it(`${title} costs neither pings nor conns their turn`, async (t) => {
      const net = new HostNetwork(t);
      const room = { rxFrames: 1 << 18, rxBytes: 1 << 28 };
      const relay = net.relay(room);
      Host.createNow(relay, {
        mac: '02:00:00:00:00:09',
        addresses: ['10.0.0.9/8', '2001:db8::9/64'],
        detectDuplicates: 'off',
      });
      const flood = net.relay({ ...room, txSlots: 1 << 16 });
      const peer = net.host(2, { addresses: ['10.0.0.2/8', '2001:db8::2/64'] });
      const first = peer.ping(address);
      await net.settle();
      await first;
      /** What the flooding station gets: answers, and what a conn beside the host says in the middle of the flood. */
      const seen: number[] = [];
      const conn = new EtherConn('02:00:00:00:00:77', relay, [0x88b5]);
      conn.onBatch((batch) => {
        while (batch.next()) void conn.writePacketTo(hex('00'), 0x88b5, '02:00:00:00:00:01');
      });
      const taker = new EtherConn('02:00:00:00:00:01', flood, [0x88b5, 0x86dd, 0x0806]);
      taker.onBatch((batch) => {
        while (batch.next()) seen.push(batch.etherType);
      });
      for (let i = 0; i < QUESTIONS; i++) assert.equal(flood.trySendFrame(question(i)), 1);
      assert.equal(flood.trySendFrame(MARK), 1);
      const pings = Array.from({ length: 10 }, () => peer.ping(address));
      for (let i = 0; i < QUESTIONS; i++) assert.equal(flood.trySendFrame(question(i)), 1);
      await net.settle();
      assert.equal((await Promise.all(pings)).length, 10);
      const answers = seen.filter((type) => type !== 0x88b5).length;
      assert.ok(answers > QUESTIONS / 2, `${answers} answers`);
      const place = seen.indexOf(0x88b5);
      assert.ok(place >= 0 && place < answers - 16_000, `place ${place} among ${answers} answers`);
    });
  }
});
