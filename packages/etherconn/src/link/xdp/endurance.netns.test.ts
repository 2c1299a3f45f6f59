import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Worker } from 'node:worker_threads';
import { CollectingReceiver } from '../../test-support/collecting-receiver.ts';
import { eventually } from '../../test-support/eventually.ts';
import { BROADCAST, STATION_A, STATION_B, sendFrame, testFrame } from '../../test-support/link-probe.ts';
import { FAR, NEAR, promiscuity } from '../../test-support/veth-links.ts';
import { openDescriptors, requireXdp, stationAt, withXdpBench } from '../../test-support/xdp-bench.ts';
import { formatMac } from '../../wire/mac.ts';
import type { FrameMemory, LinkReceiver, LinkWants } from '../link.ts';
import type { XdpLink } from './link.ts';

const HOLDER = fileURLToPath(new URL('../../test-support/hold-xdp-link.js', import.meta.url));
const NOTHING: LinkWants = { all: false, group: false };

/** Lines of /proc/self/maps that are not the heap's own coming and going: rings, and packet memory. */
function mappings(): number {
  // AddressSanitizer's allocator has mappings of its own, which come and go.
  if (process.env.LD_PRELOAD?.includes('libasan')) return 0;
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  collect();
  const lines = readFileSync('/proc/self/maps', 'latin1').split('\n');
  // Packet memory has guard regions of gigabytes around it.
  const isHuge = (line: string) => {
    const [from, to] = line.split(' ', 1)[0].split('-');
    return BigInt(`0x${to}`) - BigInt(`0x${from}`) > 1n << 31n;
  };
  return lines.filter((line) => line !== '' && (line.includes('socket:') || isHuge(line))).length;
}

describe('AF_XDP links over and over', { skip: requireXdp() }, () => {
  test('a hundred opened and closed leave no descriptor, mapping or promiscuity', async () => {
    await withXdpBench({}, async (bench) => {
      let before: readonly number[] = [];
      for (let round = 0; round < 100; round++) {
        const mode = round % 2 === 0 ? 'native' : 'generic';
        const link = await bench.open(FAR, { mode, chunks: 64, maxEndpoints: 16 });
        link.start(new CollectingReceiver());
        link.steer([stationAt(STATION_B)], [], { all: round % 4 === 0, group: true });
        if (round === 0) assert.ok(mappings() > 0);
        await link.close();
        // The first has loaded what stays.
        if (round === 0) before = [openDescriptors(), mappings()];
      }
      assert.deepEqual([openDescriptors(), mappings()], before);
      assert.equal(promiscuity(bench.far, FAR), 0);
    });
  });

  test('opens that fail leave nothing either', async () => {
    await withXdpBench({ queues: 2 }, async (bench) => {
      const held = await bench.open(FAR, { queues: [1], chunks: 64 });
      const before = [openDescriptors(), mappings()];
      for (let round = 0; round < 10; round++) {
        await assert.rejects(bench.open(FAR, { mode: 'zerocopy', chunks: 64 }));
        await assert.rejects(bench.open(FAR, { chunks: 64 }), { code: 'EBUSY' });
        await assert.rejects(bench.open(NEAR, { mode: 'zerocopy', chunks: 64 }), { code: 'ENOTSUP' });
      }
      assert.deepEqual([openDescriptors(), mappings()], before);
      await held.close();
    });
  });
});

/** Closes the link from inside the call of that name. */
class ClosingReceiver implements LinkReceiver {
  calls: string[] = [];
  readonly #link: XdpLink;
  readonly #when: string;

  constructor(link: XdpLink, when: string) {
    this.#link = link;
    this.#when = when;
  }

  begin(_memory: FrameMemory, _queue: number): void {
    this.#called('begin');
  }

  frame(_offset: number, _length: number, _flags: number): void {
    this.#called('frame');
  }

  end(): void {
    this.#called('end');
  }

  error(_error: Error): void {
    this.#called('error');
  }

  state(_up: boolean): void {
    this.#called('state');
  }

  #called(name: string): void {
    this.calls.push(name);
    if (name === this.#when) void this.#link.close();
  }
}

