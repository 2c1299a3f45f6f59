import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { requireCommand } from 'etherconn/testing';
import { decodeFromCompressedBase64 } from 'hdr-histogram-js';
import { checkUnlimitedSearch, endAll, etherconn, objects, RunningCommand } from '../test-support/command.ts';

/** `etherconn udp` as a process, over a network in memory: no privileges are needed. */

const folder = mkdtempSync(join(tmpdir(), 'etherconn-'));
after(() => rmSync(folder, { recursive: true }));
after(endAll);

const SEND = ['udp', 'send', 'mem', '--engine', 'memory', '--from', '10.0.0.10+20', '--to', '10.0.0.2'];

test('send: JSON with what was sent and what arrived', async () => {
  const end = await etherconn([
    ...SEND,
    '--count',
    '1000',
    '--rate',
    '5kpps',
    '--json',
    '--per-flow',
    '--seed',
    '7',
  ]);
  assert.equal(end.status, 0, end.stderr);
  assert.equal(end.stderr, '');
  const [result] = objects(end);
  assert.deepEqual(Object.keys(result), [
    'command',
    'commandLine',
    'version',
    'engine',
    'interface',
    'started',
    'seed',
    'flows',
    'environment',
    'notes',
    'duration',
    'interrupted',
    'sent',
    'received',
    'latency',
    'jitter',
    'behind',
    'thresholds',
    'passed',
    'seconds',
    'perFlow',
  ]);
  assert.equal(result.command, 'udp send');
  assert.equal(result.seed, 7);
  assert.equal(result.flows, 20);
  assert.equal(result.sent.packets, 1000);
  assert.equal(result.sent.bytes, 64_000);
  assert.equal(result.received.packets, 1000);
  assert.equal(result.received.loss, 0);
  assert.equal(result.latency.count, 1000);
  assert.equal(decodeFromCompressedBase64(result.latency.hdr).totalCount, 1000);
  assert.equal(result.perFlow.length, 20);
  for (const flow of result.perFlow) assert.equal(flow.received, 50);
  assert.equal(result.interrupted, false);
  assert.equal(result.passed, true);
});

test('send: loss of the wire is found, and thresholds decide the exit code', async () => {
  const junit = join(folder, 'junit.xml');
  const end = await etherconn([
    ...SEND,
    ...['--count', '2000', '--rate', '10kpps', '--seed', '1', '--impair', 'loss=10%,delay=5ms', '--json'],
    ...['--fail-if', 'loss>1%', '--fail-if', 'min>1h', '--fail-if', 'p99>1us', '--junit', junit],
  ]);
  assert.equal(end.status, 3, end.stderr);
  const [result] = objects(end);
  assert.equal(result.received.lost, result.sent.packets - result.received.packets);
  assert.ok(result.received.loss > 0.05 && result.received.loss < 0.2);
  assert.ok(result.latency.min >= 5);
  assert.deepEqual(
    result.thresholds.map((each: { text: string; state: string }) => `${each.text} ${each.state}`),
    ['loss>1% missed', 'min>1h met', 'p99>1us missed'],
  );
  assert.equal(result.passed, false);
  const xml = readFileSync(junit, 'utf8');
  assert.match(xml, /<testsuite name="etherconn udp send" tests="4" failures="2"/);
  assert.match(xml, /<testcase name="not loss&gt;1%"><failure message="[\d.]+%"\/>/);
});

test('send: a line a second as NDJSON, and the same faults for the same seed', async () => {
  const run = () =>
    etherconn([
      ...SEND,
      '--count',
      '2400',
      '--rate',
      '2kpps',
      '--seed',
      '5',
      '--impair',
      'loss=5%',
      '--ndjson',
    ]);
  const [first, second] = [objects(await run()), objects(await run())];
  assert.equal(first[0].type, 'second');
  assert.equal(first.at(-1).type, 'result');
  assert.deepEqual(Object.keys(first[0]), [
    'type',
    'length',
    'second',
    'sent',
    'sentBits',
    'received',
    'receivedBits',
    'lost',
    'duplicates',
    'reordered',
    'p50',
    'p90',
    'p99',
    'p999',
    'max',
  ]);
  assert.equal(first.at(-1).sent.packets, 2400);
  const share = (run: typeof first) => run.at(-1).received.loss;
  assert.ok(Math.abs(share(first) - share(second)) < 0.02, `${share(first)} and ${share(second)}`);
});

