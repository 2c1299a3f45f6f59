import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { CollectingReceiver } from '../../test-support/collecting-receiver.ts';
import { eventually } from '../../test-support/eventually.ts';
import {
  BROADCAST,
  STATION_A,
  STATION_B,
  sendFrame,
  sequenceOf,
  testFrame,
} from '../../test-support/link-probe.ts';
import { FAR, NEAR } from '../../test-support/veth-links.ts';
import {
  openDescriptors,
  requireXdp,
  stationAt,
  withXdpBench,
  type XdpBench,
} from '../../test-support/xdp-bench.ts';
import type { Namespace } from '../../testing/namespaces.ts';
import { vlanKey } from '../../wire/vlan.ts';
import type { LinkWants } from '../link.ts';
import type { XdpLink } from './link.ts';
import type { XdpLinkOptions } from './options.ts';

/** Scenarios after those of the kernel's own test of AF_XDP. Every link audits its chunks after every batch. */

const MODES = ['native', 'generic'] as const;
const GROUP: LinkWants = { all: false, group: true };

interface End {
  readonly link: XdpLink;
  readonly receiver: CollectingReceiver;
}

/** Opens and starts links at both ends, each listening for its station. */
async function openBoth(bench: XdpBench, options: XdpLinkOptions = {}): Promise<{ a: End; b: End }> {
  const end = async (name: typeof NEAR | typeof FAR, address: Uint8Array): Promise<End> => {
    const link = await bench.open(name, options);
    const receiver = new CollectingReceiver();
    link.start(receiver);
    link.steer([stationAt(address)], [], GROUP);
    return { link, receiver };
  };
  return { a: await end(NEAR, STATION_A), b: await end(FAR, STATION_B) };
}

/** Sends frames and waits until they have arrived, in order and unharmed. */
async function exchange(from: End, to: End, frames: readonly Uint8Array[]): Promise<void> {
  const before = to.receiver.frames.length;
  for (const [index, frame] of frames.entries()) {
    await eventually('room', () => sendFrame(from.link, frame));
    if (index % 16 < 15) continue;
    from.link.tx.flush();
    // No more at a time than a small ring holds.
    await eventually('the frames so far', () => to.receiver.frames.length > before + index);
  }
  from.link.tx.flush();
  await eventually('all frames', () => to.receiver.frames.length >= before + frames.length);
  assert.deepEqual(
    to.receiver.frames.slice(before).map(({ bytes }) => bytes),
    frames.map((frame) => Buffer.from(frame)),
  );
  to.link.audit();
  from.link.audit();
}

function framesTo(address: Uint8Array, source: Uint8Array, lengths: readonly number[]): Uint8Array[] {
  return lengths.map((length, index) => testFrame(address, source, index, length));
}

/** What the kernel tells of an interface, by the program ip. */
function shownByIp(namespace: Namespace, name: string) {
  const [link] = JSON.parse(namespace.run('ip', '-j', '-details', 'link', 'show', name).stdout);
  return {
    // enum of linux/if_link.h: XDP_ATTACHED_DRV, XDP_ATTACHED_SKB.
    mode: [undefined, 'native', 'generic'][link.xdp?.mode ?? 0],
    id: link.xdp?.prog.id,
    mtu: link.mtu,
    address: link.address,
    promiscuity: link.promiscuity,
    rxQueues: link.num_rx_queues,
  };
}

