import assert from 'node:assert/strict';
import { test } from 'node:test';
import { examine } from './examine.ts';
import type { Finding } from './finding.ts';
import type { System } from './system.ts';

const FILES: ReadonlyMap<string, string> = new Map([
  ['/proc/self/status', 'Name:\tnode\nCapEff:\t000001ffffffffff\nSeccomp:\t0\n'],
  ['/proc/self/uid_map', '         0          0 4294967295\n'],
  ['/proc/net/protocols', 'protocol  size sockets\nPACKET    1600      0\nXDP       1088      0\n'],
]);

/** A machine where everything works. */
const good: System = {
  platform: 'linux',
  nodeVersion: '20.19.0',
  release: '5.10.0-28-amd64',
  readFile: (path) => FILES.get(path),
  findProgram: (name) => `/usr/bin/${name}`,
  tryProgram: () => '',
  addon: async () => ({ available: true, reason: '' }),
};

async function states(system: System): Promise<Record<string, Finding['state']>> {
  return Object.fromEntries((await examine(system)).map(({ name, state }) => [name, state]));
}

async function finding(system: System, name: string): Promise<Finding> {
  const found = (await examine(system)).find((one) => one.name === name);
  assert.ok(found !== undefined, name);
  return found;
}

test('all is well', async () => {
  const found = await states(good);
  assert.deepEqual(new Set(Object.values(found)), new Set(['ok']));
  assert.deepEqual(Object.keys(found).slice(0, 4), [
    'Node.js',
    'memory link',
    'AF_PACKET link',
    'AF_XDP link',
  ]);
});

test('versions are compared as numbers', async () => {
  assert.equal((await states({ ...good, nodeVersion: '20.9.5' }))['Node.js'], 'missing');
  assert.equal((await states({ ...good, nodeVersion: '100.0.0' }))['Node.js'], 'ok');
  assert.equal((await states({ ...good, release: '5.4.0' })).kernel, 'missing');
  assert.equal((await states({ ...good, release: '6.1' })).kernel, 'ok');
  assert.equal((await states({ ...good, release: 'strange' })).kernel, 'missing');
});

test('capabilities are read bit by bit', async () => {
  const withMask = (mask: string): System => ({ ...good, readFile: () => `CapEff:\t${mask}\n` });
  const only = async (mask: string): Promise<string[]> =>
    Object.entries(await states(withMask(mask)))
      .filter(([name, state]) => name.startsWith('CAP_') && state === 'ok')
      .map(([name]) => name);
  assert.deepEqual(await only('0000000000002000'), ['CAP_NET_RAW']);
  assert.deepEqual(await only('0000000000001000'), ['CAP_NET_ADMIN']);
  assert.deepEqual(await only('0000008000000000'), ['CAP_BPF']);
  assert.deepEqual(await only('0000000000000000'), []);
  assert.equal((await states({ ...good, readFile: () => undefined })).CAP_BPF, 'unknown');
});

test('without CAP_NET_RAW the packet link works in a user namespace, or not at all', async () => {
  const ordinary: System = { ...good, readFile: () => 'CapEff:\t0000000000000000\n' };
  assert.match((await finding(ordinary, 'AF_PACKET link')).detail, /in a user namespace only/);
  const forbidden: System = { ...ordinary, tryProgram: () => 'unshare failed: Operation not permitted' };
  assert.equal((await finding(forbidden, 'AF_PACKET link')).state, 'missing');
  assert.equal(
    (await finding({ ...ordinary, findProgram: () => undefined }, 'AF_PACKET link')).state,
    'missing',
  );
});

test('what the AF_XDP link lacks', async () => {
  const xdp = async (changes: Readonly<Record<string, string>>, release = good.release) =>
    finding({ ...good, release, readFile: (path) => changes[path] ?? FILES.get(path) }, 'AF_XDP link');
  assert.match((await xdp({})).detail, /need 6\.6/);
  assert.doesNotMatch((await xdp({}, '6.6.1')).detail, /need 6\.6/);
  assert.equal((await xdp({}, '5.9.0')).state, 'missing');
  assert.match((await xdp({ '/proc/net/protocols': 'PACKET 1600\n' })).detail, /CONFIG_XDP_SOCKETS/);
  assert.match((await xdp({ '/proc/self/uid_map': '0 1000 1\n' })).detail, /in a user namespace/);
  const lacking = async (mask: string) => (await xdp({ '/proc/self/status': `CapEff:\t${mask}\n` })).detail;
  assert.match(await lacking('0000000000002000'), /needs CAP_NET_ADMIN, CAP_BPF,/);
  assert.match(await lacking('0000008000000000'), /needs CAP_NET_RAW, CAP_NET_ADMIN,/);
  // CAP_SYS_ADMIN includes CAP_BPF.
  assert.match(await lacking('0000000000203000'), /generic mode/);
  assert.equal((await xdp({ '/proc/self/status': '' })).state, 'unknown');
});

test('the limit of locked memory, where nothing exempts from it', async () => {
  const xdp = async (mask: string, limit: string) => {
    const changes = new Map([
      ['/proc/self/status', `CapEff:\t${mask}\n`],
      ['/proc/self/limits', `Max locked memory         ${limit}              ${limit}              bytes\n`],
    ]);
    return finding({ ...good, readFile: (path) => changes.get(path) ?? FILES.get(path) }, 'AF_XDP link');
  };
  const named = '0000008000003000';
  assert.match((await xdp(named, '8388608')).detail, /smaller rings than usual.*8192 KiB/);
  assert.match((await xdp(named, '8388608')).advice!, /CAP_IPC_LOCK/);
  assert.equal((await xdp(named, '8388608')).state, 'ok');
  assert.equal((await xdp(named, '65536')).state, 'missing');
  for (const [mask, limit] of [
    [named, 'unlimited'],
    [named, '33554432'],
    ['0000008000007000', '65536'],
  ] as const) {
    assert.doesNotMatch((await xdp(mask, limit)).detail, /locked/);
  }
});

test('why user namespaces are forbidden', async () => {
  const settings = new Map([['/proc/sys/kernel/apparmor_restrict_unprivileged_userns', '1\n']]);
  const system: System = {
    ...good,
    readFile: (path) => settings.get(path),
    tryProgram: () => 'not permitted',
  };
  const found = await finding(system, 'user namespaces');
  assert.equal(found.detail, 'not permitted');
  assert.match(found.advice!, /apparmor_restrict_unprivileged_userns=0/);
  settings.clear();
  assert.match((await finding(system, 'user namespaces')).advice!, /container runtime/);
});

test('without the addon the reason is shown', async () => {
  const system: System = { ...good, addon: async () => ({ available: false, reason: 'no build for mips' }) };
  assert.equal((await finding(system, 'native addon')).detail, 'no build for mips');
  assert.equal((await finding(system, 'AF_PACKET link')).state, 'missing');
});

test('another operating system', async () => {
  const never = (): never => assert.fail('asked of a system that is not Linux');
  const found = await examine({
    ...good,
    platform: 'darwin',
    readFile: never,
    findProgram: never,
    tryProgram: never,
    addon: never,
  });
  assert.deepEqual(
    found.map(({ name, state }) => `${name} ${state}`),
    ['Node.js ok', 'memory link ok', 'kernel links missing'],
  );
});