test('send: plain lines when it is no terminal; sizes, ramps, VLANs, IPv6', async () => {
  const imix = await etherconn([
    ...SEND,
    '--vlan',
    '100.1-20',
    '--size',
    'imix',
    '--count',
    '24',
    '--rate',
    'max',
  ]);
  assert.equal(imix.status, 0, imix.stderr);
  assert.match(imix.stdout, /^etherconn udp send: a network in memory, 20 flows\n/);
  assert.match(imix.stdout, /^received +24 packets/m);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what must not be there.
  assert.doesNotMatch(imix.stdout, /\x1b/);
  const ramp = await etherconn([
    ...SEND,
    ...['--rate', '4kpps', '--ramp', '1s', '--ramp-from', '2kpps', '--duration', '1s', '--json'],
  ]);
  const { packets, unsent } = objects(ramp)[0].sent;
  assert.equal(packets + unsent, 3000);
  const six = await etherconn([
    ...['udp', 'send', 'mem', '--engine', 'memory', '--from', 'fd00::10+5', '--to', 'fd00::2-fd00::3'],
    ...['--count', '100', '--rate', '10kpps', '--json', '--round-trip'],
  ]);
  assert.equal(six.status, 0, six.stderr);
  assert.equal(objects(six)[0].received.packets, 100);
});

test('send: --find-rate says the rate and how it was found', async () => {
  const args = [...SEND, '--find-rate', '--rate', '4kpps', '--trial', '200ms', '--json'];
  const end = await etherconn([...args, '--loss', '100%']);
  const [result] = objects(end);
  checkUnlimitedSearch(result.foundRate);
  assert.equal(end.status, result.foundRate.rate === null ? 3 : 0, end.stderr);
  for (const trial of result.foundRate.trials)
    assert.deepEqual(Object.keys(trial), ['rate', 'sent', 'loss', 'passed', 'reason']);
  const none = await etherconn([...args, '--impair', 'loss=100%', '--to-mac', '02:00:00:00:00:02']);
  assert.equal(none.status, 3);
  const { foundRate } = objects(none)[0];
  assert.equal(foundRate.rate, null);
  assert.match(foundRate.trials[0].reason, /^(lost 100 %|the sender could not keep its schedule)$/);
});

test('Ctrl-C: the result so far, exit code 130, and every view is written', async () => {
  const junit = join(folder, 'interrupted.xml');
  const running = new RunningCommand([...SEND, '--duration', '1h', '--junit', junit]);
  await running.says(/received \d+ pps/);
  const end = await running.interrupt();
  assert.equal(end.status, 130);
  assert.match(end.stdout, /^sent +[\d ]+ packets/m);
  assert.match(end.stdout, /^lost +0 /m);
  assert.match(readFileSync(junit, 'utf8'), /<failure message="interrupted"\/>/);
});

test('--metrics: Prometheus text while it runs', () => scrape());

test('--metrics: promtool finds nothing to say', { skip: requireCommand('promtool') }, () =>
  scrape((text) => {
    const promtool = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
    assert.equal(promtool.stdout + promtool.stderr, '');
    assert.equal(promtool.status, 0);
  }),
);

async function scrape(fits?: (text: string) => void): Promise<void> {
  const running = new RunningCommand([...SEND, '--duration', '1h', '--metrics', ':0', '--ndjson']);
  await running.says(/metrics at http:\S+\/metrics[\s\S]*"type":"second"|"type":"second"[\s\S]*metrics at/);
  const url = /http:\S+/.exec(running.stderr)![0];
  const response = await fetch(url);
  const text = await response.text();
  assert.match(response.headers.get('content-type')!, /^text\/plain; version=0.0.4/);
  assert.match(text, /^etherconn_sent_packets_total\{command="udp send",interface="mem0"\} \d+$/m);
  assert.match(text, /^etherconn_latency_seconds\{percentile="99",.*\} [\d.e-]+$/m);
  assert.equal((await fetch(url.replace('/metrics', '/'))).status, 404);
  fits?.(text);
  assert.equal((await running.interrupt()).status, 130);
}

test('files that cannot be written are told before the run', async () => {
  for (const option of ['--report', '--junit']) {
    const none = await etherconn([...SEND, option, join(folder, 'none', 'file')]);
    assert.equal(none.status, 2);
    assert.equal(none.stdout, '');
    assert.match(
      none.stderr,
      new RegExp(`^etherconn: ${option}: .* cannot be written: there is no folder .*\n$`),
    );
    const isFolder = await etherconn([...SEND, option, folder]);
    assert.match(isFolder.stderr, new RegExp(`^etherconn: ${option}: .* is a folder; name a file\n$`));
  }
});

