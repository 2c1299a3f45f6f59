import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { RawSocketRelay } from 'etherconn';
import { addVethPair, type Namespace, openNamespace, requireNamespaces } from 'etherconn/testing';
import { DhcpResponder, memoryServerPlan } from '../dhcp/server/dhcp-responder.ts';
import { DhcpServer } from '../dhcp/server/dhcp-server.ts';
import { endAll, etherconn, RunningCommand } from '../test-support/command.ts';
import { examplesOf } from '../test-support/examples.ts';

/** Every example of docs/commands/init.md and run.md is run; at the other end of eth0 are a DHCP server and an echo. */

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
  const echo = new RunningCommand(['udp', 'echo', 'eth1', '--address', '10.0.0.2', '--netns', far.path]);
  await echo.says(/received 0 pps/);
});
after(async () => {
  endAll();
  await responder?.close();
  await relay?.close();
  await near?.close();
  await far?.close();
  rmSync(folder, { recursive: true });
});

const commands = skip === false ? [...examplesOf('run.md').flat(), ...examplesOf('init.md').flat()] : [];
for (const words of commands) {
  test(`docs/commands: ${words.join(' ')}`, { skip }, async () => {
    assert.equal(words[0], 'etherconn');
    const args = words.slice(1).map((word) => (word.endsWith('.yaml') ? join(folder, word) : word));
    // What the first page has written already is written again by the second.
    if (args[0] === 'init') args.push('--force');
    if (args[0] === 'init' && args.length === 2) args.push(join(folder, 'scenario.yaml'));
    const end = await etherconn(args.includes('eth0') ? [...args, '--netns', near.path] : args);
    assert.equal(end.status, 0, end.stderr + end.stdout);
    assert.equal(end.stderr, '');
    if (args.includes('eth0')) assert.match(end.stdout, /^leases +50 of 50 clients/m);
  });
}

test('there are examples', { skip }, () => {
  assert.ok(commands.length >= 7);
});