for (const mode of MODES) {
  describe(`AF_XDP scenarios, ${mode}`, { skip: requireXdp() }, () => {
    test('both directions, frames of every kind of length', async () => {
      await withXdpBench({}, async (bench) => {
        const { a, b } = await openBoth(bench, { mode });
        const lengths = [14, 59, 60, 61, 63, 64, 65, 127, 128, 1499, 1500, 1513, 1514];
        await exchange(a, b, framesTo(STATION_B, STATION_A, lengths));
        await exchange(b, a, framesTo(STATION_A, STATION_B, lengths));
        assert.equal(a.link.info().mode, mode);
      });
    });

    for (const [chunkSize, mtu] of [
      [2048, 1500],
      [2048, 1768],
      [4096, 1500],
      [4096, 3400],
    ] as const) {
      test(`chunks of ${chunkSize} bytes, MTU ${mtu}: up to the edge of MTU and chunk`, async () => {
        await withXdpBench({ mtu }, async (bench) => {
          const { a, b } = await openBoth(bench, { mode, chunkSize });
          assert.equal(a.link.info().multiBuffer, false);
          const longest = mtu + 14;
          const lengths = [60, longest - 1, longest, chunkSize - 259, chunkSize - 258].filter(
            (length) => length <= longest,
          );
          await exchange(a, b, framesTo(STATION_B, STATION_A, lengths));
          await exchange(b, a, framesTo(STATION_A, STATION_B, lengths));
          assert.equal(b.link.stats().rxDropped, 0);
        });
      });
    }

    for (const headroom of [0, 1, 128, 1022]) {
      test(`a headroom of ${headroom} is kept free before frames`, async () => {
        await withXdpBench({}, async (bench) => {
          const { a, b } = await openBoth(bench, { mode, headroom, chunkSize: 4096 });
          const offsets: number[] = [];
          const original = b.receiver.frame.bind(b.receiver);
          b.receiver.frame = (offset, length, flags) => {
            offsets.push(offset % 4096);
            original(offset, length, flags);
          };
          await exchange(a, b, framesTo(STATION_B, STATION_A, [60, 1514]));
          const expected = 256 + (b.link.info().headroom as number);
          assert.ok(expected >= 256 + headroom);
          assert.deepEqual(offsets, [expected, expected]);
        });
      });
    }

    for (const queues of [1, 4]) {
      test(`frames of several chunks, both ways, ${queues} queues`, async () => {
        await withXdpBench({ mtu: 9000, queues }, async (bench) => {
          const { a, b } = await openBoth(bench, { mode, chunks: 1024 });
          assert.equal(a.link.info().multiBuffer, true);
          const edges = [3837, 3838, 3839, 4093, 4094, 4095, 7676, 7677, 8190, 8191, 9013, 9014];
          const lengths = [60, ...edges, 1514, 9014, 60, 60, 5000];
          await exchange(a, b, framesTo(STATION_B, STATION_A, lengths));
          await exchange(b, a, framesTo(STATION_A, STATION_B, lengths));
          const many = Array.from({ length: 500 }, (_, i) => (i % 3 === 0 ? 9014 : 60 + i));
          await exchange(a, b, framesTo(STATION_B, STATION_A, many));
        });
      });
    }

    test('small chunks and a large MTU: several chunks of 2048 bytes', async () => {
      await withXdpBench({ mtu: 4000 }, async (bench) => {
        const { a, b } = await openBoth(bench, { mode, chunkSize: 2048, chunks: 256 });
        await exchange(a, b, framesTo(STATION_B, STATION_A, [60, 1790, 1791, 2046, 2047, 4014]));
      });
    });

    test('frames that a full ring could not take are counted, then it goes on', async () => {
      await withXdpBench({}, async (bench) => {
        const a = await bench.open(NEAR, { mode });
        const b = await bench.open(FAR, { mode, chunks: 64 });
        const receiver = new CollectingReceiver();
        b.steer([stationAt(STATION_B)], [], GROUP);
        for (let i = 0; i < 100; i++) assert.ok(sendFrame(a, testFrame(STATION_B, STATION_A, i, 60)));
        a.tx.flush();
        b.start(receiver);
        await eventually('every frame received or dropped', () => {
          const { rxFrames, rxDropped } = b.stats();
          return rxFrames + rxDropped === 100;
        });
        const { rxFrames, rxDropped, rxRingFull, rxFillRingEmpty } = b.stats();
        // Each was dropped for one reason, although two sockets share the fill ring.
        assert.deepEqual([rxFrames, rxDropped, rxRingFull + rxFillRingEmpty], [32, 68, 68]);
        await exchange(
          { link: a, receiver },
          { link: b, receiver },
          framesTo(STATION_B, STATION_A, [60, 61]),
        );
      });
    });

    test('torn down and opened again at once, many times', async () => {
      await withXdpBench({ queues: 2 }, async (bench) => {
        const { a, b } = await openBoth(bench, { mode, chunks: 256 });
        const before = openDescriptors();
        let far = b;
        for (let round = 0; round < 10; round++) {
          await exchange(a, far, framesTo(STATION_B, STATION_A, [60, 1514, 64]));
          void far.link.close();
          const link = await bench.open(FAR, { mode, chunks: 256 });
          const receiver = new CollectingReceiver();
          link.start(receiver);
          link.steer([stationAt(STATION_B)], [], GROUP);
          far = { link, receiver };
        }
        assert.equal(openDescriptors(), before);
      });
    });

    test('closed with frames in flight in both directions', async () => {
      await withXdpBench({}, async (bench) => {
        for (let round = 0; round < 5; round++) {
          const { a, b } = await openBoth(bench, { mode, chunks: 256 });
          let sent = 0;
          for (const { link } of [a, b]) {
            const target = link === a.link ? STATION_B : STATION_A;
            for (let i = 0; i < 100; i++) if (sendFrame(link, testFrame(target, STATION_A, i, 300))) sent++;
            link.audit();
            link.tx.flush();
            link.audit();
            link.tx.reserve(60);
            link.audit();
          }
          const memory = a.link.tx.memory;
          await a.link.close();
          await b.link.close();
          const { txFrames, txErrors } = a.link.stats();
          const other = b.link.stats();
          assert.equal(txFrames + txErrors + other.txFrames + other.txErrors, sent);
          assert.deepEqual([memory.u8.length, memory.u32.length], [0, 0]);
        }
      });
    });

    test('what was got for each queue, as the kernel says', async () => {
      await withXdpBench({ queues: 4 }, async (bench) => {
        const link = await bench.open(FAR, { mode, queues: [0, 2, 3], sendQueue: 2, chunks: 256 });
        const { queues, sendQueue, umemBytes, chunkSize, attached, needWakeup } = link.info();
        const copying = { zeroCopy: false, rxRing: 128, fillRing: 128 };
        assert.deepEqual(queues, [
          { queue: 0, ...copying, txRing: 0, completionRing: 2 },
          { queue: 2, ...copying, txRing: 128, completionRing: 128 },
          { queue: 3, ...copying, txRing: 0, completionRing: 2 },
        ]);
        assert.deepEqual(
          [sendQueue, umemBytes, chunkSize, attached, needWakeup],
          [2, 4 * 128 * 2048, 2048, mode, true],
        );
        const shown = shownByIp(bench.far, FAR);
        assert.deepEqual([shown.mode, shown.id], [mode, link.info().programId]);
        assert.equal(link.info().mode, mode);
        assert.deepEqual([link.info().mtu, link.info().hardwareAddress], [shown.mtu, shown.address]);
        assert.ok(shown.promiscuity > 0 && link.info().promiscuous);
        const all = await bench.open(NEAR, { mode, chunks: 256 });
        assert.equal((all.info().queues as unknown[]).length, shownByIp(bench.near, NEAR).rxQueues);
        assert.notEqual(all.info().programId, link.info().programId);
        const before = link.info();
        await link.close();
        assert.deepEqual([shownByIp(bench.far, FAR).id, link.info()], [undefined, before]);
      });
    });

    test('need_wakeup, and without it', async () => {
      await withXdpBench({}, async (bench) => {
        for (const needWakeup of [true, false]) {
          const { a, b } = await openBoth(bench, { mode, needWakeup, chunks: 256 });
          const lengths = new Array(300).fill(60);
          await exchange(a, b, framesTo(STATION_B, STATION_A, lengths));
          await exchange(b, a, framesTo(STATION_A, STATION_B, lengths));
          assert.equal(a.link.info().needWakeup, needWakeup);
          await a.link.close();
          await b.link.close();
        }
      });
    });

    test('the statistics add up', async () => {
      await withXdpBench({}, async (bench) => {
        const { a, b } = await openBoth(bench, { mode });
        await exchange(a, b, framesTo(STATION_B, STATION_A, new Array(40).fill(100)));
        await exchange(a, b, framesTo(BROADCAST, STATION_A, [60]));
        sendFrame(a.link, testFrame(Uint8Array.of(2, 0xec, 0, 0, 0, 0x77), STATION_A, 1, 60));
        a.link.tx.flush();
        await eventually('counted', () => b.link.stats().steering!.noEndpoint === 1);
        const stats = b.link.stats();
        assert.deepEqual(
          [stats.rxFrames, stats.rxSideFrames, stats.rxBytes, stats.rxDropped, stats.rxInvalidDescriptors],
          [41, 1, 40 * 100 + 60, 0, 0],
        );
        assert.deepEqual(
          [stats.steering!.redirected, stats.steering!.passed, stats.steering!.group],
          [40, 2, 1],
        );
        const sender = a.link.stats();
        assert.deepEqual([sender.txFrames, sender.txErrors, sender.txInvalidDescriptors], [42, 0, 0]);
        assert.ok(sender.txRingEmpty > 0 && stats.wakeups > 0);
        const last = b.link.stats();
        await b.link.close();
        assert.deepEqual(b.link.stats(), last);
      });
    });

    test('group frames come once, beside the unicast ones, with their VLAN tags; our own do not', async () => {
      await withXdpBench({}, async (bench) => {
        const { a, b } = await openBoth(bench, { mode });
        const tagged = Buffer.from(`ffffffffffff02ec0000000a8100e06488b5${'33'.repeat(50)}`, 'hex');
        const multicast = testFrame(Uint8Array.of(1, 0, 0x5e, 0, 0, 1), STATION_A, 2, 60);
        await exchange(a, b, [testFrame(BROADCAST, STATION_A, 1, 60), tagged, multicast]);
        assert.equal(a.receiver.frames.length, 0);
        b.link.steer([], [], { all: false, group: false });
        sendFrame(a.link, testFrame(BROADCAST, STATION_A, 3, 60));
        a.link.tx.flush();
        await exchange(a, b, framesTo(STATION_B, STATION_A, [60]));
        assert.equal(b.receiver.frames.length, 4);
        assert.equal(b.link.stats().rxDropped, 0);
      });
    });

    test('stations in VLANs get their own frames, with their tags; a priority tag is none', async () => {
      await withXdpBench({}, async (bench) => {
        const { a, b } = await openBoth(bench, { mode });
        const inVlans = [[5], [7, 9]].map((vlans) => ({ ...stationAt(STATION_B), vlanKey: vlanKey(vlans) }));
        b.link.admit(inVlans);
        b.link.steer(inVlans, [], GROUP);
        const addresses = '02ec0000000b02ec0000000a';
        const tagged = (tags: string) => Buffer.from(`${addresses}${tags}88b5${'44'.repeat(46)}`, 'hex');
        const wanted = [
          '81006005',
          '88a80005',
          '88a8000781000009',
          '8100e000',
          '810080008100000581006000',
          '',
        ];
        await exchange(a, b, wanted.map(tagged));
        for (const tags of ['81000006', '8100000981000007', '81000007', '81000007810000098100000a']) {
          assert.ok(sendFrame(a.link, tagged(tags)));
        }
        a.link.tx.flush();
        await eventually('left to the kernel', () => b.link.stats().steering!.noEndpoint === 4);
        assert.equal(b.receiver.frames.length, wanted.length);
      });
    });

    test('wanting all: what the kernel gets comes here, too, and nothing twice', async () => {
      await withXdpBench({}, async (bench) => {
        const { a, b } = await openBoth(bench, { mode });
        b.link.steer([], [], { all: true, group: true });
        const stranger = Uint8Array.of(2, 0xec, 0, 0, 0, 0x77);
        for (const [index, target] of [stranger, STATION_B, BROADCAST, stranger, STATION_B].entries()) {
          sendFrame(a.link, testFrame(target, STATION_A, index, 60));
        }
        a.link.tx.flush();
        await eventually('all frames', () => b.receiver.frames.length >= 5);
        const sequences = b.receiver.frames.map(({ bytes }) => sequenceOf(bytes));
        assert.deepEqual(
          sequences.sort((x, y) => x - y),
          [0, 1, 2, 3, 4],
        );
        assert.equal(b.link.stats().rxSideFrames, 3);
      });
    });

    test('stations come and go; the interface’s own address only on request', async () => {
      await withXdpBench({}, async (bench) => {
        const { a, b } = await openBoth(bench, { mode });
        const own = Uint8Array.from(b.link.hardwareAddress);
        assert.throws(() => b.link.steer([stationAt(own)], [], GROUP), {
          code: 'ERR_ETHERCONN_TAKEOVER',
          message: /02:00:00:00:00:0b is the own address of 'far0'.*takeover: true/,
        });
        b.link.steer([], [stationAt(STATION_B)], GROUP);
        sendFrame(a.link, testFrame(STATION_B, STATION_A, 1, 60));
        a.link.tx.flush();
        await eventually('passed', () => b.link.stats().steering!.noEndpoint === 1);
        b.link.steer([stationAt(STATION_B)], [], GROUP);
        await exchange(a, b, framesTo(STATION_B, STATION_A, [60]));
        await b.link.close();
        const link = await bench.open(FAR, { mode, takeover: true });
        const receiver = new CollectingReceiver();
        link.start(receiver);
        link.steer([stationAt(own)], [], GROUP);
        await exchange(a, { link, receiver }, framesTo(own, STATION_A, [60]));
        await link.close();
        const all = await bench.open(FAR, { mode, steering: 'all' });
        const taker = new CollectingReceiver();
        all.start(taker);
        await exchange(a, { link: all, receiver: taker }, [
          ...framesTo(own, STATION_A, [60]),
          ...framesTo(STATION_B, STATION_A, [60, 1514]),
        ]);
      });
    });

    test('children are forked during traffic, and the packet memory stays the same', async () => {
      await withXdpBench({}, async (bench) => {
        const { a, b } = await openBoth(bench, { mode, chunks: 256 });
        for (let round = 0; round < 5; round++) {
          assert.equal(spawnSync('true').status, 0);
          await exchange(a, b, framesTo(STATION_B, STATION_A, new Array(200).fill(200)));
        }
      });
    });
  });
}