test('SIGTERM ends it as Ctrl-C does, with 143', async () => {
  const report = join(folder, 'terminated.html');
  const running = new RunningCommand([
    ...SEND,
    ...['--duration', '1h', '--report', report, '--json', '--metrics', ':0'],
  ]);
  await running.says(/metrics at/);
  running.child.kill('SIGTERM');
  const end = await running.ended;
  assert.equal(end.status, 143);
  assert.equal(objects(end)[0].interrupted, true);
  assert.match(readFileSync(report, 'utf8'), /<span class="badge bad">interrupted<\/span>/);
});

test('--metrics: a port that is in use is said in one sentence', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const end = await etherconn([...SEND, '--count', '1', '--metrics', `:${port}`]);
  server.close();
  assert.equal(end.status, 2);
  assert.equal(end.stderr, `etherconn: --metrics: 127.0.0.1:${port} is in use; choose another port\n`);
});

test('wrong command lines: exit code 2, one sentence that names the option', async () => {
  const missing = SEND.slice(0, 5);
  for (const [args, message] of [
    [['udp'], /^Usage: etherconn udp/],
    [['udp', 'brew'], /unknown command 'brew'/],
    [missing, /required option '--from <addresses>' not specified/],
    [[...SEND, '--rate', '5'], /^etherconn: --rate: must be a rate like/],
    [[...SEND, '--to', 'fd00::1'], /^etherconn: --to: must be of IPv4 as --from is/],
    [[...SEND, '--size', '63'], /^etherconn: --size: /],
    [[...SEND, '--prefix', '64'], /^etherconn: --prefix: must be at most 32 with IPv4, got 64$/m],
    [
      [...SEND, '--size', '64', '--vlan', '5'],
      /^etherconn: --size: must be at least 68 over IPv4 with 1 VLAN tag/,
    ],
    [[...SEND, '--size', '9000'], /^etherconn: --size: must be at most 1518 here, by the MTU of mem0/],
    [[...SEND, '--vlan', '1-4095'], /^etherconn: --vlan: /],
    [[...SEND, '--fail-if', 'weather>1'], /^etherconn: --fail-if: .*'weather' is not measured/],
    [[...SEND, '--loss', '1%'], /^etherconn: --loss: is for --find-rate/],
    [[...SEND, '--ramp-from', '1pps'], /^etherconn: --ramp-from: needs --ramp/],
    [[...SEND, '--find-rate', '--count', '5'], /^etherconn: --find-rate: cannot go with/],
    [[...SEND, '--json', '--ndjson'], /cannot be used with option/],
    [[...SEND, '--receive-on', 'eth1'], /^etherconn: --receive-on: is not for --engine memory/],
    [
      ['udp', 'send', 'nosuch0', ...SEND.slice(5), '--find-rate'],
      /^etherconn: --find-rate: must know what arrives/,
    ],
    [
      ['udp', 'send', 'nosuch0', ...SEND.slice(5), '--netns', 'nosuch'],
      /^etherconn: --netns: there is no network namespace/,
    ],
    [
      ['udp', 'receive', 'x', '--address', '10.0.0.1', '--engine', 'memory'],
      /Allowed choices are auto, xdp, packet: a network in memory is inside of one process/,
    ],
  ] as const) {
    const end = await etherconn(args);
    assert.equal(end.status, 2, `${args.join(' ')}: ${end.stderr}`);
    assert.match(end.stderr, message);
    assert.equal(end.stdout, '');
    assert.doesNotMatch(end.stderr, /^ +at .*:\d+:\d+/m);
  }
});

test('nobody answers: one sentence with the remedy, exit code 1; the stack only with --verbose', async () => {
  const args = [...SEND.slice(0, 5), '--from', '10.0.0.10', '--to', '10.9.0.2'];
  const end = await etherconn(args);
  assert.equal(end.status, 1);
  assert.match(end.stderr, /^etherconn: no answer from 10\.9\.0\.2 to ARP, .* --gateway .*\n$/);
  assert.match((await etherconn([...args, '--verbose'])).stderr, /\n +at /);
});

test('help has examples, and options with their defaults', async () => {
  for (const name of ['send', 'receive', 'echo']) {
    const end = await etherconn(['udp', name, '--help']);
    assert.equal(end.status, 0);
    assert.match(end.stdout, new RegExp(`Examples?:\n +etherconn udp ${name} `));
    assert.match(end.stdout, /--fail-if <limit>/);
    assert.doesNotMatch(end.stdout, /\[object Object\]/);
  }
});
