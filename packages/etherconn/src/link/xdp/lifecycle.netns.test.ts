import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { CollectingReceiver } from '../../testing/collecting-receiver.ts';
import { eventually } from '../../testing/eventually.ts';
import { STATION_A, STATION_B, sendFrame, TEST_ETHERTYPE, testFrame } from '../../testing/link-probe.ts';
import type { Namespace } from '../../testing/namespaces.ts';
import { FAR, NEAR, promiscuity } from '../../testing/veth-links.ts';
import { openXdpBench, requireXdp, type XdpBench, type XdpBenchOptions } from '../../testing/xdp-bench.ts';
import type { Station } from '../link.ts';
import type { XdpLink } from './link.ts';
import type { XdpLinkOptions } from './options.ts';

const HOLDER = fileURLToPath(new URL('../../testing/hold-xdp-link.js', import.meta.url));
const B: Station = { macHigh: 0x02ec0000, macLow: 0x0b, vlanKey: 0, etherTypes: [TEST_ETHERTYPE] };
const MODES = ['native', 'generic'] as const;

function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

/** Whether the interface has an XDP program, as the kernel shows it. */
function hasProgram(namespace: Namespace, interfaceName: string): boolean {
  return /prog\/xdp|xdpgeneric/.test(namespace.run('ip', 'link', 'show', interfaceName).stdout);
}

async function withBench(options: XdpBenchOptions, body: (bench: XdpBench) => Promise<void>): Promise<void> {
  const bench = await openXdpBench(options);
  try {
    await body(bench);
  } finally {
    await bench.close();
  }
}

async function openFar(
  bench: XdpBench,
  options: XdpLinkOptions,
): Promise<{ far: XdpLink; receiver: CollectingReceiver }> {
  const far = await bench.open(FAR, options);
  const receiver = new CollectingReceiver();
  far.start(receiver);
  far.steer([B], [], { all: false, group: true });
  return { far, receiver };
}

/** The queue at which veth receives what was sent on one: in generic mode the kernel sees one less, and 0 twice. */
function arrivesAt(mode: 'native' | 'generic', queue: number): number {
  return mode === 'native' ? queue : Math.max(0, queue - 1);
}

function toB(number: number): Uint8Array {
  return testFrame(STATION_B, STATION_A, number, 60);
}

