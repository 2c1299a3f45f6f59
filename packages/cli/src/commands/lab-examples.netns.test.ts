import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { requireNamespaces } from 'etherconn/testing';
import { endAll, etherconn, RunningCommand } from '../test-support/command.ts';
import { examplesOf } from '../test-support/examples.ts';

/** Every example of docs/commands/lab.md is run, with other names of labs: this machine may have labs of its own. */

const skip = requireNamespaces() || (process.getuid?.() !== 0 && 'labs with names need root');
const own = (name: string): string => `x${process.pid}-${name}`;
after(async () => {
  endAll();
  for (const name of ['lab', 'wan']) await etherconn(['lab', 'down', own(name)]);
});

function adapted(words: readonly string[]): string[] {
  const args = words.slice(1).map((word) => (/^(lab|wan)-\w+$|^wan$/.test(word) ? own(word) : word));
  const named = args.includes(own('wan'));
  if (args[0] === 'lab' && (args[1] === 'up' || args[1] === 'down') && !named) args.splice(2, 0, own('lab'));
  return args;
}

const blocks = skip === false ? examplesOf('lab.md') : [];
for (const [number, block] of blocks.entries()) {
  test(`docs/commands/lab.md, example ${number + 1}: ${block[0].join(' ')}`, { skip }, async () => {
    const waiting: RunningCommand[] = [];
    for (const words of block) {
      assert.equal(words[0], 'etherconn');
      const running = new RunningCommand(adapted(words));
      if (words[2] === 'echo') {
        waiting.push(running);
        await running.says(/received 0 pps/);
        continue;
      }
      const end = await running.ended;
      // A ping through a wire that loses frames may go without an answer.
      const mayFail = words.includes('ping') && number === 0;
      assert.ok(end.status === 0 || mayFail, `${words.join(' ')}: ${end.stderr}${end.stdout}`);
      assert.equal(end.stderr, '');
      if (words[2] === 'down') for (const each of waiting) assert.equal((await each.ended).status, 1);
    }
  });
}

test('there are examples', { skip }, () => {
  assert.ok(blocks.length >= 4);
});
