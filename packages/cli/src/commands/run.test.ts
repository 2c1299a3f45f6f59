import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { endAll, etherconn, objects, RunningCommand } from '../test-support/command.ts';

/** `etherconn run` and `etherconn init` as processes, over a network in memory: no privileges are needed. */

const folder = mkdtempSync(join(tmpdir(), 'etherconn-'));
after(() => rmSync(folder, { recursive: true }));
after(endAll);

const file = join(folder, 'scenario.yaml');
writeFileSync(
  file,
  `clients: 20
engine: memory
seed: 5
parts:
  leases:
    type: dhcp
    clients: 10
    rate: max
    leases: ${join(folder, 'leases.csv')}
  traffic:
    type: udp-send
    from: 10.0.0.10+20
    to: 10.0.0.2
    rate: 1kpps
    begin: 300ms
    end: 1300ms
    roundTrip: true
  checks:
    type: ping
    clients: 2-3
    from: 10.0.0.10+20
    to: 10.0.0.2
    interval: 100ms
    count: 3
failIf: [leases.leases<10, traffic.loss>90%]
outputs:
  junit: ${join(folder, 'junit.xml')}
`,
);

test('JSON: each part and all together, seconds of both, limits of file and command line, outputs', async () => {
  const report = join(folder, 'report.html');
  const end = await etherconn([
    'run',
    file,
    '--json',
    '--report',
    report,
    '--fail-if',
    'checks.received>1Mpps',
  ]);
  assert.equal(end.status, 0, end.stderr);
  assert.equal(end.stderr, '');
  const [result] = objects(end);
  assert.deepEqual([result.command, result.seed, result.clients, result.flows], ['run', 5, 10, 22]);
  const { leases, traffic, checks } = result.parts;
  assert.deepEqual([leases.type, leases.fleet.leases, leases.flows], ['dhcp', 10, 0]);
  assert.deepEqual([traffic.sent.packets, traffic.begin, traffic.duration], [1000, 0.3, 1]);
  assert.equal(traffic.latency.count, traffic.received.packets);
  assert.deepEqual([checks.sent.packets, checks.received.packets, checks.ping.errors], [6, 6, 0]);
  assert.equal(result.sent.packets, leases.sent.packets + 1000 + 6);
  assert.equal(result.latency, null);
  assert.ok(result.seconds.length >= 1 && traffic.seconds.length >= 1);
  assert.ok('p99' in traffic.seconds[0]);
  assert.deepEqual(
    result.thresholds.map(({ text, state }: { text: string; state: string }) => `${text} ${state}`),
    ['leases.leases<10 met', 'traffic.loss>90% met', 'checks.received>1Mpps met'],
  );
  assert.equal(readFileSync(join(folder, 'leases.csv'), 'utf8').trimEnd().split('\n').length, 11);
  assert.match(readFileSync(join(folder, 'junit.xml'), 'utf8'), /tests="4" failures="0"/);
  assert.match(readFileSync(report, 'utf8'), /^<!doctype html>/);
});

test('plain lines and NDJSON have the parts; a missed limit of a part is exit code 3', async () => {
  const text = await etherconn(['run', file, '--set', 'failIf.0=traffic.sent<1Mpps']);
  assert.equal(text.status, 3, text.stderr);
  assert.match(text.stdout, /^0:01 {2}(?=.*leases: bound 10)(?=.*traffic: sent [\d.]+ pps)/m);
  assert.match(text.stdout, /^part +traffic {2}udp-send, from 0\.3 s\nsent +1 000 packets/m);
  assert.match(text.stdout, /^threshold +FAIL traffic\.sent<1Mpps +1000pps$/m);
  const lines = objects(await etherconn(['run', file, '--ndjson']));
  assert.ok(lines[0].parts.traffic.sent > 0);
  assert.equal(lines[0].parts.leases.bound, 10);
  assert.equal(lines.at(-1).parts.leases.fleet.bound, 10);
});

test('a dry run says clients, addresses, rates and times, and opens nothing', async () => {
  const end = await etherconn(['run', file, 'nosuch0', '--engine', 'packet', '--dry-run']);
  assert.equal(end.status, 0, end.stderr);
  assert.match(end.stdout, /^network +nosuch0, engine packet\nclients +20$/m);
  assert.match(end.stdout, /^ +from +10\.0\.0\.10:9464 … 10\.0\.0\.29:9464$/m);
  assert.match(end.stdout, /^ +rate +1000 pps$/m);
  assert.match(
    end.stdout,
    /^0 s +leases begins, checks begins\n0\.3 s +traffic begins\n1\.3 s +traffic ends$/m,
  );
  assert.match(end.stdout, /^fail if +leases\.leases<10$/m);
  const [dry] = objects(await etherconn(['run', file, '--dry-run', '--json']));
  assert.deepEqual(
    dry.parts.map(({ name, clients }: { name: string; clients: string }) => `${name} ${clients}`),
    ['leases 0-9', 'traffic 0-19', 'checks 2-3'],
  );
});

test('Ctrl-C: what it has, leases given back, exit code 130', async () => {
  const running = new RunningCommand([
    ...['run', file, '--set', 'parts.traffic.end=1h', '--set', 'parts.leases.end=1h'],
    ...['--set', 'parts.leases.release=true'],
  ]);
  await running.says(/^0:01 .*bound 10/m);
  const end = await running.interrupt();
  assert.equal(end.status, 130, end.stderr);
  assert.match(end.stdout, /^leases +10 of 10 clients, .* 0 held at the end$/m);
  assert.match(end.stdout, /^part +all together$/m);
});

