import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { addVethPair, type Namespace, openNamespace, requireNamespaces } from 'etherconn/testing';
import { endAll, etherconn } from '../test-support/command.ts';
import { examplesOf } from '../test-support/examples.ts';

/** Every example of docs/commands/doctor.md is run; eth0 is one end of a veth pair. */

const skip = requireNamespaces();
let near: Namespace;

before(async () => {
  if (skip !== false) return;
  near = await openNamespace();
  addVethPair({ namespace: near, name: 'eth0' }, { namespace: near, name: 'eth1' });
});
after(async () => {
  endAll();
  await near?.close();
});

const commands = skip === false ? examplesOf('doctor.md').flat() : [];
for (const words of commands) {
  test(`docs/commands/doctor.md: ${words.join(' ')}`, { skip }, async () => {
    assert.equal(words[0], 'etherconn');
    const args = words.slice(1).filter((word) => word !== '--netns' && word !== 'lab-a');
    const end = await etherconn(args.includes('eth0') ? [...args, '--netns', near.path] : args);
    assert.equal(end.status, 0, end.stderr + end.stdout);
    assert.equal(end.stderr, '');
    assert.match(end.stdout, args.includes('--json') ? /"ok":true/ : /^ok +(interface|Node\.js) /m);
  });
}

test('there are examples', { skip }, () => {
  assert.ok(commands.length >= 4);
});