for (const mode of ['native', 'generic'] as const) {
  describe(`AF_XDP links under way, ${mode}`, { skip: requireXdp() }, () => {
    for (const [what, target] of [
      ['unicast frames', STATION_B],
      ['group frames', BROADCAST],
    ] as const) {
      for (const [when, calls] of [
        ['begin', ['begin', 'end']],
        ['frame', ['begin', 'frame', 'end']],
        ['end', ['begin', 'frame', 'frame', 'end']],
      ] as const) {
        test(`closed inside ${when}() of ${what}`, async () => {
          await withXdpBench({}, async (bench) => {
            const near = await bench.open(NEAR, { mode, chunks: 64 });
            const far = await bench.open(FAR, { mode, chunks: 64 });
            const receiver = new ClosingReceiver(far, when);
            far.steer([stationAt(STATION_B)], [], { all: false, group: true });
            for (let i = 0; i < 2; i++) assert.ok(sendFrame(near, testFrame(target, STATION_A, i, 60)));
            near.tx.flush();
            far.start(receiver);
            await eventually('the end of the batch', () => receiver.calls.includes('end'));
            await far.close();
            assert.deepEqual(receiver.calls, calls);
            assert.equal(far.tx.memory.u8.length, 0);
            assert.equal(promiscuity(bench.far, FAR), 0);
          });
        });
      }
    }

    test('closed inside state()', async () => {
      await withXdpBench({}, async (bench) => {
        const far = await bench.open(FAR, { mode, chunks: 64 });
        const receiver = new ClosingReceiver(far, 'state');
        far.start(receiver);
        bench.far.run('ip', 'link', 'set', FAR, 'down');
        await eventually('closed', () => far.closed);
        await far.close();
        assert.deepEqual(receiver.calls, ['state']);
      });
    });

    test('a worker thread that is terminated in mid-traffic gives everything back', async () => {
      await withXdpBench({}, async (bench) => {
        const near = await bench.open(NEAR, { mode, chunks: 256, audit: false });
        const before = openDescriptors();
        for (const polling of ['interrupt', 'busy', 'adaptive'] as const) {
          const worker = new Worker(HOLDER, {
            argv: [FAR, bench.far.path],
            workerData: { mode, polling, echo: true, chunks: 256 },
          });
          assert.deepEqual(await once(worker, 'message'), ['open']);
          let count = 0;
          worker.on('message', (frames) => {
            count = frames;
          });
          let pumping = true;
          const pump = () => {
            if (!pumping) return;
            while (sendFrame(near, testFrame(STATION_B, STATION_A, 0, 300))) {
              // Until there is no room.
            }
            near.tx.flush();
            setImmediate(pump);
          };
          pump();
          await eventually('traffic', () => {
            worker.postMessage('count');
            return count > 1000;
          });
          await worker.terminate();
          pumping = false;
          assert.equal(promiscuity(bench.far, FAR), 0);
          assert.equal(openDescriptors(), before);
        }
        // The queue is free, and the wire as good as new.
        const far = await bench.open(FAR, { mode, chunks: 64 });
        const receiver = new CollectingReceiver();
        far.start(receiver);
        far.steer([stationAt(STATION_B)], [], NOTHING);
        assert.ok(sendFrame(near, testFrame(STATION_B, STATION_A, 7, 60)));
        near.tx.flush();
        await eventually('a frame', () => receiver.frames.length === 1);
      });
    });

    test('frames for a station are redirected while others, and itself, are changed in the map', async () => {
      const addresses = { nearAddress: '10.0.0.1/24', farAddress: '10.0.0.2/24' };
      await withXdpBench(addresses, async (bench) => {
        const link = await bench.open(FAR, { mode, audit: false, maxEndpoints: 500 });
        const steady = stationAt(STATION_B, [0x0800]);
        link.start({ begin() {}, frame() {}, end() {}, error() {}, state() {} });
        link.steer([steady], [], NOTHING);
        bench.near.run('ip', 'neigh', 'add', '10.0.0.9', 'lladdr', formatMac(STATION_B), 'dev', NEAR);
        const wanted = 20_000;
        const flood = bench.near.spawn(
          process.execPath,
          '-e',
          `const s = require('node:dgram').createSocket('udp4');
           let sent = 0;
           const go = () => {
             if (sent === ${wanted}) return s.close();
             s.send('x', 9, '10.0.0.9', () => { sent++; go(); });
           };
           s.bind(go);`,
        );
        let ended = false;
        flood.on('exit', () => {
          ended = true;
        });
        const others = Array.from({ length: 499 }, (_, n) =>
          stationAt(Uint8Array.of(2, 0xee, 0, 0, n >> 8, n & 255), [0x0800]),
        );
        const alsoArp = stationAt(STATION_B, [0x0806]);
        let rounds = 0;
        await eventually('the end of the flood', () => {
          link.steer([...others, alsoArp], [], NOTHING);
          link.steer([], [...others, alsoArp], NOTHING);
          rounds++;
          return ended;
        });
        // A wire may lose datagrams before they come near us, so it is what was redirected that must have arrived.
        await eventually('all of them', () => {
          const { steering, rxFrames, rxDropped } = link.stats();
          return rxFrames + rxDropped === steering!.redirected;
        });
        const { redirected, passed, group } = link.stats().steering!;
        assert.deepEqual([passed, group], [0, 0]);
        assert.ok(redirected > wanted / 2, `${redirected} of ${wanted} redirected`);
        assert.ok(rounds > 10, `${rounds} changes met the flood`);
      });
    });
  });
}
