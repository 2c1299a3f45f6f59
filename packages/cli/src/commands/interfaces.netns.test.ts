import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { XDPRelay } from 'etherconn';
import {
  addVethPair,
  type Namespace,
  openNamespace,
  requireCommand,
  requireNamespaces,
} from 'etherconn/testing';
import { endAll, etherconn, objects } from '../test-support/command.ts';
import { examplesOf } from '../test-support/examples.ts';

/** `etherconn interfaces` as a process, in a namespace whose interfaces are known. */

const skip = requireNamespaces();
let here: Namespace;

before(async () => {
  if (skip !== false) return;
  here = await openNamespace();
  addVethPair(
    { namespace: here, name: 'eth0', mac: '02:00:00:00:00:01' },
    { namespace: here, name: 'eth1', mac: '02:00:00:00:00:02' },
    { queues: 2, mtu: 1400 },
  );
  here.run('ip', 'link', 'add', 'name', 'idle0', 'type', 'veth', 'peer', 'name', 'idle1');
  here.run('ip', 'link', 'set', 'idle0', 'up');
});
after(async () => {
  endAll();
  await here?.close();
});

/** Whether this machine lets us use AF_XDP is not what is tested. */
interface Listed {
  readonly name: string;
  readonly state: string;
  readonly xdp: readonly { mode: string; programId: number }[];
  readonly engines: readonly string[];
  readonly notes: readonly string[];
  readonly offloads: readonly string[];
}

async function list(...names: string[]): Promise<Listed[]> {
  const end = await etherconn(['interfaces', ...names, '--netns', here.path, '--json']);
  assert.equal(end.status, 0, end.stderr);
  return objects(end)[0].interfaces;
}

test('what the kernel says of each interface', { skip: skip || requireCommand('ethtool') }, async () => {
  here.run('ethtool', '-K', 'eth1', 'txvlan', 'off', 'tx-vlan-stag-hw-insert', 'off');
  const all = await list();
  assert.deepEqual(all.map(({ name }) => name).sort(), ['eth0', 'eth1', 'idle0', 'idle1', 'lo']);
  const [eth0] = await list('eth0');
  const { index, offloads, engines, notes, ...facts } = eth0 as Listed & { index: number };
  assert.ok(index > 0 && Array.isArray(offloads) && Array.isArray(notes));
  assert.deepEqual(facts, {
    name: 'eth0',
    mac: '02:00:00:00:00:01',
    mtu: 1400,
    state: 'up',
    ethernet: true,
    driver: 'veth',
    rxQueues: 2,
    txQueues: 2,
    xdp: [],
    vlanOffload: 'off',
  } as never);
  assert.ok(engines.includes('packet'));
  // On a veth pair the sender leaves the tag beside the frame.
  here.run('ethtool', '-K', 'eth1', 'txvlan', 'on');
  const [taken] = await list('eth0');
  assert.match(taken!.notes.join(), /takes VLAN tags out of received frames.*ethtool -K eth1 /);
  const [idle0] = await list('idle0');
  assert.equal(idle0!.state, 'no carrier');
  const [idle1] = await list('idle1');
  assert.deepEqual([idle1!.state, idle1!.engines], ['down', []]);
  assert.match(idle1!.notes.join(), /is down: ip link set idle1 up/);
});

test('offloads are those of ethtool', { skip: skip || requireCommand('ethtool') }, async () => {
  here.run('ethtool', '-K', 'eth0', 'tso', 'off', 'gro', 'on');
  const [on] = await list('eth0');
  assert.ok(on!.offloads.includes('gro') && !on!.offloads.includes('tso'), on!.offloads.join());
  here.run('ethtool', '-K', 'eth0', 'tso', 'on', 'gro', 'off');
  const [off] = await list('eth0');
  assert.ok(!off!.offloads.includes('gro') && off!.offloads.includes('tso'), off!.offloads.join());
});

for (const mode of ['native', 'generic'] as const) {
  test(`an attached program is seen: ${mode}`, { skip }, async () => {
    const relay = await XDPRelay.open('eth0', { netns: here.path, mode });
    try {
      const [{ xdp, engines, notes }] = (await list('eth0')) as [Listed];
      assert.deepEqual(xdp, [{ mode, programId: relay.info().programId }]);
      assert.ok(!engines.includes('xdp'));
      assert.match(notes.join(), new RegExp(`an XDP program is attached \\(${mode}, id \\d+\\)`));
    } finally {
      await relay.close();
    }
    assert.deepEqual((await list('eth0'))[0]!.xdp, []);
  });
}

test('a table for people; an interface that is not there', { skip }, async () => {
  const end = await etherconn(['interfaces', '--netns', here.path]);
  assert.equal(end.status, 0, end.stderr);
  const lines = end.stdout.split('\n');
  assert.match(lines[0]!, /^name +state +mtu +mac +driver +queues +xdp +engines +offloads$/);
  assert.ok(lines.some((line) => /^eth1 +up +1400 +02:00:00:00:00:02 +veth +2\/2 +- +packet/.test(line)));
  assert.ok(lines.includes('idle1: is down: ip link set idle1 up'));
  const none = await etherconn(['interfaces', 'none0', '--netns', here.path]);
  assert.equal(none.status, 2);
  assert.match(none.stderr, /NAME: there is no interface 'none0'/);
  const nowhere = await etherconn(['interfaces', '--netns', 'nowhere']);
  assert.equal(nowhere.status, 2);
  assert.match(nowhere.stderr, /--netns: there is no network namespace 'nowhere'/);
});

const commands = skip === false ? examplesOf('interfaces.md').flat() : [];
for (const words of commands) {
  test(`docs/commands/interfaces.md: ${words.join(' ')}`, { skip }, async () => {
    const end = await etherconn([...words.slice(1), '--netns', here.path]);
    assert.equal(end.status, 0, end.stderr);
    assert.match(end.stdout, /eth0/);
  });
}

test('there are examples', { skip }, () => {
  assert.ok(commands.length >= 2);
});