for (const mode of MODES) {
  describe(`AF_XDP link, ${mode}: what it holds, and gives back`, { skip: requireXdp() }, () => {
    test('the program and promiscuity are there with the link, and only with it', async () => {
      await withBench({}, async (bench) => {
        const before = openDescriptors();
        const { far } = await openFar(bench, { mode });
        assert.ok(hasProgram(bench.far, FAR));
        assert.equal(promiscuity(bench.far, FAR) > 0, true);
        await far.close();
        assert.equal(hasProgram(bench.far, FAR), false);
        assert.equal(promiscuity(bench.far, FAR), 0);
        assert.equal(openDescriptors(), before);
        const modest = await bench.open(FAR, { mode, promiscuous: false });
        assert.equal(promiscuity(bench.far, FAR), 0);
        await modest.close();
      });
    });

    test('killed: the program is gone, and promiscuity', async () => {
      await withBench({}, async (bench) => {
        // In its own namespace: without the option netns.
        const child = bench.far.spawn(process.execPath, HOLDER, FAR);
        child.stderr!.pipe(process.stderr);
        await once(child.stdout!, 'data');
        assert.ok(hasProgram(bench.far, FAR));
        assert.ok(promiscuity(bench.far, FAR) > 0);
        child.kill('SIGKILL');
        await once(child, 'exit');
        await eventually('no program', () => !hasProgram(bench.far, FAR));
        await eventually('not promiscuous', () => promiscuity(bench.far, FAR) === 0);
        // The interface goes on, for the kernel and for the next link.
        const near = await bench.open(NEAR, { mode });
        const { receiver } = await openFar(bench, { mode });
        assert.ok(sendFrame(near, toB(1)));
        near.tx.flush();
        await eventually('the frame', () => receiver.frames.length === 1);
      });
    });

    test('a worker thread that is terminated gives everything back', async () => {
      await withBench({}, async (bench) => {
        const before = openDescriptors();
        for (let round = 0; round < 3; round++) {
          const worker = new Worker(HOLDER, { argv: [FAR, bench.far.path], workerData: { mode } });
          await once(worker, 'message');
          assert.ok(hasProgram(bench.far, FAR));
          await worker.terminate();
          assert.equal(hasProgram(bench.far, FAR), false);
          assert.equal(promiscuity(bench.far, FAR), 0);
        }
        assert.equal(openDescriptors(), before);
      });
    });

    test('two workers with two queues each of one interface, one program', async (t) => {
      await withBench({ queues: 4 }, async (bench) => {
        const before = openDescriptors();
        const owner = await bench.open(FAR, { mode, queues: [0, 1], chunks: 256 });
        owner.start(new CollectingReceiver());
        owner.steer([B], [], { all: false, group: false });
        const worker = new Worker(HOLDER, {
          argv: [FAR, bench.far.path],
          workerData: { queues: [2, 3], attach: false, program: owner.program, chunks: 256 },
        });
        t.after(() => worker.terminate());
        assert.deepEqual(await once(worker, 'message'), ['open']);
        const counted = async (expected: number): Promise<void> => {
          let frames = -1;
          for (let tries = 0; frames !== expected && tries < 1000; tries++) {
            worker.postMessage('count');
            [frames] = await once(worker, 'message');
          }
          assert.equal(frames, expected);
        };
        let [here, there] = [0, 0];
        for (let queue = 0; queue < 4; queue++) {
          const near = await bench.open(NEAR, { queues: [queue], mode: 'generic', chunks: 256 });
          for (let i = 0; i < 5; i++) assert.ok(sendFrame(near, toB(i)));
          near.tx.flush();
          if (arrivesAt(mode, queue) < 2) here += 5;
          else there += 5;
          await eventually('here', () => owner.stats().rxFrames === here);
          await counted(there);
          await near.close();
        }
        // The owner goes; the worker keeps the program, and its own queues.
        await owner.close();
        assert.ok(hasProgram(bench.far, FAR));
        const near = await bench.open(NEAR, { queues: [3], mode: 'generic', chunks: 256 });
        assert.ok(sendFrame(near, toB(9)));
        near.tx.flush();
        await counted(there + 1);
        await near.close();
        worker.postMessage('close');
        await once(worker, 'exit');
        assert.equal(hasProgram(bench.far, FAR), false);
        assert.equal(openDescriptors(), before);
      });
    });

    test('sockets in the map of a program that somebody else steers', async () => {
      await withBench({ queues: 3 }, async (bench) => {
        const other = await bench.open(FAR, { mode, queues: [0], chunks: 256 });
        const { xskMapFd } = other.program;
        const { far, receiver } = await openFar(bench, { attach: false, xskMapFd, queues: [1], chunks: 256 });
        assert.equal(far.stats().steering, null);
        other.steeringProgram.update([B], [], 0b11n);
        const sender = [0, 1, 2].find((queue) => arrivesAt(mode, queue) === 1)!;
        const near = await bench.open(NEAR, { queues: [sender], mode: 'generic', chunks: 256 });
        assert.ok(sendFrame(near, toB(1)));
        near.tx.flush();
        await eventually('the frame', () => receiver.frames.length === 1);
        await far.close();
        assert.ok(hasProgram(bench.far, FAR));
      });
    });

    test('down and up: told, and usable again', async () => {
      await withBench({}, async (bench) => {
        const near = await bench.open(NEAR, { mode });
        const nearReceiver = new CollectingReceiver();
        near.start(nearReceiver);
        const { far, receiver } = await openFar(bench, { mode });
        for (let round = 1; round <= 3; round++) {
          bench.far.run('ip', 'link', 'set', FAR, 'down');
          await eventually('down at the far end', () => receiver.states.length === 2 * round - 1);
          await eventually('down at the near end', () => nearReceiver.states.length === 2 * round - 1);
          assert.ok(sendFrame(near, toB(0)));
          assert.ok(sendFrame(far, toB(0)));
          assert.equal(near.tx.flush() + far.tx.flush(), 0);
          assert.deepEqual([near.stats().txErrors, far.stats().txErrors], [round, round]);
          bench.far.run('ip', 'link', 'set', FAR, 'up');
          await eventually(
            'up again',
            () => nearReceiver.states.length + receiver.states.length === 4 * round,
          );
          assert.ok(sendFrame(near, toB(round)));
          near.tx.flush();
          await eventually('a frame', () => receiver.frames.length === round);
          near.audit();
          far.audit();
        }
        assert.deepEqual(receiver.states, [false, true, false, true, false, true]);
        assert.deepEqual([nearReceiver.errors, receiver.errors], [[], []]);
      });
    });

    test('down before anybody noticed: what the ring holds is not lost without a trace', async () => {
      await withBench({}, async (bench) => {
        const near = await bench.open(NEAR, { mode });
        bench.far.run('ip', 'link', 'set', FAR, 'down');
        for (let i = 0; i < 5; i++) assert.ok(sendFrame(near, toB(i)));
        near.tx.flush();
        await eventually('counted', () => near.stats().txFrames === 0 && near.stats().txErrors === 5);
        near.audit();
        bench.near.run('ip', 'link', 'set', NEAR, 'down');
        for (let i = 0; i < 5; i++) assert.ok(sendFrame(near, toB(i)));
        near.tx.flush();
        await near.close();
        assert.deepEqual([near.stats().txFrames, near.stats().txErrors], [0, 10]);
      });
    });

    test('deleted under traffic: one error, everything released', async () => {
      const before = openDescriptors();
      const bench = await openXdpBench();
      const held = openDescriptors();
      const near = await bench.open(NEAR, { mode, chunks: 512 });
      const nearReceiver = new CollectingReceiver();
      near.start(nearReceiver);
      const { far, receiver } = await openFar(bench, { mode, chunks: 512 });
      let sent = 0;
      const pump = () => {
        if (near.closed) return;
        while (sent % 64 < 63 && sendFrame(near, toB(sent))) sent++;
        if (sendFrame(near, toB(sent))) sent++;
        near.tx.flush();
        setImmediate(pump);
      };
      pump();
      await eventually('traffic', () => receiver.frames.length > 1000);
      bench.far.run('ip', 'link', 'delete', FAR);
      await eventually('both told', () => nearReceiver.errors.length + receiver.errors.length === 2);
      for (const [link, { errors }] of [
        [near, nearReceiver],
        [far, receiver],
      ] as const) {
        assert.ok(link.closed);
        assert.equal((errors[0] as NodeJS.ErrnoException).code, 'ENODEV');
        assert.match(errors[0].message, /was deleted/);
        await link.close();
      }
      const { txFrames, txErrors } = near.stats();
      assert.equal(txFrames + txErrors, sent);
      assert.ok(far.stats().rxFrames <= txFrames);
      assert.equal(openDescriptors(), held);
      await bench.close();
      await eventually('holders gone', () => openDescriptors() <= before);
    });

    test('moved to another namespace: as good as deleted; deleted before start: told after it', async () => {
      await withBench({}, async (bench) => {
        const { far, receiver } = await openFar(bench, { mode });
        bench.far.run('ip', 'link', 'set', FAR, 'netns', `${bench.near.pid}`);
        await eventually('told', () => receiver.errors.length === 1);
        assert.match(receiver.errors[0].message, /'far0' was deleted, or moved/);
        assert.ok(far.closed);
        const near = await bench.open(NEAR, { mode });
        bench.near.run('ip', 'link', 'delete', NEAR);
        const nearReceiver = new CollectingReceiver();
        near.start(nearReceiver);
        assert.equal(nearReceiver.errors.length, 0);
        await eventually('told', () => nearReceiver.errors.length === 1);
      });
    });
  });
}