test('wrong files and command lines: exit code 2, a line for each, with file, line and key', async () => {
  const wrong = join(folder, 'wrong.yaml');
  writeFileSync(wrong, readFileSync(file, 'utf8').replace('rate: 1kpps', 'rate: fast\n    rat: 1'));
  const both = await etherconn(['run', wrong]);
  assert.equal(both.status, 2);
  const [first, second, ...rest] = both.stderr.trimEnd().split('\n');
  assert.ok(first!.startsWith(`etherconn: ${wrong}:14:5: parts.traffic.rate: must be a rate like`), first);
  assert.ok(
    second!.startsWith(`etherconn: ${wrong}:15:5: parts.traffic.rat: is not a key here (did you mean rate?)`),
    second,
  );
  assert.deepEqual(rest, []);
  const noInterface = join(folder, 'no-interface.yaml');
  writeFileSync(noInterface, readFileSync(file, 'utf8').replace('engine: memory\n', ''));
  for (const [args, status, message] of [
    [['run'], 2, /missing required argument 'scenario'/],
    [
      ['run', join(folder, 'nosuch.yaml')],
      1,
      /nosuch\.yaml cannot be read: there is no such file; etherconn init/,
    ],
    [['run', noInterface], 2, /^etherconn: interface: is missing/],
    [
      ['run', noInterface, 'nosuch0', '--netns', 'nosuch'],
      2,
      /^etherconn: --netns: there is no network namespace/,
    ],
    [
      ['run', file, '--set', 'clients=5'],
      2,
      /^etherconn: .*:\d+:\d+: parts\.leases\.clients: there are 10 of them/,
    ],
    [['run', file, '--set', 'seed=-1'], 2, /^etherconn: --set seed: seed: must be a whole number/],
    [
      ['run', file, '--fail-if', 'nosuch.loss>1%'],
      2,
      /^etherconn: --fail-if: there is no part 'nosuch'; there are leases,/,
    ],
    [
      ['run', file, '--set', 'parts.traffic.size=9000'],
      2,
      /^etherconn: --set parts\.traffic\.size: parts\.traffic\.size: must be at most 1518 here/,
    ],
    [['run', file, '--set', 'outputs.junit=/nosuch/x.xml'], 2, /^etherconn: --junit: .* there is no folder/],
    [
      ['udp', 'receive', 'eth0', '--address', '10.0.0.2', '--fail-if', 'a.loss>1%'],
      2,
      /those are of etherconn run/,
    ],
  ] as const) {
    const end = await etherconn(args);
    assert.equal(end.status, status, `${args.join(' ')}: ${end.stderr}`);
    assert.match(end.stderr, message);
    assert.equal(end.stdout, '');
  }
});

test('init writes examples that run as they are, and overwrites nothing', async () => {
  for (const template of ['mixed', 'udp', 'dhcp']) {
    const example = join(folder, `${template}.yaml`);
    const written = await etherconn(['init', example, '--template', template]);
    assert.equal(written.status, 0, written.stderr);
    const text = readFileSync(example, 'utf8');
    assert.match(text, /^# yaml-language-server: \$schema=https:/);
    assert.ok(text.includes(`etherconn run ${example}`));
    const ran = await etherconn(['run', example, '--json']);
    assert.equal(ran.status, 0, ran.stderr + ran.stdout.slice(0, 2000));
    assert.ok(Object.keys(objects(ran)[0].parts).length >= 2);
    const again = await etherconn(['init', example]);
    assert.equal(again.status, 2);
    assert.match(again.stderr, /is there already; --force overwrites it/);
    assert.equal(readFileSync(example, 'utf8'), text);
  }
  assert.equal((await etherconn(['init', join(folder, 'udp.yaml'), '--force'])).status, 0);
  assert.match(readFileSync(join(folder, 'udp.yaml'), 'utf8'), /^name: A busy morning$/m);
  const nowhere = await etherconn(['init', '/nosuch/x.yaml']);
  assert.equal(nowhere.status, 1);
  assert.match(nowhere.stderr, /there is no such folder/);
});

test('programs in the process can watch: diagnostics channels for start, second and end', async () => {
  const preload = join(folder, 'watch.mjs');
  const seen = join(folder, 'seen.jsonl');
  writeFileSync(
    preload,
    `import { subscribe } from 'node:diagnostics_channel';
import { appendFileSync } from 'node:fs';
const note = (entry) => appendFileSync(${JSON.stringify(seen)}, JSON.stringify(entry) + '\\n');
subscribe('etherconn:run:start', ({ info }) => note(['start', info.command]));
subscribe('etherconn:run:second', ({ second, total }) => note(['second', second.second, total.get('sent') > 0]));
subscribe('etherconn:run:end', ({ result }) => note(['end', result.passed]));
`,
  );
  const end = await etherconn(['run', file, '--json'], { NODE_OPTIONS: `--import ${preload}` });
  assert.equal(end.status, 0, end.stderr);
  const entries = readFileSync(seen, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(entries[0], ['start', 'run']);
  assert.deepEqual(entries[1], ['second', 0, true]);
  assert.deepEqual(entries.at(-1), ['end', true]);
});
