import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { OptionError } from '../../errors.ts';
import { CollectingReceiver } from '../../test-support/collecting-receiver.ts';
import { eventually } from '../../test-support/eventually.ts';
import { STATION_A, STATION_B, sendFrame, testFrame } from '../../test-support/link-probe.ts';
import { FAR, NEAR } from '../../test-support/veth-links.ts';
import {
  hasProgram,
  openDescriptors,
  requireBpfMount,
  requireXdp,
  stationAt,
  withXdpBench,
} from '../../test-support/xdp-bench.ts';
import type { Station } from '../link.ts';
import type { SharedProgram } from './shared-program.ts';

const HOLDER = fileURLToPath(new URL('../../test-support/hold-xdp-link.js', import.meta.url));
const MODULE = new URL('./link.js', import.meta.url).href;
const PROBE = new URL('../../test-support/link-probe.js', import.meta.url).href;
const BENCH = new URL('../../test-support/xdp-bench.js', import.meta.url).href;
const STEERING = new URL('../../test-support/steering-probe.js', import.meta.url).href;
const B: Station = stationAt(STATION_B);

/** The queue at which veth receives what was sent on one: in generic mode the kernel sees one less, and 0 twice. */
function arrivesAt(mode: 'native' | 'generic', queue: number): number {
  return mode === 'native' ? queue : Math.max(0, queue - 1);
}

function toB(number: number): Uint8Array {
  return testFrame(STATION_B, STATION_A, number, 60);
}

