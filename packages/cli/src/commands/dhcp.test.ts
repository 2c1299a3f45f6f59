import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { decodeFromCompressedBase64 } from 'hdr-histogram-js';
import { endAll, etherconn, objects, RunningCommand } from '../test-support/command.ts';

/** `etherconn dhcp` as a process, against our own server over a network in memory: no privileges are needed. */

const folder = mkdtempSync(join(tmpdir(), 'etherconn-'));
after(() => rmSync(folder, { recursive: true }));
after(endAll);

const DHCP = ['dhcp', 'mem', '--engine', 'memory'];

test('JSON: leases, phases, messages, and the leases as CSV', async () => {
  const csv = join(folder, 'leases.csv');
  const end = await etherconn([
    ...DHCP,
    ...['--clients', '300', '--rate', '1000', '--vlan', '100-199.7', '--mac-start', '02:00:00:00:ff:ff'],
    ...['--leases', csv, '--json', '--seed', '3', '--lease-time', '90s'],
  ]);
  assert.equal(end.status, 0, end.stderr);
  assert.equal(end.stderr, '');
  const [result] = objects(end);
  assert.equal(result.command, 'dhcp');
  assert.equal(result.clients, 300);
  const { fleet } = result;
  assert.deepEqual([fleet.leases, fleet.bound, fleet.failed, fleet.failures], [300, 300, 0, {}]);
  assert.equal(fleet.messages.ack, 300);
  assert.deepEqual(Object.keys(fleet.phases), ['offer', 'ack', 'renew', 'rebind']);
  assert.equal(fleet.phases.offer.count, 300);
  assert.equal(fleet.phases.renew, null);
  assert.equal(decodeFromCompressedBase64(result.latency.hdr).totalCount, 300);
  assert.equal(result.sent.packets, fleet.messages.discover + fleet.messages.request);
  assert.ok(result.received.bytes > 300 * 2 * 300);
  const lines = readFileSync(csv, 'utf8').trimEnd().split('\n');
  assert.equal(lines[0], 'client,mac,vlan,state,address,server,lease_s,bound_at_ms,took_ms');
  assert.equal(lines.length, 301);
  assert.match(lines[1], /^0,02:00:00:00:ff:ff,100\.7,bound,10\.16\.\d+\.\d+,10\.0\.0\.1,90,[\d.]+,[\d.]+$/);
  assert.match(lines[2], /^1,02:00:00:01:00:00,101\.7,bound,/);
  assert.equal(new Set(lines.slice(1).map((line) => line.split(',')[4])).size, 300);
});

