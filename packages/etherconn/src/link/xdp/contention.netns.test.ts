import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { eventually } from '../../test-support/eventually.ts';
import { STATION_A, STATION_B, sendFrame, testFrame } from '../../test-support/link-probe.ts';
import { FAR, NEAR, promiscuity } from '../../test-support/veth-links.ts';
import { hasProgram, openDescriptors, requireXdp, withXdpBench } from '../../test-support/xdp-bench.ts';
import type { XdpLink } from './link.ts';

/** Several that want one interface. */

const HOLDER = fileURLToPath(new URL('../../test-support/hold-xdp-link.js', import.meta.url));

/** What opening is refused with while the program `id` is there. */
function taken(id: unknown): object {
  return {
    name: 'SystemError',
    code: 'EBUSY',
    message: new RegExp(`has an XDP program already \\(id ${id}, \\w+ mode\\); nothing was replaced`),
  };
}

for (const mode of ['native', 'generic', 'auto'] as const) {
  describe(`AF_XDP links that want one interface, ${mode}`, { skip: requireXdp() }, () => {
    test('opened twice at once: one has it, the other is told who, and nothing is left of him', async () => {
      await withXdpBench({ queues: 2 }, async (bench) => {
        const before = openDescriptors();
        for (let round = 0; round < 3; round++) {
          const options = { mode, chunks: 64 };
          const results = await Promise.allSettled([bench.open(FAR, options), bench.open(FAR, options)]);
          const links = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
          const errors = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
          assert.deepEqual([links.length, errors.length], [1, 1]);
          const [link] = links as [XdpLink];
          assert.throws(() => {
            throw errors[0];
          }, taken(link.info().programId));
          assert.ok(hasProgram(bench.far, FAR));
          assert.equal(promiscuity(bench.far, FAR), 1);
          await link.close();
          assert.equal(hasProgram(bench.far, FAR), false);
          assert.equal(promiscuity(bench.far, FAR), 0);
          assert.equal(openDescriptors(), before);
        }
      });
    });

    test('the first thread closes while a worker shares its program: that stays his until he ends', async (t) => {
      await withXdpBench({ queues: 3 }, async (bench) => {
        const before = openDescriptors();
        const first = await bench.open(FAR, { mode, queues: [0], chunks: 64 });
        const { programId } = first.info();
        const worker = new Worker(HOLDER, {
          argv: [FAR, bench.far.path],
          workerData: { queues: [1, 2], attach: false, program: first.program, chunks: 64 },
        });
        t.after(() => worker.terminate());
        assert.deepEqual(await once(worker, 'message'), ['open']);
        await first.close();
        assert.ok(hasProgram(bench.far, FAR));
        assert.ok(promiscuity(bench.far, FAR) > 0);
        // It goes on receiving. What is sent on queue 2 of a veth comes to queue 2, in generic mode to 1.
        const near = await bench.open(NEAR, { mode: 'generic', queues: [2], chunks: 64 });
        let frames = 0;
        worker.on('message', (count) => {
          frames = count;
        });
        await eventually('frames at the worker', () => {
          sendFrame(near, testFrame(STATION_B, STATION_A, 1, 60));
          near.tx.flush();
          worker.postMessage('count');
          return frames > 0;
        });
        await near.close();
        // Who comes anew is told of the program that is still there.
        await assert.rejects(bench.open(FAR, { mode, queues: [0], chunks: 64 }), taken(programId));
        await worker.terminate();
        assert.equal(hasProgram(bench.far, FAR), false);
        assert.equal(promiscuity(bench.far, FAR), 0);
        const again = await bench.open(FAR, { mode, chunks: 64 });
        assert.notEqual(again.info().programId, programId);
        await again.close();
        assert.equal(openDescriptors(), before);
      });
    });

    test('whoever has a program can hand it on, also when he who attached it has closed', async () => {
      await withXdpBench({ queues: 3 }, async (bench) => {
        const before = openDescriptors();
        const first = await bench.open(FAR, { mode, queues: [0], chunks: 64 });
        const join = (from: XdpLink, queue: number) =>
          bench.open(FAR, { attach: false, program: from.program, queues: [queue], chunks: 64 });
        const second = await join(first, 1);
        await first.close();
        const third = await join(second, 2);
        const again = await join(third, 0);
        for (const link of [second, third, again]) {
          assert.deepEqual(
            [link.info().attached, link.info().mode, link.info().programId],
            [first.info().attached, first.info().mode, first.info().programId],
          );
        }
        for (const link of [second, third]) await link.close();
        assert.ok(hasProgram(bench.far, FAR));
        await again.close();
        assert.equal(hasProgram(bench.far, FAR), false);
        assert.equal(openDescriptors(), before);
      });
    });
  });
}
