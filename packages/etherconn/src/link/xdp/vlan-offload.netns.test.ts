import assert from 'node:assert/strict';
import { closeSync, openSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { loadAddon, type NativeSocket } from '../../native/addon.ts';
import { FAR, NEAR, openVethBench, type VethBench } from '../../test-support/veth-links.ts';
import { addVethPair, requireCommand, requireNamespaces } from '../../testing/namespaces.ts';
import { countQueues, readFeatures, switchFeature } from '../kernel/ethtool.ts';
import { type LinkDetails, queryLink } from '../kernel/interface-netlink.ts';
import { openRouteSocket } from '../kernel/netlink.ts';
import { setVlanOffload, vlanOffloadOf } from './vlan-offload.ts';

const skip = requireNamespaces();

describe('interfaces, as ethtool and rtnetlink tell of them', { skip }, () => {
  const addon = skip === false ? loadAddon() : undefined!;
  let bench: VethBench;
  let socket: NativeSocket;

  before(async () => {
    bench = await openVethBench({ queues: 3, mtu: 1400 });
    const fd = openSync(bench.near.path, 'r');
    socket = openRouteSocket(addon, fd);
    closeSync(fd);
    // Both ends here, to be asked about each other.
    addVethPair({ namespace: bench.near, name: 'left0' }, { namespace: bench.near, name: 'right0' });
  });
  after(async () => {
    addon.socketClose(socket);
    await bench.close();
  });

  function details(name: string): LinkDetails {
    const index = Number(bench.near.run('ip', '-o', 'link', 'show', name).stdout.split(':')[0]);
    return queryLink(addon, socket, index)!;
  }

  test('a veth, its queues and its peer', () => {
    const near = details(NEAR);
    assert.deepEqual([near.name, near.kind, near.mtu, near.peerIsHere], [NEAR, 'veth', 1400, false]);
    assert.deepEqual(near.programs, []);
    assert.deepEqual(countQueues(addon, socket, near), { rx: 3, tx: 3, inUse: true });
    const left = details('left0');
    assert.deepEqual([left.peerIsHere, left.peerIndex], [true, details('right0').index]);
    assert.equal(queryLink(addon, socket, 4711), undefined);
  });

  test('an interface without channels has those that were allocated', () => {
    assert.deepEqual(countQueues(addon, socket, details('lo')), { rx: 1, tx: 1, inUse: false });
  });

  test('queues in use, when fewer than allocated', { skip: requireCommand('ethtool') }, () => {
    bench.near.run('ethtool', '-L', NEAR, 'rx', '2');
    assert.deepEqual(countQueues(addon, socket, details(NEAR)), { rx: 2, tx: 3, inUse: true });
  });

  test('features, and switching them', { skip: requireCommand('ethtool') }, () => {
    const features = readFeatures(addon, socket, NEAR);
    assert.deepEqual(features.get('rx-vlan-hw-parse'), { on: true, changeable: true });
    assert.equal(features.get('netns-local')?.changeable ?? false, false);
    assert.equal(switchFeature(addon, socket, NEAR, 'rx-vlan-hw-parse', false), true);
    assert.match(bench.near.run('ethtool', '-k', NEAR).stdout, /rx-vlan-offload: off/);
    assert.equal(switchFeature(addon, socket, NEAR, 'rx-vlan-hw-parse', true), true);
    assert.match(bench.near.run('ethtool', '-k', NEAR).stdout, /rx-vlan-offload: on/);
    assert.equal(switchFeature(addon, socket, NEAR, 'no-such-feature', true), false);
    assert.equal(switchFeature(addon, socket, 'lo', 'rx-vlan-hw-parse', true), false);
  });

  test("VLAN offload: on a veth it is the peer's, and ethtool understands the advice", {
    skip: requireCommand('ethtool'),
  }, () => {
    const netns = bench.near.path;
    const offload = vlanOffloadOf(addon, socket, details('left0'));
    assert.equal(offload.state, 'on');
    const [, command] = /'(.*)'/.exec(offload.advice)!;
    assert.match(command, /^ethtool -K right0 txvlan off/);
    bench.near.run('sh', '-c', command);
    assert.deepEqual(vlanOffloadOf(addon, socket, details('left0')), { state: 'off', advice: '' });
    // The other way it is as it was.
    assert.equal(vlanOffloadOf(addon, socket, details('right0')).state, 'on');
    assert.equal(setVlanOffload('right0', true, { netns }), true);
    assert.equal(vlanOffloadOf(addon, socket, details('left0')).state, 'on');
    assert.equal(setVlanOffload('right0', false, { netns }), true);
    assert.equal(setVlanOffload('right0', false, { netns }), false);
    assert.equal(vlanOffloadOf(addon, socket, details('left0')).state, 'off');
    const text = bench.near.run('ethtool', '-k', 'right0').stdout;
    for (const feature of ['rx-vlan-offload', 'tx-vlan-offload', 'tx-vlan-stag-hw-insert']) {
      assert.match(text, new RegExp(`${feature}: off`));
    }
  });

  test('VLAN offload: a peer elsewhere cannot be asked', () => {
    const { state, advice } = vlanOffloadOf(addon, socket, details(NEAR));
    assert.equal(state, 'unknown');
    assert.match(advice, /ethtool -K PEER txvlan off.*namespace of the veth's peer/);
    assert.equal(setVlanOffload(FAR, false, { netns: bench.far.path }), true);
  });

  test('VLAN offload: wrong names, and interfaces that have none', () => {
    const netns = bench.near.path;
    assert.deepEqual(vlanOffloadOf(addon, socket, details('lo')), { state: 'off', advice: '' });
    assert.equal(setVlanOffload('lo', false, { netns }), false);
    assert.throws(() => setVlanOffload('none0', false, { netns }), {
      code: 'ENODEV',
      message: /no such interface/,
    });
    assert.throws(() => setVlanOffload('', false), { name: 'OptionError' });
    assert.throws(() => setVlanOffload('lo', false, { netns: '' }), { name: 'OptionError' });
    assert.throws(() => setVlanOffload('lo', false, { netns: '/nothing' }), { code: 'ENOENT' });
    assert.throws(() => setVlanOffload('lo', false, { namespace: 'x' } as object), { name: 'OptionError' });
  });
});
