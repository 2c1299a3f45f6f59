import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { EtherConn } from '../conn/ether-conn.ts';
import { eventually } from '../test-support/eventually.ts';
import { FAR, NEAR } from '../test-support/veth-links.ts';
import { requireXdp } from '../test-support/xdp-bench.ts';
import { L2EndpointKey } from './l2-endpoint.ts';
import { XDPRelay, XDPSendingModeBatch, XDPSendingModeSingle } from './xdp-relay.ts';

const TYPE = 0x88b5;
const A = '02:ec:00:00:00:0a';
const B = '02:ec:00:00:00:0b';

import { withXdpRelays } from '../test-support/xdp-relay-bench.ts';

function bytes(text: string): Uint8Array {
  return Buffer.from(text);
}

describe('options of XDPRelay', { skip: requireXdp() }, () => {
  test('XDPRelay: numSocket is the number of queues, all of them or those asked for', async () => {
    await withXdpRelays({ queues: 4 }, async ({ open }) => {
      const all = await open(NEAR);
      assert.equal(all.numSocket(), 4);
      const some = await open(FAR, { queues: [3, 1], sendQueue: 1 });
      assert.equal(some.numSocket(), 2);
      const { queues, sendQueue, mode, attached } = some.info();
      assert.deepEqual(
        queues.map(({ queue, zeroCopy }) => [queue, zeroCopy]),
        [
          [3, false],
          [1, false],
        ],
      );
      assert.deepEqual([sendQueue, mode, attached], [1, 'native', 'native']);
      await assert.rejects(XDPRelay.open(FAR, { netns: '/proc/self/ns/net', queues: [0] }), {
        code: 'ENODEV',
      });
    });
  });

  test('XDPRelay: chunkSize and chunks are the packet memory, half of the chunks each ring', async () => {
    await withXdpRelays({}, async ({ open }) => {
      for (const chunkSize of [2048, 4096] as const) {
        for (const chunks of [64, 1024]) {
          const relay = await open(FAR, { chunkSize, chunks });
          const info = relay.info();
          const { rxRing, txRing, fillRing, completionRing } = info.queues[0]!;
          assert.deepEqual([info.chunkSize, info.umemBytes], [chunkSize, chunkSize * chunks]);
          assert.deepEqual([rxRing, txRing, fillRing, completionRing], Array(4).fill(chunks / 2));
          await relay.close();
        }
      }
    });
  });

  test('XDPRelay: receiveDepth is what each conn queues, sendDepth what may wait for room', async () => {
    await withXdpRelays({}, async ({ open }) => {
      const a = await open(NEAR, { sendDepth: 0, chunks: 64 });
      const b = await open(FAR, { receiveDepth: 3 });
      const [from, to] = [new EtherConn(A, a, [TYPE]), new EtherConn(B, b, [TYPE])];
      for (let i = 0; i < 8; i++) await from.writePacketTo(bytes(`${i}`.padEnd(46)), TYPE, B);
      await eventually('all frames', () => to.stats().enqueued === 8);
      assert.equal(to.stats().dropped, 5);
      assert.equal(String((await to.readPacket()).data).trim(), '5');
      const full = bytes(''.padEnd(1400));
      // Uncommitted slots take all the room there is.
      const slots: number[] = [];
      const sender = a.senderFor(0x02ec0000, 0x0b, 0, TYPE);
      for (let slot = sender.reserve(60); slot >= 0; slot = sender.reserve(60)) slots.push(slot);
      await assert.rejects(from.writePacketTo(full, TYPE, B), { code: 'ERR_ETHERCONN_NO_ROOM' });
      for (const slot of slots) sender.cancel(slot);
    });
  });

  test('XDPRelay: sending modes single and batch', async () => {
    await withXdpRelays({}, async ({ open }) => {
      const b = await open(FAR);
      const to = new EtherConn(B, b, [TYPE]);
      for (const [sendingMode, atOnce] of [
        [XDPSendingModeSingle, 20],
        [XDPSendingModeBatch, 0],
      ] as const) {
        const a = await open(NEAR, { sendingMode });
        const from = new EtherConn(A, a, [TYPE]);
        for (let i = 0; i < 20; i++) from.trySendPacketTo(bytes(`${i}`.padEnd(46)), TYPE, B);
        // What is still unsent is what a flush takes.
        assert.equal(a.stats().link.txFrames, atOnce);
        for (let i = 0; i < 20; i++) {
          assert.equal(String((await to.readPacket({ timeout: 5000 })).data).trim(), `${i}`);
        }
        assert.equal(a.stats().link.txFrames, 20);
        await a.close();
      }
    });
  });

  test('XDPRelay: a logger is told of the relay’s life', async () => {
    await withXdpRelays({}, async ({ open }) => {
      const lines: string[] = [];
      const say = (_: object, message: string) => void lines.push(message);
      const relay = await open(FAR, { logger: { debug: say, info: say, warn: say, error: say } });
      await relay.close();
      assert.deepEqual(lines, ['relay open', 'relay closed']);
    });
  });

  test('XDPRelay: ethernetTypes are those whose payload a response carries', async () => {
    await withXdpRelays({}, async ({ open }) => {
      const [a, b] = [await open(NEAR), await open(FAR, { ethernetTypes: [TYPE] })];
      const payloads: (Uint8Array | null)[] = [];
      b.register([L2EndpointKey.of(B, TYPE), L2EndpointKey.of(B, TYPE + 1)]).receive((response) =>
        payloads.push(response.etherPayloadBytes),
      );
      const from = new EtherConn(A, a, [TYPE]);
      await from.writePacketTo(bytes('x'.padEnd(46)), TYPE, B);
      await from.writePacketTo(bytes('y'.padEnd(46)), TYPE + 1, B);
      await eventually('both', () => payloads.length === 2);
      assert.deepEqual(
        payloads.map((payload) => payload !== null),
        [true, false],
      );
    });
  });
});
