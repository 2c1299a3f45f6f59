import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { requireNamespaces } from 'etherconn/testing';
import { endAll, etherconn, RunningCommand } from '../test-support/command.ts';
import { examplesOf } from '../test-support/examples.ts';

/** Every example of docs/commands/respond.md is run, in a lab of another name. */

const skip = requireNamespaces() || (process.getuid?.() !== 0 && 'labs with names need root');
const lab = `r${process.pid}`;
after(async () => {
  endAll();
  await etherconn(['lab', 'down', lab]);
});

function adapted(words: readonly string[]): string[] {
  const args = words.slice(1).map((word) => word.replace(/^lab-/, `${lab}-`));
  if (args[0] === 'lab' && (args[1] === 'up' || args[1] === 'down')) args.splice(2, 0, lab);
  return args;
}

const blocks = skip === false ? examplesOf('respond.md') : [];
for (const [number, block] of blocks.entries()) {
  test(`docs/commands/respond.md, example ${number + 1}: ${block[1].join(' ')}`, { skip }, async () => {
    let responder: RunningCommand | undefined;
    for (const words of block) {
      assert.equal(words[0], 'etherconn');
      if (words[1] === 'lab' && words[2] === 'down') {
        const end = await responder!.interrupt();
        assert.equal(end.status, 130);
        assert.match(end.stdout, /^asked +[a-z]+ \d/m);
      }
      const running = new RunningCommand(adapted(words));
      if (words[1] === 'respond') {
        responder = running;
        await running.says(/^0:01 /m);
        continue;
      }
      const end = await running.ended;
      assert.equal(end.status, 0, `${words.join(' ')}: ${end.stderr}${end.stdout}`);
      assert.equal(end.stderr, '');
    }
  });
}

test('there are examples', { skip }, () => {
  assert.ok(blocks.length >= 3);
});
