import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { loadAddon } from '../../native/addon.ts';
import { CollectingReceiver } from '../../test-support/collecting-receiver.ts';
import { eventually } from '../../test-support/eventually.ts';
import { STATION_B } from '../../test-support/link-probe.ts';
import { FAR, promiscuity } from '../../test-support/veth-links.ts';
import {
  hasProgram,
  openDescriptors,
  requireXdp,
  stationAt,
  withXdpBench,
} from '../../test-support/xdp-bench.ts';
import { PACKET_ADD_MEMBERSHIP, SOL_PACKET } from '../packet/if-packet.ts';

const NOTHING = { all: false, group: false };

/** Calls that fail, one at a time and together, as without descriptors or memory. */
const FAILING = [
  ['bpfMapSum'],
  ['bpfMapDelete'],
  ['socketGetOption'],
  ['xdpDiscard'],
  ['steeringMerge', 'steeringTakeAll', 'bpfMapDelete', 'bpfMapSum'],
] as const;

for (const names of FAILING) {
  test(`close gives everything back when these fail: ${names.join(', ')}`, {
    skip: requireXdp(),
  }, async (t) => {
    await withXdpBench({}, async (bench) => {
      const before = openDescriptors();
      const link = await bench.open(FAR, { chunks: 64, steering: 'all' });
      link.start(new CollectingReceiver());
      link.steer([stationAt(STATION_B)], [], NOTHING);
      // Others go on with the maps, so that what is ours is taken out.
      assert.ok(link.program.xskMapFd >= 0);
      const last = link.stats();
      const mocks = names.map((name) => {
        return t.mock.method(loadAddon(), name, () => {
          throw Object.assign(new Error('no more'), { errno: -24, syscall: name });
        });
      });
      await link.close();
      assert.ok(mocks.every(({ mock }) => mock.callCount() > 0));
      for (const { mock } of mocks) mock.restore();
      assert.equal(openDescriptors(), before);
      assert.equal(hasProgram(bench.far, FAR), false);
      assert.equal(promiscuity(bench.far, FAR), 0);
      assert.equal(link.stats().steering?.redirected, last.steering!.redirected);
      await link.close();
      // The queue is free as well.
      await (await bench.open(FAR, { chunks: 64 })).close();
    });
  });
}

test('what fails last leaves nothing open', { skip: requireXdp() }, async (t) => {
  await withXdpBench({}, async (bench) => {
    const before = openDescriptors();
    const addon = loadAddon();
    const set = addon.socketSetOption.bind(addon);
    t.mock.method(addon, 'socketSetOption', (...args: Parameters<typeof set>) => {
      // Promiscuity.
      if (args[1] === SOL_PACKET && args[2] === PACKET_ADD_MEMBERSHIP) throw new Error('no more');
      set(...args);
    });
    await assert.rejects(bench.open(FAR, { chunks: 64 }), /no more/);
    assert.equal(openDescriptors(), before);
    assert.equal(hasProgram(bench.far, FAR), false);
  });
});

test('an interface that goes while counters cannot be read: who reads is told', {
  skip: requireXdp(),
}, async (t) => {
  await withXdpBench({}, async (bench) => {
    const link = await bench.open(FAR, { chunks: 64 });
    const receiver = new CollectingReceiver();
    link.start(receiver);
    t.mock.method(loadAddon(), 'bpfMapSum', () => {
      throw Object.assign(new Error('no more'), { errno: -24, syscall: 'bpf' });
    });
    assert.throws(() => link.stats(), { code: 'EMFILE', message: /counters of the steering program/ });
    bench.far.run('ip', 'link', 'delete', FAR);
    await eventually('told', () => receiver.errors.length === 1);
    assert.ok(link.closed);
  });
});

test('without a descriptor left counters are read, and a link is closed', { skip: requireXdp() }, () => {
  const script = `
    import { closeSync, openSync } from 'node:fs';
    const { openXdpLink } = await import('${new URL('./link.js', import.meta.url).href}');
    const link = await openXdpLink('v0', { chunks: 64 });
    const held = [];
    try { for (;;) held.push(openSync('/dev/null')); } catch {}
    console.log(typeof link.stats().steering.passed);
    await link.close();
    console.log('closed');
    for (const fd of held) closeSync(fd);
    await (await openXdpLink('v0', { chunks: 64 })).close();
    console.log('opened again');
  `;
  const command =
    'ip link add v0 type veth peer name v1 && ip link set v0 up && ulimit -n 128 && exec "$0" "$@"';
  const args = ['-n', 'sh', '-c', command, process.execPath, '--input-type=module', '-e', script];
  const { stdout, stderr } = spawnSync('unshare', args, { encoding: 'utf8', timeout: 30_000 });
  assert.deepEqual(stdout.trim().split('\n'), ['number', 'closed', 'opened again'], stderr);
});
