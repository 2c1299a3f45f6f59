import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { syncBuiltinESMExports } from 'node:module';
import os from 'node:os';
import { describe, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { FAR, NEAR, openVethBench, type VethBench } from '../test-support/veth-links.ts';
import { requireXdp } from '../test-support/xdp-bench.ts';
import { requireNamespaces, type VethOptions } from '../testing/namespaces.ts';
import type { OpenRelayOptions } from './open-relay.ts';
import { RawSocketRelay } from './raw-socket-relay.ts';
import { Relay } from './relay.ts';
import { XDPRelay } from './xdp-relay.ts';

async function withBench(body: (bench: VethBench) => Promise<void>, options?: VethOptions): Promise<void> {
  const bench = await openVethBench(options);
  try {
    await body(bench);
  } finally {
    await bench.close();
  }
}

/** Until the test ends the kernel seems to be of this release. */
function withRelease(t: TestContext, release: string): void {
  const { mock } = t.mock.method(os, 'release', () => release);
  // For those who import it by name.
  syncBuiltinESMExports();
  t.after(() => {
    mock.restore();
    syncBuiltinESMExports();
  });
}

describe('Relay.open', { skip: requireNamespaces() }, () => {
  test("under Node's permission model, without a look at /proc: AF_PACKET, and the flag is named", async () => {
    await withBench(async ({ near }) => {
      const entry = new URL('../index.js', import.meta.url);
      const program = `const { Relay, XDPRelay } = await import('${entry}');
        const relay = await Relay.open('${NEAR}');
        const { kind, fallback } = relay.info();
        await relay.close();
        const netns = await Relay.open('${NEAR}', { netns: '${near.path}' }).catch((error) => error);
        console.log(JSON.stringify({ kind, fallback, code: netns.code, message: netns.message }));`;
      const flags = [
        process.allowedNodeEnvironmentFlags.has('--permission')
          ? '--permission'
          : '--experimental-permission',
        '--allow-addons',
        `--allow-fs-read=${fileURLToPath(new URL('../..', import.meta.url))}`,
      ];
      const args = ['--no-warnings', ...flags, '--input-type=module', '-e', program];
      const { kind, fallback, code, message } = JSON.parse(near.run(process.execPath, ...args).stdout);
      assert.equal(kind, 'packet');
      assert.match(fallback, /permission model .* --allow-fs-read=\/proc$/);
      assert.equal(code, 'ERR_ETHERCONN_PERMISSION');
      assert.match(message, /forbids reading \/proc\/\d+\/ns\/net; .* --allow-fs-read=\/proc$/);
    });
  });

  test("engine: 'packet' is AF_PACKET, and says which options it does not know", async () => {
    await withBench(async ({ near }) => {
      const options: OpenRelayOptions = { engine: 'packet', netns: near.path, mode: 'native', chunks: 128 };
      await using relay = await Relay.open(NEAR, options);
      assert.ok(relay instanceof RawSocketRelay);
      const { kind, fallback, ignoredOptions } = relay.info();
      assert.deepEqual([kind, fallback, ignoredOptions], ['packet', undefined, ['mode', 'chunks']]);
    });
  });

  test('an interface or a namespace that is not there is an error with any engine', async () => {
    await withBench(async ({ near }) => {
      for (const engine of ['auto', 'xdp', 'packet'] as const) {
        await assert.rejects(Relay.open('nowhere0', { engine, netns: near.path }), { code: 'ENODEV' });
        await assert.rejects(Relay.open(NEAR, { engine, netns: '/proc/self/ns/none' }), { code: 'ENOENT' });
      }
    });
  });

  test('on a kernel before 5.10 it is AF_PACKET, and info() says why', async (t) => {
    await withBench(async ({ near }) => {
      withRelease(t, '5.9.16-1-amd64');
      const netns = near.path;
      await using relay = await Relay.open(NEAR, { netns });
      assert.equal(relay.info().kind, 'packet');
      assert.match(String(relay.info().fallback), /need Linux 5\.10 or later, this is 5\.9\.16-1-amd64/);
      const refused = { code: 'ERR_ETHERCONN_KERNEL', message: /use RawSocketRelay/ };
      await assert.rejects(XDPRelay.open(NEAR, { netns }), refused);
      await assert.rejects(Relay.open(NEAR, { netns, engine: 'xdp' }), refused);
      // What only AF_XDP can do is no reason to take something else.
      await assert.rejects(Relay.open(NEAR, { netns, queues: [0] }), refused);
      // A wrong option is told first.
      await assert.rejects(Relay.open(NEAR, { netns, chunks: 3 }), { option: 'chunks' });
    });
  });

  test('without the right to load XDP programs it is AF_PACKET, and info() says why', async () => {
    // In a user namespace no capability counts for bpf(2), not even root's.
    const program = `
      import { Relay } from '${new URL('../index.js', import.meta.url).href}';
      const relay = await Relay.open('v0');
      const { kind, fallback } = relay.info();
      console.log(kind, fallback);
      await relay.close();
      for (const only of [{ takeover: true }, { steering: 'all' }, { queues: [0] }, { engine: 'xdp' }])
        await Relay.open('v0', only).then(() => console.log('opened'), (error) => console.log(error.code));
    `;
    const setUp = 'ip link add v0 type veth peer name v1 && ip link set v0 up && exec "$0" "$@"';
    const node = [process.execPath, '--input-type=module', '-e', program];
    const run = spawnSync('unshare', ['-Urn', 'sh', '-c', setUp, ...node], { encoding: 'utf8' });
    const [first, ...others] = run.stdout.trim().split('\n');
    assert.match(first!, /^packet .*CAP_BPF.*user namespace/, run.stderr);
    assert.deepEqual(others, ['EPERM', 'EPERM', 'EPERM', 'EPERM']);
  });
});

describe('Relay.open where AF_XDP works', { skip: requireXdp() }, () => {
  test('it is AF_XDP, and says which options that does not know', async () => {
    await withBench(async ({ near }) => {
      for (const engine of ['auto', 'xdp'] as const) {
        await using relay = await Relay.open(NEAR, { engine, netns: near.path, receiveRing: 128 });
        assert.ok(relay instanceof XDPRelay);
        const { kind, mode, ignoredOptions } = relay.info();
        assert.deepEqual([kind, mode, ignoredOptions], ['xdp', 'native', ['receiveRing']]);
      }
    });
  });

  test('from 5.10 on it is AF_XDP', async (t) => {
    await withBench(async ({ near }) => {
      withRelease(t, '5.10.0-8-amd64');
      await using relay = await Relay.open(NEAR, { netns: near.path });
      assert.deepEqual([relay.info().kind, relay.info().fallback], ['xdp', undefined]);
    });
  });

  test('where somebody else has an XDP program it is AF_PACKET, and nothing was replaced', async () => {
    await withBench(async ({ near, far }) => {
      await using first = await XDPRelay.open(NEAR, { netns: near.path });
      await using second = await Relay.open(NEAR, { netns: near.path });
      assert.equal(second.info().kind, 'packet');
      assert.match(String(second.info().fallback), /has an XDP program already \(id \d+, native mode\)/);
      await assert.rejects(Relay.open(NEAR, { engine: 'xdp', netns: near.path }), { code: 'EBUSY' });
      assert.equal(first.closed, false);
      assert.match(near.run('ip', 'link', 'show', NEAR).stdout, /xdp/);
      // The other interface has none.
      await using third = await Relay.open(FAR, { netns: far.path });
      assert.equal(third.info().kind, 'xdp');
    });
  });

  test('where there are more queues than AF_XDP can take it is AF_PACKET; named ones are AF_XDP', async () => {
    await withBench(
      async ({ near }) => {
        const netns = near.path;
        await using relay = await Relay.open(NEAR, { netns });
        assert.equal(relay.info().kind, 'packet');
        assert.match(String(relay.info().fallback), /has 65 queues, a link takes at most 64/);
        await assert.rejects(XDPRelay.open(NEAR, { netns }), { code: 'ERR_ETHERCONN_QUEUES' });
        await assert.rejects(Relay.open(NEAR, { netns, engine: 'xdp' }), { code: 'ERR_ETHERCONN_QUEUES' });
        await using named = await Relay.open(NEAR, { netns, queues: [0, 63], chunks: 64 });
        assert.equal(String(named), `XDPRelay ${NEAR} (native, queues 0, 63)`);
      },
      { queues: 65 },
    );
  });

  test('where a mode that was asked for cannot be had it is AF_PACKET', async () => {
    await withBench(async ({ near }) => {
      await using relay = await Relay.open(NEAR, { netns: near.path, mode: 'zerocopy' });
      assert.equal(relay.info().kind, 'packet');
      assert.match(String(relay.info().fallback), /zero/i);
    });
  });
});
