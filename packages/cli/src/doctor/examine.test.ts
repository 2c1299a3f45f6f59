import assert from 'node:assert/strict';
import { test } from 'node:test';
import { examine, type Finding } from './examine.ts';
import type { System } from './system.ts';

/** A machine where everything works. */
const good: System = {
  platform: 'linux',
  nodeVersion: '20.19.0',
  release: '5.10.0-28-amd64',
  readFile: (path) =>
    path === '/proc/self/status' ? 'Name:\tnode\nCapEff:\t000001ffffffffff\nSeccomp:\t0\n' : undefined,
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
    'native addon',
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
    ['Node.js ok', 'memory link ok', 'AF_PACKET link missing'],
  );
});
