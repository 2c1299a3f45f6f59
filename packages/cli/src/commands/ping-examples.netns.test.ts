import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Host, RawSocketRelay } from 'etherconn';
import { etherconn } from '../test-support/command.ts';
import { examplesOf } from '../test-support/examples.ts';
import { type TestWire, wireForTests } from '../test-support/wire.ts';

/** Every example of docs/commands/ping.md is run; at the other end of eth0 are hosts of ours, one in each VLAN. */

const wire = wireForTests({ name: 'eth0' }, { name: 'eth1' }, { prepare: openHosts });
const { skip } = wire;

async function openHosts(each: TestWire): Promise<void> {
  const relay = each.keep(await RawSocketRelay.open('eth1', { netns: each.far.path }));
  for (const vlan of [undefined, ...Array.from({ length: 10 }, (_, n) => 100 + n)])
    Host.createNow(relay, {
      mac: '02:00:00:00:00:01',
      addresses: ['10.0.0.1/24', 'fd00::1/64'],
      detectDuplicates: 'off',
      vlans: vlan === undefined ? [] : [vlan],
    });
}

const commands = skip === false ? examplesOf('ping.md').flat() : [];
for (const words of commands) {
  test(`docs/commands/ping.md: ${words.join(' ')}`, { skip }, async () => {
    assert.equal(words[0], 'etherconn');
    const args = words.slice(1);
    const end = await etherconn(args.includes('memory') ? args : [...args, '--netns', wire.near.path]);
    assert.equal(end.status, 0, end.stderr + end.stdout);
    assert.equal(end.stderr, '');
    assert.match(end.stdout, / 0% packet loss|^lost +0 \(0 %\)|"loss":0,/m);
  });
}

test('there are examples', { skip }, () => {
  assert.ok(commands.length >= 8);
});
