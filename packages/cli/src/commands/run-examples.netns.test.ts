import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { etherconn, RunningCommand } from '../test-support/command.ts';
import { examplesOf } from '../test-support/examples.ts';
import { folderForTests } from '../test-support/folder.ts';
import { serveDhcp, type TestWire, wireForTests } from '../test-support/wire.ts';

/** Every example of docs/commands/init.md and run.md is run; at the other end of eth0 are a DHCP server and an echo. */

const wire = wireForTests({ name: 'eth0' }, { name: 'eth1' }, { prepare: answer });
const { skip } = wire;
const folder = folderForTests();

async function answer(each: TestWire): Promise<void> {
  await serveDhcp(each, 'eth1');
  const echo = new RunningCommand(['udp', 'echo', 'eth1', '--address', '10.0.0.2', '--netns', each.far.path]);
  await echo.says(/received 0 pps/);
}

const commands = skip === false ? [...examplesOf('run.md').flat(), ...examplesOf('init.md').flat()] : [];
for (const words of commands) {
  test(`docs/commands: ${words.join(' ')}`, { skip }, async () => {
    assert.equal(words[0], 'etherconn');
    const args = words.slice(1).map((word) => (word.endsWith('.yaml') ? join(folder, word) : word));
    // What the first page has written already is written again by the second.
    if (args[0] === 'init') args.push('--force');
    if (args[0] === 'init' && args.length === 2) args.push(join(folder, 'scenario.yaml'));
    const end = await etherconn(args.includes('eth0') ? [...args, '--netns', wire.near.path] : args);
    assert.equal(end.status, 0, end.stderr + end.stdout);
    assert.equal(end.stderr, '');
    if (args.includes('eth0')) assert.match(end.stdout, /^leases +50 of 50 clients/m);
  });
}

test('there are examples', { skip }, () => {
  assert.ok(commands.length >= 7);
});
