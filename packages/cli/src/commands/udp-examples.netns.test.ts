import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { addVethPair, type Namespace, openNamespace, requireNamespaces } from 'etherconn/testing';
import { endAll, RunningCommand } from '../test-support/command.ts';
import { examplesOf } from '../test-support/examples.ts';

/** Every example of docs/commands/udp.md is run, with eth0 and eth1 at the ends of a veth pair. */

const skip = requireNamespaces();
const folder = mkdtempSync(join(tmpdir(), 'etherconn-'));
let near: Namespace;
let far: Namespace;

before(async () => {
  if (skip !== false) return;
  [near, far] = [await openNamespace(), await openNamespace()];
  addVethPair({ namespace: near, name: 'eth0' }, { namespace: far, name: 'eth1' });
});
after(async () => {
  endAll();
  await near?.close();
  await far?.close();
  rmSync(folder, { recursive: true });
});

/** Where the interfaces of the examples are. */
function adapted(words: readonly string[]): string[] {
  const args = words.slice(1).map((word) => {
    if (word === 'far') return far.path;
    return word === 'report.html' ? join(folder, word) : word;
  });
  if (args.includes('memory')) return args;
  return [...args, '--netns', args[2] === 'eth0' ? near.path : far.path];
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
