import assert from 'node:assert/strict';
import { closeSync, openSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { loadAddon } from '../../native/addon.ts';
import { BROADCAST, STATION_A, STATION_B, sendFrame, testFrame } from '../../test-support/link-probe.ts';
import { FAR, NEAR } from '../../test-support/veth-links.ts';
import { openXdpBench, requireXdp, type XdpBench } from '../../test-support/xdp-bench.ts';
import { PacketSocket } from '../packet/socket.ts';
import { BindFlag, XDP_PKT_CONTD } from './if-xdp.ts';
import { SteeringProgram } from './program.ts';
import { type RingSizes, XdpSocket } from './socket.ts';
import { Umem } from './umem.ts';

/** Sockets without a link around them, to bring their rings into states that a link avoids. */
describe('AF_XDP sockets and the kernel', { skip: requireXdp() }, () => {
  const CHUNK = 2048;
  const SIZES: RingSizes = { rx: 16, tx: 16, fill: 16, completion: 16 };
  let bench: XdpBench;
  before(async () => {
    bench = await openXdpBench();
  });
  after(() => bench.close());

  /** A socket on the far end with a program that gives it everything, and 16 chunks; closed after `body`. */
  async function withSocket(
    sizes: RingSizes,
    body: (socket: XdpSocket, umem: Umem) => void | Promise<void>,
  ): Promise<void> {
    const addon = loadAddon();
    const namespaceFd = openSync(bench.far.path, 'r');
    const query = new PacketSocket(addon, FAR, bench.far.path);
    const program = SteeringProgram.load(addon, { endpoints: 1, queues: 1, frags: false });
    program.setTakeAll(true);
    const socket = new XdpSocket(addon, namespaceFd, sizes);
    try {
      program.attach(query.interface.index, namespaceFd, 'native');
      const umem = new Umem(16, CHUNK);
      socket.registerUmem(umem, 2);
      await bindSoon(() => {
        socket.bind(BindFlag.COPY | BindFlag.USE_NEED_WAKEUP, query.interface.index, 0);
      });
      program.setSocket(0, socket.fd);
      await body(socket, umem);
    } finally {
      program.close();
      socket.close();
      query.close();
      closeSync(namespaceFd);
    }
  }

  /** The queue of a socket that was just closed is free again a little later. */
  async function bindSoon(bind: () => void): Promise<void> {
    for (let left = 200; ; left--) {
      try {
        bind();
        return;
      } catch (error) {
        if (left === 0 || (error as { errno?: number }).errno !== -16) throw error;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
  }

  async function sendTo(count: number): Promise<void> {
    const near = await bench.open(NEAR);
    for (let i = 0; i < count; i++) assert.ok(sendFrame(near, testFrame(STATION_B, STATION_A, i, 60)));
    near.tx.flush();
    await near.close();
  }

  test('what a socket says after binding: copy mode, and that it wants to be kicked', async () => {
    await withSocket(SIZES, (socket) => {
      assert.equal(socket.zeroCopy(), false);
      assert.equal(socket.rings.tx!.needsWakeup, true);
      assert.deepEqual(socket.statistics(), {
        rxDropped: 0,
        rxInvalidDescriptors: 0,
        txInvalidDescriptors: 0,
        rxRingFull: 0,
        rxFillRingEmpty: 0,
        txRingEmpty: 0,
      });
    });
  });

  test('an RX ring that is full: the rest is dropped and counted, its chunks stay usable', async () => {
    await withSocket({ ...SIZES, rx: 4 }, async (socket) => {
      const { rx, fill } = socket.rings;
      for (let chunk = 0; chunk < 16; chunk++) fill.write(chunk * CHUNK);
      fill.publish();
      await sendTo(7);
      assert.equal(socket.statistics().rxRingFull, 3);
      rx.release(4);
      await sendTo(3);
      assert.equal(rx.available, 3);
      assert.deepEqual([rx.lengthAt(0), rx.addressAt(0) % CHUNK], [60, 258]);
    });
  });

  test('a fill ring that is empty: dropped and counted, and going on when it is filled', async () => {
    await withSocket(SIZES, async (socket) => {
      const { rx, fill } = socket.rings;
      await sendTo(2);
      const { rxDropped, rxFillRingEmpty } = socket.statistics();
      assert.deepEqual([rxDropped, rx.available], [2, 0]);
      assert.ok(rxFillRingEmpty >= 2);
      fill.write(5 * CHUNK);
      fill.publish();
      await sendTo(2);
      assert.equal(rx.available, 1);
      assert.equal(rx.addressAt(0), 5 * CHUNK + 258);
    });
  });

  test('draining comes to an end, although there is always nothing to read', async () => {
    await withSocket(SIZES, (socket) => loadAddon().socketDrain(socket.native));
  });

  test('descriptors that the kernel refuses are counted by it', async () => {
    await withSocket(SIZES, (socket, umem) => {
      const tx = socket.rings.tx!;
      umem.memory.u8.set(testFrame(BROADCAST, STATION_B, 1, 60), 2);
      tx.write(2, 60, 0);
      tx.write(16 * CHUNK, 60, 0);
      tx.write(CHUNK - 30, 60, 0);
      tx.write(2 + CHUNK, 60, XDP_PKT_CONTD << 4);
      tx.write(2, 60, 0);
      tx.publish();
      // Each one that is refused ends a call.
      for (let kicks = 0; tx.waiting > 0 && kicks < 10; kicks++) assert.equal(socket.kick(), 0);
      assert.equal(tx.waiting, 0);
      assert.equal(socket.statistics().txInvalidDescriptors, 3);
      // Newer kernels complete the others, too; older ones never give them back. A link sends none such.
      const { completion } = socket.rings;
      const completed = Array.from({ length: completion.available }, (_, i) => completion.addressAt(i));
      assert.equal(completed.filter((address) => address === 2).length, 2);
      assert.ok(socket.statistics().txRingEmpty > 0);
    });
  });

  test('addresses in the fill ring that are none are passed over', async () => {
    await withSocket(SIZES, async (socket) => {
      const { rx, fill } = socket.rings;
      fill.write(16 * CHUNK);
      fill.write(3 * CHUNK);
      fill.publish();
      await sendTo(1);
      assert.deepEqual([rx.available, rx.addressAt(0)], [1, 3 * CHUNK + 258]);
    });
  });
});
