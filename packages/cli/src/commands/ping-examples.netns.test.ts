import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Host, RawSocketRelay } from 'etherconn';
import { addVethPair, type Namespace, openNamespace, requireNamespaces } from 'etherconn/testing';
import { endAll, etherconn } from '../test-support/command.ts';
import { examplesOf } from '../test-support/examples.ts';

/** Every example of docs/commands/ping.md is run; at the other end of eth0 are hosts of ours, one in each VLAN. */

const skip = requireNamespaces();
let near: Namespace;
let far: Namespace;
let relay: RawSocketRelay;

before(async () => {
  if (skip !== false) return;
  [near, far] = [await openNamespace(), await openNamespace()];
  addVethPair({ namespace: near, name: 'eth0' }, { namespace: far, name: 'eth1' });
  relay = await RawSocketRelay.open('eth1', { netns: far.path });
  for (const vlan of [undefined, ...Array.from({ length: 10 }, (_, n) => 100 + n)])
    Host.createNow(relay, {
      mac: '02:00:00:00:00:01',
      addresses: ['10.0.0.1/24', 'fd00::1/64'],
      detectDuplicates: 'off',
      vlans: vlan === undefined ? [] : [vlan],
    });
});
after(async () => {
  endAll();
  await relay?.close();
  await near?.close();
  await far?.close();
});

const commands = skip === false ? examplesOf('ping.md').flat() : [];
for (const words of commands) {
  test(`docs/commands/ping.md: ${words.join(' ')}`, { skip }, async () => {
    assert.equal(words[0], 'etherconn');
    const args = words.slice(1);
    const end = await etherconn(args.includes('memory') ? args : [...args, '--netns', near.path]);
    assert.equal(end.status, 0, end.stderr + end.stdout);
    assert.equal(end.stderr, '');
    assert.match(end.stdout, / 0% packet loss|^lost +0 \(0 %\)|"loss":0,/m);
  });
}

test('there are examples', { skip }, () => {
  assert.ok(commands.length >= 8);
});
