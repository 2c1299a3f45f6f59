import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { RawSocketRelay } from 'etherconn';
import { addVethPair, type Namespace, openNamespace, requireNamespaces } from 'etherconn/testing';
import { DhcpResponder, memoryServerPlan } from '../dhcp/server/dhcp-responder.ts';
import { DhcpServer } from '../dhcp/server/dhcp-server.ts';
import { endAll, etherconn } from '../test-support/command.ts';
import { examplesOf } from '../test-support/examples.ts';

/** Every example of docs/commands/dhcp.md is run; at the other end of eth0 is a DHCP server of ours. */

const skip = requireNamespaces();
const folder = mkdtempSync(join(tmpdir(), 'etherconn-'));
let near: Namespace;
let far: Namespace;
let relay: RawSocketRelay;
let responder: DhcpResponder;

before(async () => {
  if (skip !== false) return;
  [near, far] = [await openNamespace(), await openNamespace()];
  addVethPair({ namespace: near, name: 'eth0' }, { namespace: far, name: 'eth1' });
  relay = await RawSocketRelay.open('eth1', { netns: far.path });
  const server = new DhcpServer(memoryServerPlan(10_000, 3600), () => relay.clock.now());
  responder = new DhcpResponder(relay, server);
});
after(async () => {
  endAll();
  await responder?.close();
  await relay?.close();
  await near?.close();
  await far?.close();
  rmSync(folder, { recursive: true });
});

const commands = skip === false ? examplesOf('dhcp.md').flat() : [];
for (const words of commands) {
  test(`docs/commands/dhcp.md: ${words.join(' ')}`, { skip }, async () => {
    assert.equal(words[0], 'etherconn');
    const args = words.slice(1).map((word) => (word === 'leases.csv' ? join(folder, word) : word));
    const end = await etherconn(args.includes('memory') ? args : [...args, '--netns', near.path]);
    assert.equal(end.status, 0, end.stderr + end.stdout);
    assert.equal(end.stderr, '');
    assert.match(end.stdout, args.includes('--json') ? /"leases":200,/ : /^leases +[1-9]/m);
  });
}

test('there are examples', { skip }, () => {
  assert.ok(commands.length >= 6);
});
