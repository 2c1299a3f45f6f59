import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, afterEach, before, test } from 'node:test';
import {
  addVethPair,
  type Namespace,
  openNamespace,
  requireCommand,
  requireNamespaces,
} from 'etherconn/testing';
import type { Finding } from '../doctor/finding.ts';
import { endAll, etherconn, objects, RunningCommand } from '../test-support/command.ts';

/** Each fault is planted; `etherconn doctor` must find it, and what it says must repair it. */

const skip = requireNamespaces() || requireCommand('ethtool') || requireCommand('sysctl');
let here: Namespace;
let there: Namespace;

before(async () => {
  if (skip !== false) return;
  [here, there] = [await openNamespace(), await openNamespace()];
});
after(async () => {
  await here?.close();
  await there?.close();
});
afterEach(endAll);

let serial = 0;
/** A veth pair with both ends in one namespace, or with the second elsewhere. */
function pair(far: Namespace = here, queues = 1): [string, string] {
  const [a, b] = [`va${serial}`, `vb${serial++}`];
  addVethPair({ namespace: here, name: a }, { namespace: far, name: b }, { queues });
  return [a, b];
}

interface Diagnosis {
  readonly status: number;
  readonly findings: ReadonlyMap<string, Finding>;
}

async function doctor(name: string, ...more: readonly string[]): Promise<Diagnosis> {
  const end = await etherconn(['doctor', name, '--netns', here.path, '--json', ...more]);
  assert.equal(end.stderr, '');
  const [{ ok, findings }] = objects(end);
  assert.equal(ok, end.status === 0);
  return { status: end.status!, findings: new Map(findings.map((each: Finding) => [each.name, each])) };
}

/** The finding of a fault, whose repair makes it go away. */
async function findsAndRepairs(ifname: string, name: string, prevents: boolean): Promise<Finding> {
  const before = await doctor(ifname);
  const finding = before.findings.get(name)!;
  assert.equal(finding.state, prevents ? 'missing' : 'warning', JSON.stringify(finding));
  assert.equal(before.status, prevents ? 1 : 0);
  // As it would be copied: it enters the namespace by itself.
  const { repair } = finding;
  assert.ok(repair !== undefined);
  const { status, stderr } = spawnSync('sh', ['-c', repair], { encoding: 'utf8' });
  assert.equal(status, 0, `${repair}: ${stderr}`);
  const repaired = await doctor(ifname);
  const state = repaired.findings.get(name)?.state;
  assert.ok(
    state === 'ok' || state === undefined,
    `${repair}: ${JSON.stringify(repaired.findings.get(name))}`,
  );
  assert.equal(repaired.status, 0);
  return finding;
}

test('a healthy interface: every engine is really opened, and nothing is left', { skip }, async () => {
  const [a] = pair();
  const { status, findings } = await doctor(a);
  assert.equal(status, 0);
  for (const name of [
    'interface',
    'carrier',
    'AF_PACKET',
    'AF_XDP native',
    'AF_XDP generic',
    'queues',
    'rp_filter',
  ])
    assert.equal(findings.get(name)?.state, 'ok', name);
  assert.match(findings.get('AF_XDP zero-copy')!.detail, /no zero-copy mode/);
  assert.doesNotMatch(here.run('ip', '-details', 'link', 'show', 'dev', a).stdout, /xdp/);
  const untried = await doctor(a, '--no-try');
  assert.equal(untried.findings.has('AF_PACKET'), false);
});

test('an interface that is down', { skip }, async () => {
  const [a] = pair();
  here.run('ip', 'link', 'set', 'dev', a, 'down');
  await findsAndRepairs(a, 'interface', true);
});

