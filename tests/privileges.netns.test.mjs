import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { requireXdp } from '../packages/etherconn/dist/test-support/xdp-bench.js';
import {
  addVethPair,
  openNamespace,
  requireCommand,
  requireNamespaces,
} from '../packages/etherconn/dist/testing/index.js';
import { orSkip } from '../packages/etherconn/dist/testing/strict.js';

/** What docs/security.md says of capabilities: with which ones the engines run, and that they can be dropped. */

const HOST = fileURLToPath(new URL('./children/privileged-host.mjs', import.meta.url));
const NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];

/** Becoming an ordinary user needs root, and the ordinary user must be able to read the library. */
function skip() {
  const reason = requireNamespaces() || requireXdp() || requireCommand('setpriv');
  if (reason !== false) return reason;
  const { status } = spawnSync(NOBODY[0], [...NOBODY.slice(1), process.execPath, '-e', '0']);
  const readable = spawnSync(NOBODY[0], [...NOBODY.slice(1), 'test', '-r', HOST]);
  return orSkip(
    (status !== 0 || readable.status !== 0) && 'an ordinary user cannot run or read this checkout',
  );
}

describe('capabilities', { skip: skip() }, () => {
  let near;
  let far;
  before(async () => {
    [near, far] = await Promise.all([openNamespace(), openNamespace()]);
    addVethPair(
      { namespace: near, name: 'near0', addresses: ['10.0.0.1/24'] },
      { namespace: far, name: 'far0' },
      { ipv6: true },
    );
    near.run('ip', 'address', 'add', '2001:db8::1/64', 'dev', 'near0', 'nodad');
  });
  after(async () => {
    await near.close();
    await far.close();
  });

  /** Starts the host in the namespace of the far end; what it says, and whether the kernel at the near end reaches it. */
  async function hosted(args, prefix = []) {
    const child = far.spawn(...prefix, process.execPath, HOST, ...args);
    const [text] = await once(child.stdout, 'data');
    const said = JSON.parse(String(text));
    if (said.code === undefined) {
      for (const address of ['10.0.0.5', '2001:db8::5']) near.run('ping', '-c', '1', '-W', '5', address);
      const ended = once(child, 'exit');
      child.stdin.end();
      assert.deepEqual(await ended, [0, null], 'it closes everything without them, too');
    }
    return said;
  }

  const only = (capabilities) => [
    ...NOBODY,
    ...['inh-caps', 'ambient-caps', 'bounding-set'].map((set) => `--${set}=-all,${capabilities}`),
  ];

  test('AF_PACKET runs with CAP_NET_RAW alone', async () => {
    const { kind, uid } = await hosted(['packet', 'far0'], only('+net_raw'));
    assert.deepEqual([kind, uid], ['packet', 65_534]);
  });

  test('AF_XDP runs with CAP_NET_RAW, CAP_NET_ADMIN and CAP_BPF', async () => {
    const { kind, uid } = await hosted(['xdp', 'far0'], only('+net_raw,+net_admin,+bpf'));
    assert.deepEqual([kind, uid], ['xdp', 65_534]);
  });

  for (const [engine, capabilities, missing] of [
    ['packet', '+net_admin,+bpf', 'CAP_NET_RAW'],
    ['xdp', '+net_admin,+bpf', 'CAP_NET_RAW'],
    ['xdp', '+net_raw,+bpf', 'CAP_NET_ADMIN'],
    ['xdp', '+net_raw,+net_admin', 'CAP_BPF'],
  ]) {
    test(`${engine} without ${missing}: it is named`, async () => {
      const { code, message } = await hosted([engine, 'far0'], only(capabilities));
      assert.equal(code, 'EPERM');
      assert.match(message, new RegExp(missing));
    });
  }

  for (const engine of ['packet', 'xdp']) {
    test(`${engine}: all can be dropped once the relay is open`, async () => {
      const { uid, capabilities } = await hosted([engine, 'far0', 'drop']);
      assert.deepEqual([uid, Number.parseInt(capabilities, 16)], [65_534, 0]);
    });
  }

  test('the unit in docs/security.md is one that systemd takes', {
    skip: requireCommand('systemd-analyze'),
  }, () => {
    const page = readFileSync(new URL('../docs/security.md', import.meta.url), 'utf8');
    const [, unit] = /```ini\n([\s\S]*?)```/.exec(page);
    const folder = mkdtempSync(join(tmpdir(), 'etherconn-unit-'));
    const file = join(folder, 'example.service');
    writeFileSync(file, unit);
    const { stderr, status } = spawnSync('systemd-analyze', ['verify', file], { encoding: 'utf8' });
    rmSync(folder, { recursive: true });
    assert.deepEqual(
      [stderr.split('\n').filter((line) => line.includes('example.service')), status],
      [[], 0],
    );
  });
});
