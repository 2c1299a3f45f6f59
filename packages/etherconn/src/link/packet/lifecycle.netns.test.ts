import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { CollectingReceiver } from '../../test-support/collecting-receiver.ts';
import { eventually } from '../../test-support/eventually.ts';
import { sendFrame } from '../../test-support/link-probe.ts';
import { FAR, NEAR, openVethBench, promiscuity, type VethBench } from '../../test-support/veth-links.ts';
import { requireNamespaces } from '../../testing/namespaces.ts';
import type { FrameMemory } from '../link.ts';

const skip = requireNamespaces();
const MODES = ['latency', 'throughput'] as const;
const HOLDER = fileURLToPath(new URL('../../test-support/hold-packet-link.js', import.meta.url));

function broadcast(): Buffer {
  const frame = Buffer.alloc(60, 0x5a);
  Buffer.from('ffffffffffff02000000000a88b5', 'hex').copy(frame);
  return frame;
}

function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

describe('AF_PACKET link: what it holds, and gives back', { skip }, () => {
  let bench: VethBench;
  before(async () => {
    bench = await openVethBench();
  });
  after(() => bench.close());

  test('promiscuity ends with the link', async () => {
    assert.equal(promiscuity(bench.near, NEAR), 0);
    const link = bench.open(NEAR);
    assert.equal(promiscuity(bench.near, NEAR), 1);
    const second = bench.open(NEAR);
    assert.equal(promiscuity(bench.near, NEAR), 2);
    link.start(new CollectingReceiver());
    await link.close();
    assert.equal(promiscuity(bench.near, NEAR), 1);
    await second.close();
    assert.equal(promiscuity(bench.near, NEAR), 0);
    const modest = bench.open(NEAR, { promiscuous: false });
    assert.equal(promiscuity(bench.near, NEAR), 0);
    await modest.close();
  });

  test('promiscuity ends with a process that is killed', async () => {
    const child = spawn(process.execPath, [HOLDER, NEAR, bench.near.path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    assert.equal(promiscuity(bench.near, NEAR), 1);
    child.kill('SIGKILL');
    await once(child, 'exit');
    await eventually('promiscuity gone', () => promiscuity(bench.near, NEAR) === 0);
  });

  test('a worker thread that is terminated gives everything back', async () => {
    const before = openDescriptors();
    for (let round = 0; round < 3; round++) {
      const worker = new Worker(HOLDER, { argv: [NEAR, bench.near.path] });
      await once(worker, 'message');
      assert.equal(promiscuity(bench.near, NEAR), 1);
      await worker.terminate();
      assert.equal(promiscuity(bench.near, NEAR), 0);
    }
    assert.equal(openDescriptors(), before);
  });

  for (const receive of MODES) {
    test(`${receive}: after close all views read as detached, and nothing is left open`, async () => {
      const before = openDescriptors();
      const [near, far] = [bench.open(NEAR), bench.open(FAR, { receive })];
      const receiver = new CollectingReceiver();
      let memory: FrameMemory | undefined;
      const begin = receiver.begin.bind(receiver);
      receiver.begin = (given) => {
        memory = given;
        begin(given);
      };
      far.start(receiver);
      assert.ok(sendFrame(near, broadcast()));
      near.tx.flush();
      await eventually('the frame', () => receiver.frames.length > 0);
      const kept = memory!.u8.subarray(0, 100);
      const { tx } = far;
      const closing = far.close();
      for (const { u8, u16, u32 } of [memory!, tx.memory]) {
        assert.deepEqual([u8.length, u16.length, u32.length], [0, 0, 0]);
      }
      assert.equal(kept.length, 0);
      assert.equal(kept[0], undefined);
      assert.throws(() => memory!.view.getUint8(0), TypeError);
      assert.equal(tx.reserve(60), -1);
      assert.equal(tx.flush(), 0);
      await closing;
      await far.close();
      await near.close();
      assert.equal(openDescriptors(), before);
      assert.equal(far.stats().rxFrames, 1);
      assert.equal(far.info().interfaceName, FAR);
      far.ref();
      far.unref();
      assert.throws(() => far.start(receiver), /closed/);
    });

    test(`${receive}: closed inside frame(): no further frame, end comes, the batch stays readable till then`, async () => {
      const [near, far] = [bench.open(NEAR), bench.open(FAR, { receive })];
      for (let i = 0; i < 10; i++) assert.ok(sendFrame(near, broadcast()));
      near.tx.flush();
      const log: string[] = [];
      let memory: FrameMemory | undefined;
      let closing: Promise<void> | undefined;
      far.start({
        begin(given) {
          memory = given;
          log.push('begin');
        },
        frame(offset) {
          closing = far.close();
          assert.ok(far.closed);
          log.push(`frame ${memory!.u8[offset]}`);
        },
        end() {
          log.push(`end ${memory!.u8.length > 0}`);
        },
        error: (error) => log.push(String(error)),
        state: () => log.push('state'),
      });
      await eventually('closed', () => closing !== undefined);
      await closing;
      assert.deepEqual(log, ['begin', 'frame 255', 'end true']);
      assert.equal(memory!.u8.length, 0);
      await near.close();
      assert.equal(promiscuity(bench.far, FAR), 0);
    });
  }

  test("a receiver's exception is an uncaughtException of the process, and the link goes on", () => {
    const program = `
      const { openPacketLink } = await import(${JSON.stringify(new URL('./link.js', import.meta.url).href)});
      const near = openPacketLink('${NEAR}', { netns: '${bench.near.path}' });
      const far = openPacketLink('${FAR}', { netns: '${bench.far.path}' });
      const caught = [];
      process.on('uncaughtException', (error) => caught.push(error.message));
      let frames = 0, ends = 0;
      far.start({
        begin() {},
        frame() { throw new Error('frame ' + ++frames); },
        async end() { ends++; if (frames === 3) { await far.close(); console.log(caught.join(), ends); } },
        error() {}, state() {},
      });
      for (let i = 0; i < 3; i++) {
        const offset = near.tx.reserve(60);
        near.tx.memory.u8.fill(255, offset, offset + 60);
        near.tx.commit(offset, 60);
      }
      near.tx.flush();
      await near.close();
    `;
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ['--input-type=module', '--eval', program],
      {
        encoding: 'utf8',
      },
    );
    assert.equal(stderr, '');
    assert.equal(status, 0);
    assert.equal(stdout, 'frame 1,frame 2,frame 3 3\n');
  });

  test('committed frames go out at close', async () => {
    const [near, far] = [bench.open(NEAR), bench.open(FAR)];
    const receiver = new CollectingReceiver();
    far.start(receiver);
    assert.ok(sendFrame(near, broadcast()));
    await near.close();
    await eventually('the frame', () => receiver.frames.length === 1);
    await far.close();
  });

  test('down and up: told, and usable again', async () => {
    const [near, far] = [bench.open(NEAR), bench.open(FAR)];
    const [nearReceiver, farReceiver] = [new CollectingReceiver(), new CollectingReceiver()];
    near.start(nearReceiver);
    far.start(farReceiver);
    for (let round = 1; round <= 3; round++) {
      bench.far.run('ip', 'link', 'set', FAR, 'down');
      await eventually('down at the far end', () => farReceiver.states.length === 2 * round - 1);
      // The near end has lost its carrier by that.
      await eventually('down at the near end', () => nearReceiver.states.length === 2 * round - 1);
      assert.ok(sendFrame(near, broadcast()));
      assert.ok(sendFrame(far, broadcast()));
      assert.equal(near.tx.flush() + far.tx.flush(), 0);
      assert.deepEqual([near.stats().txErrors, far.stats().txErrors], [round, round]);
      bench.far.run('ip', 'link', 'set', FAR, 'up');
      await eventually(
        'up again',
        () => nearReceiver.states.length + farReceiver.states.length === 4 * round,
      );
      for (const link of [near, far]) {
        assert.ok(sendFrame(link, broadcast()));
        link.tx.flush();
      }
      await eventually('frames', () => nearReceiver.frames.length + farReceiver.frames.length === 2 * round);
    }
    assert.deepEqual(farReceiver.states, [false, true, false, true, false, true]);
    assert.deepEqual([nearReceiver.errors, farReceiver.errors], [[], []]);
    await near.close();
    await far.close();
  });

  test('an interface that is down at start is told of', async () => {
    bench.far.run('ip', 'link', 'set', FAR, 'down');
    const far = bench.open(FAR);
    const receiver = new CollectingReceiver();
    far.start(receiver);
    await eventually('told', () => receiver.states.length === 1);
    bench.far.run('ip', 'link', 'set', FAR, 'up');
    await eventually('told again', () => receiver.states.length === 2);
    assert.deepEqual(receiver.states, [false, true]);
    await far.close();
  });
});

describe('AF_PACKET link: an interface that goes away', { skip }, () => {
  for (const receive of MODES) {
    test(`${receive}: deleted under traffic: one error, everything released`, async () => {
      const before = openDescriptors();
      const bench = await openVethBench();
      const held = openDescriptors();
      const [near, far] = [bench.open(NEAR, { receive }), bench.open(FAR, { receive })];
      const [nearReceiver, farReceiver] = [new CollectingReceiver(), new CollectingReceiver()];
      near.start(nearReceiver);
      far.start(farReceiver);
      let sent = 0;
      const pump = () => {
        if (near.closed) return;
        while (sendFrame(near, broadcast())) sent++;
        near.tx.flush();
        setImmediate(pump);
      };
      pump();
      await eventually('traffic', () => farReceiver.frames.length > 1000);
      bench.far.run('ip', 'link', 'delete', FAR);
      await eventually('both told', () => nearReceiver.errors.length + farReceiver.errors.length === 2);
      for (const [link, receiver] of [
        [near, nearReceiver],
        [far, farReceiver],
      ] as const) {
        assert.ok(link.closed);
        assert.equal((receiver.errors[0] as NodeJS.ErrnoException).code, 'ENODEV');
        assert.match(receiver.errors[0].message, /was deleted/);
        await link.close();
      }
      // Whatever the error came through, every frame is accounted for.
      const { txFrames, txErrors } = near.stats();
      assert.equal(txFrames + txErrors, sent);
      assert.ok(far.stats().rxFrames + far.stats().rxDropped <= txFrames);
      assert.equal(openDescriptors(), held);
      await bench.close();
      await eventually('holders gone', () => openDescriptors() <= before);
    });
  }

  test('moved to another namespace: as good as deleted', async () => {
    const bench = await openVethBench();
    const far = bench.open(FAR);
    const receiver = new CollectingReceiver();
    far.start(receiver);
    bench.far.run('ip', 'link', 'set', FAR, 'netns', `${bench.near.pid}`);
    await eventually('told', () => receiver.errors.length === 1);
    assert.match(receiver.errors[0].message, /'far0' was deleted, or moved/);
    await bench.close();
  });

  test('deleted between open and start: told after start', async () => {
    const bench = await openVethBench();
    const far = bench.open(FAR);
    bench.far.run('ip', 'link', 'delete', FAR);
    const receiver = new CollectingReceiver();
    far.start(receiver);
    assert.equal(receiver.errors.length, 0);
    await eventually('told', () => receiver.errors.length === 1);
    assert.ok(far.closed);
    await bench.close();
  });

  test('renamed: goes on', async () => {
    const bench = await openVethBench();
    const [near, far] = [bench.open(NEAR), bench.open(FAR)];
    const receiver = new CollectingReceiver();
    far.start(receiver);
    bench.far.run('ip', 'link', 'set', FAR, 'down');
    bench.far.run('ip', 'link', 'set', FAR, 'name', 'other0');
    bench.far.run('ip', 'link', 'set', 'other0', 'up');
    await eventually('up', () => receiver.states.at(-1) === true || receiver.states.length === 0);
    assert.ok(sendFrame(near, broadcast()));
    near.tx.flush();
    await eventually('a frame', () => receiver.frames.length === 1);
    assert.deepEqual(receiver.errors, []);
    await bench.close();
  });
});
