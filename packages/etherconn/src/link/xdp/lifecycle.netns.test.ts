import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { CollectingReceiver } from '../../test-support/collecting-receiver.ts';
import { eventually } from '../../test-support/eventually.ts';
import type { HoldOptions } from '../../test-support/hold-xdp-link.ts';
import { STATION_A, STATION_B, sendFrame, testFrame } from '../../test-support/link-probe.ts';
import { FAR, NEAR, promiscuity } from '../../test-support/veth-links.ts';
import {
  hasProgram,
  openDescriptors,
  openXdpBench,
  requireXdp,
  stationAt,
  withXdpBench,
  type XdpBench,
} from '../../test-support/xdp-bench.ts';
import type { Station } from '../link.ts';
import type { XdpLink } from './link.ts';
import type { XdpLinkOptions } from './options.ts';

const HOLDER = fileURLToPath(new URL('../../test-support/hold-xdp-link.js', import.meta.url));
const B: Station = stationAt(STATION_B);
const MODES = ['native', 'generic'] as const;

/** A datagram to a port where nobody listens: that the kernel says so takes ARP and ICMP, both ways. */
const ARP_AND_UDP = `
  const socket = require('node:dgram').createSocket('udp4');
  socket.connect(9, '10.0.0.2', () => socket.send('x'));
  socket.on('error', ({ code }) => { console.log(code); socket.close(); });
`;

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

function toB(number: number): Uint8Array {
  return testFrame(STATION_B, STATION_A, number, 60);
}

for (const mode of MODES) {
  describe(`AF_XDP link, ${mode}: what it holds, and gives back`, { skip: requireXdp() }, () => {
    test('the program and promiscuity are there with the link, and only with it', async () => {
      await withXdpBench({}, async (bench) => {
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

    for (const [what, options] of [
      ['for stations', {}],
      ['wanting all', { wants: { all: true, group: true } }],
      ["with steering: 'all'", { steering: 'all' }],
    ] as const satisfies readonly (readonly [string, HoldOptions])[]) {
      test(`killed under traffic, ${what}: the program is gone, and promiscuity; the interface forwards`, async () => {
        const addresses = { nearAddress: '10.0.0.1/24', farAddress: '10.0.0.2/24' };
        await withXdpBench(addresses, async (bench) => {
          const near = await bench.open(NEAR, { mode, chunks: 256 });
          // In its own namespace: without the option netns.
          const settings = JSON.stringify({ mode, chunks: 256, echo: true, ...options });
          const child = bench.far.spawn(process.execPath, HOLDER, FAR, '', settings);
          child.stderr!.pipe(process.stderr);
          await once(child.stdout!, 'data');
          assert.ok(hasProgram(bench.far, FAR));
          assert.ok(promiscuity(bench.far, FAR) > 0);
          const nearReceiver = new CollectingReceiver();
          near.start(nearReceiver);
          near.steer([stationAt(STATION_A)], [], { all: false, group: false });
          await eventually('answers', () => {
            sendFrame(near, toB(0));
            near.tx.flush();
            return nearReceiver.frames.length > 0;
          });
          for (let i = 0; i < 100; i++) sendFrame(near, toB(i));
          near.tx.flush();
          child.kill('SIGKILL');
          await once(child, 'exit');
          await eventually('no program', () => !hasProgram(bench.far, FAR));
          await eventually('not promiscuous', () => promiscuity(bench.far, FAR) === 0);
          // The interface goes on, for the kernel and for the next link.
          const echoed = bench.near.run(process.execPath, '-e', ARP_AND_UDP);
          assert.equal(echoed.stdout.trim(), 'ECONNREFUSED');
          const { receiver } = await openFar(bench, { mode });
          assert.ok(sendFrame(near, toB(1)));
          near.tx.flush();
          await eventually('the frame', () => receiver.frames.length === 1);
        });
      });
    }

    test('a worker thread that is terminated gives everything back', async () => {
      await withXdpBench({}, async (bench) => {
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

    test('down and up: told, and usable again', async () => {
      await withXdpBench({}, async (bench) => {
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
      await withXdpBench({}, async (bench) => {
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
      await withXdpBench({}, async (bench) => {
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