for (const mode of ['native', 'generic'] as const) {
  describe(`AF_XDP links that share a program, ${mode}`, { skip: requireXdp() }, () => {
    test('two workers with two queues each of one interface, one program', async (t) => {
      await withXdpBench({ queues: 4 }, async (bench) => {
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

    test('a program is joined on its own interface only, and only as long as it is there', async () => {
      await withXdpBench({ queues: 2 }, async (bench) => {
        const before = openDescriptors();
        const far = await bench.open(FAR, { mode, queues: [0], chunks: 64 });
        const near = await bench.open(NEAR, { mode, queues: [0], chunks: 64 });
        const join = (program: SharedProgram) =>
          bench.open(FAR, { attach: false, program, queues: [1], chunks: 64 });
        const { program } = far;
        const held = openDescriptors();
        await assert.rejects(join(near.program), { option: 'program', message: /is on another interface/ });
        const joined = await join(program);
        const { attached, programId, mode: got } = joined.info();
        assert.deepEqual([attached, got, programId], [mode, mode, far.info().programId]);
        await joined.close();
        assert.deepEqual([joined.info().attached, joined.info().programId], [mode, programId]);
        const wrongIds = { ...program, ids: program.ids.map((id) => id + 1000) };
        await assert.rejects(join(wrongIds), { option: 'program', message: /has been closed/ });
        assert.equal(openDescriptors(), held);
        // Somebody else's map is nobody else's business: his queue 0 is still there.
        near.start(new CollectingReceiver());
        near.steer([B], [], { all: false, group: false });
        assert.ok(sendFrame(far, toB(1)));
        far.tx.flush();
        await eventually('not lost', () => near.stats().steering!.redirected === 1);
        for (const link of [near, far]) await link.close();
        // The numbers of its descriptors are given again at once.
        const second = await bench.open(FAR, { mode, queues: [0], chunks: 64 });
        await assert.rejects(join(program), { option: 'program', message: /has been closed/ });
        await second.close();
        await assert.rejects(join(program), { option: 'program', message: /has been closed/ });
        assert.equal(openDescriptors(), before);
      });
    });

    test("steering: 'all' of who joins is for his queues, and ends with him", async () => {
      await withXdpBench({ queues: 3 }, async (bench) => {
        const owner = await bench.open(FAR, { mode, queues: [0], chunks: 64 });
        const { program } = owner;
        const joined = await bench.open(FAR, {
          attach: false,
          program,
          queues: [1],
          steering: 'all',
          chunks: 64,
        });
        const receiver = new CollectingReceiver();
        joined.start(receiver);
        const send = async (queue: number): Promise<void> => {
          const sender = [0, 1, 2].find((from) => arrivesAt(mode, from) === queue)!;
          const near = await bench.open(NEAR, { queues: [sender], mode: 'generic', chunks: 64 });
          const { redirected, passed } = owner.stats().steering!;
          assert.ok(sendFrame(near, toB(queue)));
          near.tx.flush();
          const seen = () => owner.stats().steering!;
          await eventually('seen', () => seen().redirected + seen().passed > redirected + passed);
          await near.close();
        };
        await send(1);
        await eventually('the frame', () => receiver.frames.length === 1);
        await send(0);
        assert.equal(owner.stats().steering!.noEndpoint, 1);
        await joined.close();
        await send(1);
        assert.equal(owner.stats().steering!.noEndpoint, 2);
        const { xskMapFd } = program;
        const foreign = { attach: false, program: { ...program, xskMapFd, steering: undefined } };
        await assert.rejects(bench.open(FAR, { ...foreign, queues: [1], steering: 'all' }), OptionError);
      });
    });

    test('sockets in the map of a program that somebody else steers', async () => {
      await withXdpBench({ queues: 3 }, async (bench) => {
        const other = await bench.open(FAR, { mode, queues: [0], chunks: 256 });
        const { xskMapFd } = other.program;
        const far = await bench.open(FAR, { attach: false, xskMapFd, queues: [1], chunks: 256 });
        const receiver = new CollectingReceiver();
        far.start(receiver);
        // For others to decide: this is only for what comes past the program.
        far.admit([B]);
        far.steer([B], [], { all: false, group: true });
        assert.equal(far.stats().steering, null);
        const { attached, programId, mode: got } = far.info();
        assert.deepEqual([attached, got, programId], ['foreign', mode, other.info().programId]);
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

    test('sockets in a map that somebody else has pinned', { skip: requireBpfMount() }, () => {
      const program = `
        const { openXdpLink } = await import('${MODULE}');
        const { sendFrame, testFrame, STATION_A, STATION_B } = await import('${PROBE}');
        const { stationAt } = await import('${BENCH}');
        const { pinSockets } = await import('${STEERING}');
        const owner = await openXdpLink('far0', { mode: '${mode}', queues: [1], chunks: 64 });
        pinSockets(owner.steeringProgram, '/mnt/xsks');
        owner.steeringProgram.update([stationAt(STATION_B)], [], 3n);
        const link = await openXdpLink('far0', { attach: false, xskMapPath: '/mnt/xsks', queues: [0], chunks: 64 });
        let frames = 0;
        link.start({ begin() {}, frame() { frames++; }, end() {}, error() {}, state() {} });
        const near = await openXdpLink('near0', { mode: 'generic', chunks: 64 });
        sendFrame(near, testFrame(STATION_B, STATION_A, 1, 60));
        near.tx.flush();
        while (frames === 0) await new Promise((resolve) => setTimeout(resolve, 5));
        console.log(link.info().attached, frames);
        for (const each of [near, link, owner]) await each.close();
      `;
      const command = [
        'mount -t bpf bpf /mnt',
        'ip link add name near0 numrxqueues 2 numtxqueues 2 type veth peer name far0 numrxqueues 2 numtxqueues 2',
        'ip link set near0 up',
        'ip link set far0 up',
        'exec "$0" --input-type=module -e "$1"',
      ].join(' && ');
      const args = ['-m', '-n', 'sh', '-c', command, process.execPath, program];
      const { stdout, stderr } = spawnSync('unshare', args, { encoding: 'utf8', timeout: 30_000 });
      assert.equal(stdout.trim(), 'foreign 1', stderr);
    });
  });
}
