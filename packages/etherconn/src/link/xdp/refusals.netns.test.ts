import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { CollectingReceiver } from '../../test-support/collecting-receiver.ts';
import { eventually } from '../../test-support/eventually.ts';
import { BROADCAST, STATION_A, STATION_B, sendFrame, testFrame } from '../../test-support/link-probe.ts';
import { FAR, promiscuity } from '../../test-support/veth-links.ts';
import { openDescriptors, requireXdp, stationAt, withXdpBench } from '../../test-support/xdp-bench.ts';
import { requireCommand } from '../../testing/namespaces.ts';
import { vlanKey } from '../../wire/vlan.ts';
import type { LinkWants } from '../link.ts';
import { setVlanOffload } from './vlan-offload.ts';

const GROUP: LinkWants = { all: false, group: true };

/** Runs this program of ours with fewer capabilities; returns what the open was rejected with. */
function openWithout(capability: string): string {
  const module = new URL('./link.js', import.meta.url).href;
  const program = `
    const { openXdpLink } = await import(${JSON.stringify(module)});
    await openXdpLink('lo', { mode: 'generic', chunks: 64 }).catch((error) => console.log(error.message));
  `;
  const drop = ['--bounding-set', `-${capability}`, '--inh-caps', `-${capability}`];
  const node = [process.execPath, '--input-type=module', '--eval', program];
  const limited = ['sh', '-c', 'ulimit -l 64; exec "$@"', 'sh', 'setpriv', ...drop, ...node];
  const result = spawnSync('unshare', ['-n', ...limited], { encoding: 'utf8' });
  assert.equal(result.status, 0, result.stderr);
  return result.stdout;
}