test('NDJSON, thresholds, JUnit and report; a lossy wire is asked again', async () => {
  const [junit, report] = [join(folder, 'junit.xml'), join(folder, 'report.html')];
  const end = await etherconn([
    ...DHCP,
    ...['--clients', '200', '--rate', '400', '--timeout', '100ms', '--impair', 'loss=10%', '--seed', '1'],
    ...['--fail-if', 'retries>0', '--fail-if', 'failed>50%', '--fail-if', 'leases<10', '--fail-if', 'naks>0'],
    ...['--fail-if', 'ack-p99<1us', '--fail-if', 'renew-p50>1s'],
    ...['--ndjson', '--junit', junit, '--report', report],
  ]);
  assert.equal(end.status, 3, end.stderr);
  const lines = objects(end);
  for (const name of ['sent', 'received', 'p99', 'leases', 'bound', 'renewed', 'retries', 'naks', 'failed'])
    assert.ok(name in lines[0], name);
  const result = lines.at(-1);
  assert.ok(result.fleet.retries > 0);
  assert.deepEqual(
    result.thresholds.map((each: { text: string; state: string }) => `${each.text} ${each.state}`),
    [
      'retries>0 missed',
      'failed>50% met',
      'leases<10 met',
      'naks>0 met',
      'ack-p99<1us met',
      'renew-p50>1s not measured',
    ],
  );
  assert.match(readFileSync(junit, 'utf8'), /<testsuite name="etherconn dhcp" tests="7" failures="2"/);
  const html = readFileSync(report, 'utf8');
  assert.match(html, /"fleet":\{"clients":200,/);
});

test('plain lines; clients that nobody answers fail with the reason', async () => {
  const good = await etherconn([...DHCP, '--clients', '20', '--release']);
  assert.equal(good.status, 0, good.stderr);
  assert.match(good.stdout, /^etherconn dhcp: a network in memory, 20 clients\n/);
  assert.match(good.stdout, /^leases +20 of 20 clients, .* 0 held at the end$/m);
  assert.match(good.stdout, /^offer +min /m);
  const bad = await etherconn([
    ...[...DHCP, '--clients', '20', '--rate', 'max', '--impair', 'loss=100%'],
    ...['--timeout', '20ms', '--retries', '1', '--fail-if', 'failed>0'],
  ]);
  assert.equal(bad.status, 3, bad.stderr);
  assert.match(bad.stdout, /^failed +no offer 20$/m);
  assert.match(bad.stdout, /FAIL failed>0 +100%/);
});

test('a fleet that gets no lease at all has failed, without any threshold', async () => {
  const nobody = ['--impair', 'loss=100%', '--timeout', '20ms', '--retries', '0'];
  const { status, stdout, stderr } = await etherconn([...DHCP, '--clients', '1', ...nobody]);
  assert.equal(status, 1, stderr);
  assert.match(stdout, /^leases +0 of 1 client, /m);
  assert.match(stdout, /^sent +1 packet, /m);
  const judged = await etherconn([...DHCP, '--clients', '1', ...nobody, '--fail-if', 'leases<1']);
  assert.equal(judged.status, 3, judged.stderr);
});

test('a whole life: renewals, declines, flapping, release', async () => {
  const renewed = await etherconn([
    ...[...DHCP, '--clients', '50', '--rate', 'max', '--lease-time', '2s', '--renew', '--release', '--json'],
  ]);
  assert.equal(renewed.status, 0, renewed.stderr);
  const { fleet } = objects(renewed)[0];
  assert.deepEqual([fleet.renewed, fleet.messages.release, fleet.bound], [50, 50, 0]);
  const flapping = await etherconn([
    ...[...DHCP, '--clients', '20', '--rate', 'max', '--flap', '300ms', '--duration', '1500ms'],
    ...['--decline', '50%', '--json', '--seed', '2'],
  ]);
  assert.equal(flapping.status, 0, flapping.stderr);
  const result = objects(flapping)[0];
  const { leases, failures, messages } = result.fleet;
  // Who has declined begins again after the end; the others get a lease, lose it, and get another.
  assert.ok(leases > 20 - messages.decline, `${leases}`);
  assert.equal(failures.declined, messages.decline);
  assert.ok(messages.decline > 0 && messages.decline < 20);
});

test('Ctrl-C: the result so far, leases given back and written, exit code 130', async () => {
  const csv = join(folder, 'interrupted.csv');
  const running = new RunningCommand([
    ...[...DHCP, '--clients', '30', '--duration', '1h', '--release', '--leases', csv, '--metrics', ':0'],
  ]);
  await running.says(/metrics at http:\S+[\s\S]*bound 30|bound 30[\s\S]*metrics at/);
  const text = await (await fetch(/http:\S+/.exec(running.stderr)![0])).text();
  assert.match(text, /^etherconn_bound_leases\{command="dhcp",interface="mem0"\} 30$/m);
  assert.match(text, /^etherconn_leases_total\{command="dhcp",interface="mem0"\} 30$/m);
  const end = await running.interrupt();
  assert.equal(end.status, 130);
  assert.match(end.stdout, /^leases +30 of 30 clients, .* 0 held at the end$/m);
  const states = readFileSync(csv, 'utf8').trimEnd().split('\n').slice(1);
  assert.ok(states.every((line) => line.split(',')[3] === 'released'));
});

test('wrong command lines: exit code 2, one sentence that names the option', async () => {
  for (const [args, message] of [
    [['dhcp'], /missing required argument 'interface'/],
    [[...DHCP, '--clients', '0'], /^etherconn: --clients: must be a whole number from 1 to/],
    [[...DHCP, '--clients', '2M'], /^etherconn: --clients: /],
    [[...DHCP, '--rate', 'fast'], /^etherconn: --rate: /],
    [[...DHCP, '--mac-start', '01:00:00:00:00:01'], /^etherconn: --mac-start: .*no group's/],
    [[...DHCP, '--mac-start', 'ff:ff:ff:ff:ff'], /^etherconn: --mac-start: /],
    [[...DHCP, '--vlan', '4095'], /^etherconn: --vlan: /],
    [
      [...DHCP, '--vlan', '1-200'],
      /^etherconn: --vlan: must have at most as many values as there are clients \(100\)/,
    ],
    [[...DHCP, '--option', '53=0x01'], /^etherconn: --option: .*53 is filled by the clients/],
    [[...DHCP, '--retries', '21'], /^etherconn: --retries: /],
    [[...DHCP, '--flap', '5s', '--duration', '5s'], /^etherconn: --flap: must be less than --duration/],
    [[...DHCP, '--fail-if', 'leases<10pps'], /needs a whole number/],
    [[...DHCP, '--leases', '/nosuch/leases.csv'], /^etherconn: --leases: .* there is no folder/],
    [[...DHCP, '--per-flow'], /unknown option '--per-flow'/],
    [['dhcp', 'eth0', '--lease-time', '5s'], /^etherconn: --lease-time: is for --engine memory/],
    [['dhcp', 'eth0', '--impair', 'loss=1%'], /^etherconn: --impair: is for --engine memory/],
    [['dhcp', 'eth0', '--netns', 'nosuch'], /^etherconn: --netns: there is no network namespace/],
  ] as const) {
    const end = await etherconn(args);
    assert.equal(end.status, 2, `${args.join(' ')}: ${end.stderr}`);
    assert.match(end.stderr, message);
    assert.equal(end.stdout, '');
    assert.doesNotMatch(end.stderr, /^ +at .*:\d+:\d+/m);
  }
});

test('help has examples, and options with their defaults', async () => {
  const end = await etherconn(['dhcp', '--help']);
  assert.equal(end.status, 0);
  assert.match(end.stdout, /Examples:\n +etherconn dhcp mem --engine memory/);
  assert.doesNotMatch(end.stdout, /\[object Object\]/);
});
