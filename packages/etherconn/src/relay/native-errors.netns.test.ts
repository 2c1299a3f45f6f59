import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EtherConn } from '../conn/ether-conn.ts';
import { UdpService } from '../conn/udp-service.ts';
import { EtherconnError, SystemError } from '../errors.ts';
import { setVlanOffload, vlanOffload } from '../link/xdp/vlan-offload.ts';
import { type Addon, loadAddon } from '../native/addon.ts';
import { requireBpf } from '../test-support/bpf.ts';
import { NEAR, openVethBench } from '../test-support/veth-links.ts';
import { openNamespace } from '../testing/namespaces.ts';
import type { KernelRelay } from './kernel-relay.ts';
import { RawSocketRelay } from './raw-socket-relay.ts';
import { XDPRelay } from './xdp-relay.ts';

/** Whatever call of the addon fails, what a user is told says what for, with code, number, call and advice. */

const skip = requireBpf();

/** Those whose failing must not keep anybody from closing, and those that return a number. */
const NEVER_FAIL = [
  'socketClose',
  'bpfClose',
  'pollClose',
  'pollStop',
  'pollRef',
  'xdpDiscard',
  'packetSend',
  'xdpKick',
  'xdpWake',
  'interfaceState',
  'interfaceAddress',
];

/** Makes one function fail as without descriptors, until it is told to stop. */
function failing(name: keyof Addon): { calls: number; stop(): void } {
  const addon = loadAddon() as unknown as Record<string, unknown>;
  const real = addon[name];
  const state = {
    calls: 0,
    stop() {
      addon[name] = real;
    },
  };
  addon[name] = () => {
    state.calls++;
    throw Object.assign(new Error('Too many open files'), { code: 'EMFILE', errno: -24, syscall: name });
  };
  return state;
}

function checkTold(error: unknown, what: string, name: string): void {
  assert.ok(error instanceof EtherconnError, `${what}: ${(error as Error)?.stack}`);
  if (!(error instanceof SystemError)) return;
  assert.deepEqual([error.code, error.errno, error.syscall], ['EMFILE', -24, name], what);
  assert.match(error.message, /^[^:].+: .+ \(EMFILE, \w+\)$/, what);
}

/** Everything of a relay's that reaches the kernel after it was opened. */
function uses(relay: KernelRelay, address: string): Record<string, () => unknown> {
  const conns: EtherConn[] = [];
  const etherTypes = [0x0800];
  return {
    stats: () => relay.stats(),
    info: () => relay.info(),
    'an endpoint': () => conns.push(new EtherConn('02:00:00:00:00:77', relay, etherTypes)),
    'one for group frames': () => {
      conns.push(new EtherConn('02:00:00:00:00:78', relay, etherTypes, { receiveMulticast: true }));
    },
    service: () => relay.registerService({ address, port: 7777 }).close(),
    UdpService: async () => await (await UdpService.open(relay, { address, port: 7778 })).close(),
    program: () => relay instanceof XDPRelay && relay.program,
    'the end of an endpoint': () => conns[0]?.close(),
    unref: () => relay.unref(),
    ref: () => relay.ref(),
  };
}

test('what a user is told of a call of the addon that fails', { skip }, async (t) => {
  const addon = loadAddon() as unknown as Record<string, unknown>;
  const names = (Object.keys(addon) as (keyof Addon)[]).filter((name) => !NEVER_FAIL.includes(name));
  assert.ok(names.length > 25);
  const reached = new Set<string>();
  for (const Opener of [RawSocketRelay, XDPRelay]) {
    const bench = await openVethBench();
    t.after(() => bench.close());
    bench.near.run('ip', 'address', 'add', '10.9.9.1/24', 'dev', NEAR);
    const open = (): Promise<KernelRelay> => Promise.resolve(Opener.open(NEAR, { netns: bench.near.path }));
    for (const name of names) {
      await t.test(`${Opener.name}, ${name}`, async () => {
        const relay = await open();
        relay.on('error', (error) => checkTold(error, 'event', name));
        for (const [what, use] of Object.entries(uses(relay, '10.9.9.1'))) {
          const state = failing(name);
          try {
            await use();
          } catch (error) {
            checkTold(error, what, name);
            reached.add(name);
          } finally {
            state.stop();
          }
          if (relay.stopped.aborted) break;
        }
        await relay.close();
        const state = failing(name);
        try {
          await (await open()).close();
        } catch (error) {
          checkTold(error, 'opening', name);
        } finally {
          state.stop();
        }
      });
    }
  }
  // Those that users have met without a code, and more.
  for (const name of [
    'bpfDescribe',
    'steeringMerge',
    'socketGetOption',
    'socketOpen',
    'bpfMapSum',
    'steeringService',
  ]) {
    assert.ok(reached.has(name), name);
  }
});

test('VLAN offload', { skip }, async (t) => {
  const bench = await openVethBench();
  t.after(() => bench.close());
  const options = { netns: bench.near.path };
  for (const name of [
    'socketOpen',
    'interfaceQuery',
    'netlinkRequest',
    'ethtoolFeatureNames',
    'ethtoolSetFeature',
  ] as const) {
    for (const call of [
      () => vlanOffload(NEAR, options),
      () => setVlanOffload(NEAR, false, options),
      () => setVlanOffload(NEAR, true, options),
    ]) {
      const state = failing(name);
      try {
        call();
      } catch (error) {
        checkTold(error, 'VLAN offload', name);
      } finally {
        state.stop();
      }
    }
  }
});

test('at the limit of descriptors', { skip }, async () => {
  await using namespace = await openNamespace();
  const program = `
    import { openSync, closeSync } from 'node:fs';
    import { RawSocketRelay, UdpService } from ${JSON.stringify(new URL('../index.js', import.meta.url).href)};
    const relay = await RawSocketRelay.open('v0');
    const held = [];
    try { for (;;) held.push(openSync('/dev/null')); } catch {}
    const tell = ({ name, code, errno, syscall, message }) => console.log([name, code, errno, syscall, message].join('|'));
    const free = (count) => { for (const fd of held.splice(0, count)) closeSync(fd); };
    for (let freed = 0; freed < 4; freed++) {
      try { await (await UdpService.open(relay, { address: '10.9.9.1', port: 7 })).close(); break; } catch (error) { tell(error); }
      free(1);
    }
    free(Infinity);
    await relay.close();
  `;
  const setUp =
    'ip link add v0 type veth peer name v1 && ip address add 10.9.9.1/24 dev v0 && ip link set v0 up && ulimit -n 256 && exec "$0" "$@"';
  const { stdout } = namespace.run('sh', '-c', setUp, process.execPath, '--input-type=module', '-e', program);
  const lines = stdout.trim().split('\n');
  assert.ok(lines.length >= 2, stdout);
  for (const line of lines) {
    assert.match(
      line,
      /^SystemError\|EMFILE\|-24\|socket\|[^:]+: this process has no file descriptor left; .*ulimit -n/,
    );
  }
});