describe('AF_XDP links: refusals', { skip: requireXdp() }, () => {
  test('wrong options, before anything is opened', async () => {
    await withXdpBench({}, async (bench) => {
      const before = openDescriptors();
      await assert.rejects(bench.open(FAR, { chunks: 100 }), { option: 'chunks' });
      await assert.rejects(bench.open(FAR, { queues: [7] }), {
        option: 'queues',
        message: /only queue 0, got 7/,
      });
      await assert.rejects(bench.open(FAR, { netns: '/nowhere' }), { code: 'ENOENT' });
      await assert.rejects(bench.open(FAR, { netns: bench.near.path }), { code: 'ENODEV' });
      await assert.rejects(bench.open(FAR, { mode: 'zerocopy' }), {
        code: 'ENOTSUP',
        message: /no zero-copy/,
      });
      assert.equal(openDescriptors(), before);
      assert.equal(promiscuity(bench.far, FAR), 0);
    });
  });

  test('a queue that is in use, by a link that shares no program', async () => {
    await withXdpBench({ queues: 2 }, async (bench) => {
      const first = await bench.open(FAR, { queues: [0] });
      const before = openDescriptors();
      await assert.rejects(bench.open(FAR, { attach: false, program: first.program, queues: [1, 0] }), {
        code: 'ERR_ETHERCONN_QUEUE_BUSY',
        message: /queue 0 is busy/,
      });
      assert.equal(openDescriptors(), before);
      await bench.open(FAR, { attach: false, program: first.program, queues: [1] });
    });
  });

  test('a program that is there already is named and left alone', async () => {
    await withXdpBench({}, async (bench) => {
      await bench.open(FAR, { mode: 'native' });
      for (const mode of ['auto', 'native', 'generic'] as const) {
        await assert.rejects(bench.open(FAR, { mode }), { code: 'EBUSY', message: /id \d+/ });
      }
      assert.match(bench.far.run('ip', 'link', 'show', FAR).stdout, /prog\/xdp id/);
    });
  });

  test('without a capability: it is named, and what can be done', { skip: requireCommand('setpriv') }, () => {
    assert.match(openWithout('net_raw'), /need CAP_NET_RAW, which.*use RawSocketRelay/);
    assert.match(openWithout('bpf,-sys_admin'), /need CAP_BPF, which.*use RawSocketRelay/);
    assert.match(openWithout('net_admin,-sys_admin'), /need CAP_NET_ADMIN, which.*use RawSocketRelay/);
    assert.match(openWithout('ipc_lock'), /locked memory is too low.*lower 'chunks'/);
  });

  test('stations in a VLAN where the tags are taken out before XDP', async () => {
    await withXdpBench({}, async (bench) => {
      bench.near.run('ip', 'link', 'add', 'left0', 'type', 'veth', 'peer', 'name', 'right0');
      for (const name of ['left0', 'right0']) bench.near.run('ip', 'link', 'set', name, 'up');
      const link = await bench.open('left0', { netns: bench.near.path, chunks: 256 });
      const inVlan = { ...stationAt(STATION_B), vlanKey: vlanKey([5]) };
      assert.throws(() => link.steer([inVlan], [], GROUP), {
        code: 'ERR_ETHERCONN_VLAN_OFFLOAD',
        message: /ethtool -K right0 txvlan off/,
      });
      setVlanOffload('right0', false, { netns: bench.near.path });
      link.steer([inVlan], [], GROUP);
    });
  });

  test('more stations than there is room for: refused when they are admitted, and nothing changes', async () => {
    await withXdpBench({}, async (bench) => {
      const link = await bench.open(FAR, { maxEndpoints: 2, chunks: 64 });
      const [a, b, c] = [STATION_A, STATION_B, BROADCAST.map((byte, i) => (i === 0 ? 2 : byte))].map(
        (address) => stationAt(address),
      );
      const refused = {
        code: 'ERR_ETHERCONN_LIMIT',
        message: /2 of at most 2 are there; raise maxEndpoints/,
      };
      link.admit([a]);
      link.admit([b]);
      assert.throws(() => link.admit([c]), refused);
      link.steer([a, b], [], GROUP);
      assert.throws(() => link.admit([c]), refused);
      link.steer([], [a], GROUP);
      link.admit([c]);
      link.steer([c], [], GROUP);
      await link.close();
      link.admit([a]);
    });
  });

  test('native XDP on veth: the peer’s queues must not be more than ours, its MTU may be what it is', async () => {
    await withXdpBench({}, async (bench) => {
      // No router solicitations among the frames that are counted.
      bench.near.run('sh', '-c', 'echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6');
      const pair = (ours: string, theirs: string, more: string) =>
        bench.near.run(
          'sh',
          '-c',
          `ip link add name ${ours} numrxqueues 1 numtxqueues 1 type veth peer name ${theirs} ${more} && ` +
            `ip link set ${ours} up && ip link set ${theirs} up`,
        );
      const netns = bench.near.path;
      pair('few0', 'many0', 'numrxqueues 4 numtxqueues 4');
      const message = /fewer receive queues than its peer has transmit queues: 'ethtool -L few0 rx N'/;
      const native = bench.open('few0', { netns, mode: 'native', chunks: 256 });
      await assert.rejects(native, { code: 'ENOSPC', message });
      // 'auto' falls back to what works, and says why.
      const few = await bench.open('few0', { netns, chunks: 256 });
      assert.deepEqual([few.info().mode, few.info().attached], ['generic', 'generic']);
      assert.match(String(few.info().fallback), message);
      await few.close();

      pair('small0', 'large0', 'mtu 9000 numrxqueues 1 numtxqueues 1');
      const small = await bench.open('small0', { netns, mode: 'native', chunks: 256 });
      const receiver = new CollectingReceiver();
      small.start(receiver);
      small.steer([stationAt(STATION_B)], [], GROUP);
      const large = await bench.open('large0', { netns, chunks: 256 });
      for (const length of [9014, 2000, 1519, 1514, 60]) {
        assert.ok(sendFrame(large, testFrame(STATION_B, STATION_A, length, length)));
      }
      large.tx.flush();
      // The kernel drops what is longer than our MTU and a VLAN tag, before anybody sees it.
      await eventually('the short ones', () => receiver.frames.length === 2);
      assert.deepEqual(
        receiver.frames.map(({ bytes }) => bytes.length),
        [1514, 60],
      );
      assert.equal(small.stats().rxDropped, 0);
    });
  });
});
