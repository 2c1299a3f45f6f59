import assert from 'node:assert/strict';
import { test } from 'node:test';
import { etherconn } from '../test-support/command.ts';
import { examplesOf } from '../test-support/examples.ts';
import { wireForTests } from '../test-support/wire.ts';

/** Every example of docs/commands/send.md is run; the kernel at the other end of eth0 answers. */

const wire = wireForTests(
  { name: 'eth0' },
  { name: 'eth1', mac: '02:00:00:00:00:01', addresses: ['10.0.0.1/24'] },
);
const { skip } = wire;

const commands = skip === false ? examplesOf('send.md').flat() : [];
for (const words of commands) {
  test(`docs/commands/send.md: ${words.join(' ')}`, { skip }, async () => {
    assert.equal(words[0], 'etherconn');
    const end = await etherconn([...words.slice(1), '--netns', wire.near.path]);
    assert.equal(end.status, 0, end.stderr + end.stdout);
    assert.equal(end.stderr, '');
    const isAsking = words.includes('--wait');
    assert.match(end.stdout, isAsking ? /1 of 1 answered\n$/ : /sent, \d+ bytes\n$|^47 bytes: /m);
  });
}

test('there are examples', { skip }, () => {
  assert.ok(commands.length >= 5);
});
