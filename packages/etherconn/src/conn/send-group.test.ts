import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MessageTooLongError, OptionError } from '../errors.ts';
import { Relay, type RelayOptions } from '../relay/relay.ts';
import { BulkFakeLink } from '../test-support/bulk-fake-link.ts';
import { FakeLink } from '../test-support/fake-link.ts';
import { settleTurns } from '../test-support/memory-pair.ts';
import { EtherConn } from './ether-conn.ts';
import { RUDPConn } from './rudp-conn.ts';

const TO = { address: '10.0.0.2', port: 2000 };

function open(link: FakeLink, options: RelayOptions = {}) {
  const conn = new RUDPConn(
    { address: '10.0.0.1', port: 1000 },
    new EtherConn('02:00:00:00:00:01', new Relay(link, options)),
    { resolveNextHop: () => '02:00:00:00:00:02' },
  );
  return { link, conn, peer: conn.peer(TO) };
}

/** Frames without what differs from peer to peer: identification and header checksum. */
function seen(link: FakeLink): string[] {
  return link.sent.map((frame) => {
    const copy = Buffer.from(frame);
    copy.fill(0, 18, 20).fill(0, 24, 26);
    return copy.toString('hex');
  });
}

const payloads = Array.from({ length: 100 }, (_, i) => Buffer.from(`number ${i}`.padEnd(i, '.')));

for (const sendingMode of ['single', 'batch'] as const) {
  test(`datagrams in groups are the same as one by one, and leave in order: ${sendingMode}`, () => {
    const bulk = open(new BulkFakeLink({ slots: 128 }), { sendingMode });
    const single = open(new FakeLink({ slots: 128 }), { sendingMode });
    for (const { peer, link } of [bulk, single]) {
      assert.equal(peer.trySendMany(payloads), 100);
      assert.equal(peer.trySend(payloads[0]!), 1);
      link.tx.flush();
    }
    assert.deepEqual(seen(bulk.link), seen(single.link));
    assert.deepEqual(bulk.conn.stats(), single.conn.stats());
    const ids = bulk.link.sent.map((frame) => frame.readUInt16BE(18));
    for (let i = 1; i < ids.length; i++) assert.equal(ids[i], (ids[i - 1]! + 1) & 0xffff);
  });
}

test('in groups, too, there may be room for some, and none', () => {
  const { link, conn, peer } = open(new BulkFakeLink({ slots: 40 }));
  assert.equal(peer.trySendMany(payloads), 40);
  assert.equal(peer.trySendMany(payloads.slice(40)), 0);
  link.release(7);
  assert.equal(peer.trySendMany(payloads.slice(40)), 7);
  assert.deepEqual(
    link.sent.map((frame) => frame.toString('latin1', 42)),
    payloads.slice(0, 47).map((payload) => payload.toString('latin1')),
  );
  assert.equal(conn.stats().sent, 47);
  assert.equal(conn.stats().noRoom, 3);
});

test('what is in front of a wrong payload is sent', () => {
  const { link, conn, peer } = open(new BulkFakeLink({ slots: 128 }));
  const wrong = [...payloads.slice(0, 40), new Uint8Array(1473)];
  assert.throws(() => peer.trySendMany(wrong), MessageTooLongError);
  assert.equal(link.sent.length, 40);
  assert.equal(conn.stats().sent, 40);
  assert.throws(() => peer.trySendMany(['text' as never]), OptionError);
  assert.equal(link.sent.length, 40);
});

test('together to conns of the same relay, and to a group: what arrives, and what is counted, is as one by one', async (t) => {
  const results = [];
  for (const together of [true, false]) {
    for (const link of [new BulkFakeLink({ slots: 128 }), new FakeLink({ slots: 128 })]) {
      const relay = new Relay(link, { hairpin: true });
      t.after(() => relay.close());
      const mac = (n: number) => `02:00:00:00:00:0${n}`;
      const from = new RUDPConn({ address: '10.0.0.1', port: 1000 }, new EtherConn(mac(1), relay), {
        resolveNextHop: (address) => (address === '10.0.0.2' ? mac(2) : 'ff:ff:ff:ff:ff:ff'),
      });
      const lower = new EtherConn(mac(2), relay, undefined, { receiveMulticast: true });
      const to = new RUDPConn({ address: '10.0.0.2', port: 2000 }, lower, { acceptAny: true });
      const received: string[] = [];
      to.on('message', (message) => received.push(message.toString()));
      let taken = 0;
      for (const address of ['10.0.0.2', '10.0.0.255']) {
        const peer = from.peer({ address, port: 2000 });
        if (together) taken += peer.trySendMany(payloads);
        else for (const payload of payloads) taken += peer.trySend(payload);
        await settleTurns();
      }
      const { sent, hairpinned, hairpinDropped } = relay.stats();
      results.push({ taken, received, sent, hairpinned, hairpinDropped, wire: seen(link) });
    }
  }
  const [first] = results;
  assert.equal(first!.taken, 200);
  assert.deepEqual(first!.received, [...payloads, ...payloads].map(String));
  assert.deepEqual([first!.wire.length, first!.sent, first!.hairpinned], [100, 200, 200]);
  for (const other of results) assert.deepEqual(other, first);
});
