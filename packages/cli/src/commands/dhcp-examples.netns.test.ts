import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { etherconn } from '../test-support/command.ts';
import { examplesOf } from '../test-support/examples.ts';
import { folderForTests } from '../test-support/folder.ts';
import { serveDhcp, wireForTests } from '../test-support/wire.ts';

/** Every example of docs/commands/dhcp.md is run; at the other end of eth0 is a DHCP server of ours. */

const wire = wireForTests({ name: 'eth0' }, { name: 'eth1' }, { prepare: (each) => serveDhcp(each, 'eth1') });
const { skip } = wire;
const folder = folderForTests();

const commands = skip === false ? examplesOf('dhcp.md').flat() : [];
for (const words of commands) {
  test(`docs/commands/dhcp.md: ${words.join(' ')}`, { skip }, async () => {
    assert.equal(words[0], 'etherconn');
    const args = words.slice(1).map((word) => (word === 'leases.csv' ? join(folder, word) : word));
    const end = await etherconn(args.includes('memory') ? args : [...args, '--netns', wire.near.path]);
    assert.equal(end.status, 0, end.stderr + end.stdout);
    assert.equal(end.stderr, '');
    assert.match(end.stdout, args.includes('--json') ? /"leases":200,/ : /^leases +[1-9]/m);
  });
}

test('there are examples', { skip }, () => {
  assert.ok(commands.length >= 6);
});