test('a peer that is down, here and elsewhere', { skip }, async () => {
  const [a, b] = pair();
  here.run('ip', 'link', 'set', 'dev', b, 'down');
  const { repair } = await findsAndRepairs(a, 'carrier', true);
  assert.match(repair!, new RegExp(`ip link set dev ${b} up$`));
  const [c, d] = pair(there);
  there.run('ip', 'link', 'set', 'dev', d, 'down');
  const { status, findings } = await doctor(c);
  assert.equal(status, 1);
  assert.match(findings.get('carrier')!.advice!, /in the peer's network namespace: ip link set dev PEER up/);
});

test('another XDP program: its name, id and process, and the others are not tried', { skip }, async () => {
  const [a] = pair();
  const other = new RunningCommand([
    ...['respond', 'echo', a, '--engine', 'xdp', '--address', '10.0.0.9', '--netns', here.path, '--ndjson'],
  ]);
  await other.says(/"type":"second"/);
  const { findings } = await doctor(a);
  for (const mode of ['zero-copy', 'native', 'generic'])
    assert.match(findings.get(`AF_XDP ${mode}`)!.detail, /not tried/);
  const ended = other.ended;
  const before = findings.get('XDP program')!;
  assert.match(
    before.detail,
    /another one is attached: \w+, id \d+, native mode; process \d+ \(node\) holds it/,
  );
  assert.equal(before.repair, `kill ${other.child.pid}`);
  other.child.kill('SIGTERM');
  await ended;
  assert.equal((await doctor(a)).findings.has('XDP program'), false);
});

for (const [name, plant] of [
  ['merged frames', (a: string) => here.run('ethtool', '-K', a, 'gro', 'on')],
  ['VLAN tags', () => {}],
  ['redirects', () => {}],
  ['rp_filter', (a: string) => here.run('sysctl', '-w', `net.ipv4.conf.${a}.rp_filter=1`)],
  ['arp_ignore', (a: string) => here.run('sysctl', '-w', `net.ipv4.conf.${a}.arp_ignore=1`)],
  ['arp_filter', (a: string) => here.run('sysctl', '-w', `net.ipv4.conf.${a}.arp_filter=1`)],
] as const) {
  test(`${name}: found and repaired`, { skip }, async () => {
    const [a] = pair();
    plant(a);
    await findsAndRepairs(a, name, false);
  });
}

test('settings of all interfaces count, too', { skip }, async () => {
  const [a] = pair();
  here.run('sysctl', '-w', 'net.ipv4.conf.all.rp_filter=1');
  const { repair } = await findsAndRepairs(a, 'rp_filter', false);
  assert.match(repair!, /net\/ipv4\/conf\/all\/rp_filter=0$/);
});

test('checksums and segments of both ends', { skip }, async () => {
  const [a, b] = pair();
  for (const end of [a, b]) {
    await findsAndRepairs(a, `${end}: segments`, false);
    await findsAndRepairs(a, `${end}: checksums`, false);
  }
});

test('more queues than AF_XDP takes', { skip }, async () => {
  const [a] = pair(there, 65);
  await findsAndRepairs(a, 'queues', false);
});

test('neighbours are told of in the first namespace', { skip }, async () => {
  const { findings } = await doctor('lo', '--no-try');
  assert.equal(findings.get('IPv4 neighbours')!.state, 'unknown');
  let most: number;
  try {
    most = Number(readFileSync('/proc/sys/net/ipv4/neigh/default/gc_thresh3', 'utf8'));
  } catch {
    // These tests are in a namespace themselves.
    return;
  }
  const end = await etherconn(['doctor', 'lo', '--no-try', '--json']);
  const found = objects(end)[0].findings.find((each: Finding) => each.name === 'IPv4 neighbours');
  assert.equal(found.state, most > 1024 ? 'ok' : 'warning');
});

test('for people; and what is not there', { skip }, async () => {
  const [a] = pair();
  const end = await etherconn(['doctor', a, '--netns', here.path]);
  assert.equal(end.status, 0);
  assert.match(end.stdout, /^ok {3}interface +va\d+ is up: veth, MTU 1500$/m);
  assert.match(end.stdout, /^warn \S+: checksums .*\n +repair: nsenter --net=\S+ ethtool -K \S+ tx off$/m);
  const missing = await doctor('nothere');
  assert.equal(missing.status, 1);
  assert.match(missing.findings.get('interface')!.detail, /there is no 'nothere'/);
});

test('wrong input', async () => {
  for (const [args, message] of [
    [['--netns', 'x'], /--netns: is for an interface/],
    [['lo', '--netns', 'no-such-namespace'], /there is no network namespace 'no-such-namespace'/],
    [['lo', 'eth0'], /too many arguments/],
  ] as const) {
    const end = await etherconn(['doctor', ...args]);
    assert.equal(end.status, 2, end.stderr);
    assert.match(end.stderr, message);
  }
});
