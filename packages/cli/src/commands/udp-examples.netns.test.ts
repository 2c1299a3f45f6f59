import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { RunningCommand } from '../test-support/command.ts';
import { examplesOf } from '../test-support/examples.ts';
import { folderForTests } from '../test-support/folder.ts';
import { wireForTests } from '../test-support/wire.ts';

/** Every example of docs/commands/udp.md is run, with eth0 and eth1 at the ends of a veth pair. */

const wire = wireForTests({ name: 'eth0' }, { name: 'eth1' });
const { skip } = wire;
const folder = folderForTests();

/** Where the interfaces of the examples are. */
function adapted(words: readonly string[]): string[] {
  const args = words.slice(1).map((word) => {
    if (word === 'far') return wire.far.path;
    return word === 'report.html' ? join(folder, word) : word;
  });
  if (args.includes('memory')) return args;
  return [...args, '--netns', args[2] === 'eth0' ? wire.near.path : wire.far.path];
}

const blocks = skip === false ? examplesOf('udp.md') : [];
for (const [number, block] of blocks.entries()) {
  test(`docs/commands/udp.md, example ${number + 1}: ${block.at(-1)!.join(' ')}`, { skip }, async () => {
    const waiting: RunningCommand[] = [];
    for (const words of block) {
      assert.equal(words[0], 'etherconn');
      const running = new RunningCommand(adapted(words));
      if (words[2] === 'receive' || words[2] === 'echo') {
        waiting.push(running);
        await running.says(/received 0 pps/);
        continue;
      }
      const end = await running.ended;
      // How fast this machine is at the moment is not what is tested.
      const allowed = words.includes('--fail-if') || words.includes('--find-rate') ? [0, 3] : [0];
      assert.ok(allowed.includes(end.status!), end.stderr + end.stdout);
      assert.equal(end.stderr, '');
    }
    for (const each of waiting) {
      const end = await each.interrupt();
      assert.equal(end.status, 130);
      assert.match(end.stdout, /^received +[1-9][\d ]* packets/m);
    }
  });
}

test('there are examples, and the report of one', { skip }, () => {
  assert.ok(blocks.length >= 6);
  assert.match(readFileSync(join(folder, 'report.html'), 'utf8'), /^<!doctype html>/);
});
