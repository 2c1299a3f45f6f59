import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { requireCommand } from 'etherconn/testing';
import { EmbeddedServer } from '../hub/nats-server.ts';
import { COORDINATOR, WATCHER } from '../hub/server-config.ts';

const tool = fileURLToPath(new URL('../../../cli/bin/etherconn.js', import.meta.url));
const skip = requireCommand('nats-server');

const CAMPAIGN = `name: trial
clientsPerRange: 10
lease: 20s
step: 500ms
scenario:
  clients: 100
  duration: DURATION
  parts:
    leases: {type: dhcp, rate: max}
failIf: ['failed>0']
`;

interface End {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<End>;
  says(pattern: RegExp): Promise<string>;
}

function start(t: TestContext, args: readonly string[], env: NodeJS.ProcessEnv = {}): Running {
  const child = spawn(process.execPath, [tool, ...args], { env: { ...process.env, ...env } });
  let [stdout, stderr] = ['', ''];
  let changed = (): void => {};
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
    changed();
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
    changed();
  });
  t.after(() => child.kill('SIGKILL'));
  let isOver = false;
  const ended = new Promise<End>((resolve) =>
    child.once('close', (code) => {
      isOver = true;
      changed();
      resolve({ code, stdout, stderr });
    }),
  );
  return {
    child,
    ended,
    async says(pattern) {
      for (;;) {
        const match = pattern.exec(`${stdout}${stderr}`);
        if (match !== null) return match[1] ?? match[0];
        if (isOver) throw new Error(`ended without ${pattern}:\n${stdout}${stderr}`);
        await new Promise<void>((resolve) => {
          changed = resolve;
        });
      }
    },
  };
}

function folderFor(t: TestContext, duration: string): { folder: string; file: string; state: string } {
  const folder = mkdtempSync(join(tmpdir(), 'etherconn-commands-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'campaign.yaml');
  writeFileSync(file, CAMPAIGN.replace('DURATION', duration));
  return { folder, file, state: join(folder, 'state') };
}

test('on one machine: a server and agents of its own, a result, a report, and nothing left', {
  skip,
}, async (t) => {
  const { folder, file, state } = folderFor(t, '2s');
  const report = join(folder, 'report.html');
  const interfaces = ['--interfaces', 'mem0,mem1', '--engine', 'memory', '--state', state];
  const { code, stdout, stderr } = await start(t, [
    'campaign',
    'run',
    file,
    ...interfaces,
    '--json',
    '--report',
    report,
  ]).ended;
  assert.equal(code, 0, stderr);
  const result = JSON.parse(stdout);
  assert.equal(result.fleet.leases, 100);
  assert.equal(result.passed, true);
  assert.equal(result.campaign.ranges.done, 10);
  assert.deepEqual(
    result.campaign.agents
      .map(({ agent, clients }: { agent: string; clients: number }) => [agent, clients])
      .sort(),
    [
      ['mem0', 50],
      ['mem1', 50],
    ],
  );
  const page = readFileSync(report, 'utf8');
  for (const word of ['Agents', 'mem0', 'Clock offset', 'Events']) assert.ok(page.includes(word), word);

  const told = JSON.parse(/id="data">(.*?)<\/script>/s.exec(page)![1]);
  const leases = told.result.seconds.reduce(
    (sum: number, each: { bound?: number }) => sum + (each.bound ?? 0),
    0,
  );
  assert.equal(leases, 100, 'the plots show every lease');

  // The same again, from what was kept.
  const again = await start(t, ['campaign', 'report', result.campaign.run, '--state', state, '--json']).ended;
  assert.equal(again.code, 0, again.stderr);
  assert.deepEqual(JSON.parse(again.stdout).fleet, result.fleet);
  const resumed = await start(t, ['campaign', 'resume', result.campaign.run, '--state', state]).ended;
  assert.equal(resumed.code, 1);
  assert.match(resumed.stderr, /is over; etherconn campaign report/);
});

test('clients that fail are in the result and in the report, by number, part and reason', {
  skip,
}, async (t) => {
  const { folder, file, state } = folderFor(t, '2s');
  // Of the last range each second client has a destination to which no way leads.
  const part =
    "    traffic: {type: udp-send, clients: '90-99', from: 10.0.0.10+100, to: '10.0.0.2,10.9.0.2', roundTrip: true}\n";
  writeFileSync(file, readFileSync(file, 'utf8').replace('failIf:', `${part}failIf:`));
  const report = join(folder, 'report.html');
  const { code, stdout, stderr } = await start(t, [
    ...['campaign', 'run', file, '--interfaces', 'mem0,mem1', '--engine', 'memory', '--state', state],
    ...['--json', '--report', report],
  ]).ended;
  assert.equal(code, 0, stderr);
  const { campaign, parts } = JSON.parse(stdout);
  assert.deepEqual(
    campaign.failures,
    [91, 93, 95, 97, 99].map((client) => ({ client, part: 'traffic', reason: 'no next hop' })),
  );
  assert.equal(campaign.failureCount, 5);
  assert.equal(parts.traffic.sent.packets, 1000);
  assert.equal(parts.traffic.sent.unsent, 1000);
  const page = readFileSync(report, 'utf8');
  for (const text of ['Failed clients', 'no next hop', 'traffic', '95']) assert.ok(page.includes(text), text);
});

test('over a server: agents that wait, any number of watchers, and a stop', { skip }, async (t) => {
  const { folder, file, state } = folderFor(t, '60s');
  const server = await EmbeddedServer.start(join(folder, 'nats'), ['a1', 'a2']);
  t.after(() => server.close());
  const as = (name: string): string[] => ['--nats', server.url, '--creds', server.creds[name]];
  const agents = ['a1', 'a2'].map((name) =>
    start(t, [
      'agent',
      'mem',
      '--engine',
      'memory',
      '--name',
      name,
      '--state',
      join(folder, name),
      ...as(name),
    ]),
  );
  writeFileSync(file, `${readFileSync(file, 'utf8')}agents: 2\n`);
  const run = start(t, ['campaign', 'run', file, '--state', state, '--json', ...as(COORDINATOR)]);
  const id = await run.says(/campaign (c[0-9a-f]{10})/);
  await run.says(/running/);

  const watchers = [1, 2].map(() => start(t, ['campaign', 'watch', id, '--json', ...as(WATCHER)]));
  for (const watcher of watchers) await watcher.says(/"phase":"running"/);
  const status = await start(t, ['campaign', 'status', id, ...as(WATCHER)]).ended;
  assert.equal(status.code, 0, status.stderr);
  assert.match(status.stdout, new RegExp(`^${id} trial: running`));
  assert.match(status.stdout, /, 2 agents,.*\n {2}a1: .*\n {2}a2: /s);
  const second = await start(t, ['campaign', 'run', file, '--state', state, ...as(COORDINATOR)]).ended;
  assert.equal(second.code, 1);
  assert.match(second.stderr, new RegExp(`campaign ${id} is under way here`));
  const foreign = await start(t, ['campaign', 'stop', id, ...as(WATCHER)]).ended;
  assert.notEqual(foreign.code, 0);

  const stopped = await start(t, ['campaign', 'stop', id, ...as(COORDINATOR)]).ended;
  assert.equal(stopped.code, 0, stopped.stderr);
  const { code, stdout, stderr } = await run.ended;
  assert.equal(code, 1, stderr);
  const result = JSON.parse(stdout);
  assert.equal(result.interrupted, true);
  assert.equal(result.fleet.leases, 100);
  assert.equal(result.campaign.reason, 'stopped');
  assert.deepEqual(result.campaign.gaps, []);
  for (const watcher of watchers) assert.equal((await watcher.ended).code, 0);
  for (const agent of agents) agent.child.kill('SIGTERM');
  for (const agent of agents) assert.equal((await agent.ended).code, 0);
});

/** The process id of the server that keeps its files in `folder`. */
function serverIn(folder: string): number {
  const [file] = readdirSync(join(folder, 'ports'));
  return Number(/_(\d+)\.ports$/.exec(file)![1]);
}

/** Resolves when there is no such process any more; one that nobody has waited for yet is none. */
async function gone(pid: number): Promise<void> {
  for (;;) {
    let stat: string;
    try {
      stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    } catch {
      return;
    }
    if (/\) Z /.test(stat)) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test('the first signal ends a campaign in order: its result is whole, and the exit code says the signal', {
  skip,
}, async (t) => {
  for (const [signal, expected] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    const { file, state } = folderFor(t, '60s');
    const run = start(t, [
      ...['campaign', 'run', file, '--interfaces', 'mem0', '--engine', 'memory'],
      ...['--state', state, '--json'],
    ]);
    await run.says(/running/);
    run.child.kill(signal);
    const { code, stdout, stderr } = await run.ended;
    assert.equal(code, expected, stderr);
    const result = JSON.parse(stdout);
    assert.equal(result.interrupted, true);
    assert.equal(result.campaign.reason, `interrupted by ${signal}`);
    assert.deepEqual(result.campaign.gaps, []);
  }
});

test('the second signal ends a campaign at once, with its server and agents', { skip }, async (t) => {
  const { file, state } = folderFor(t, '60s');
  const run = start(t, [
    ...['campaign', 'run', file, '--interfaces', 'mem0', '--engine', 'memory'],
    ...['--state', state, '--json'],
  ]);
  await run.says(/running/);
  const pid = run.child.pid!;
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);
  const server = serverIn(join(state, 'nats'));
  assert.ok(children.length === 2 && children.includes(server), `${children}`);
  // Nobody answers, so that nothing comes to its end in order.
  process.kill(server, 'SIGSTOP');
  t.after(() => {
    for (const child of children) {
      try {
        process.kill(child, 'SIGKILL');
      } catch {
        // It has ended.
      }
    }
  });
  run.child.kill('SIGINT');
  await run.says(/a second signal ends this at once/);
  run.child.kill('SIGINT');
  const { code, stdout } = await run.ended;
  assert.equal(code, 130);
  assert.equal(stdout, '', 'no result');
  process.kill(server, 'SIGCONT');
  for (const child of children) await gone(child);
});

test('the second signal ends an agent at once', { skip }, async (t) => {
  const { folder, file, state } = folderFor(t, '60s');
  const server = await EmbeddedServer.start(join(folder, 'nats'), ['a1']);
  const pid = serverIn(join(folder, 'nats'));
  t.after(async () => {
    process.kill(pid, 'SIGCONT');
    await server.close();
  });
  const agent = start(t, [
    ...['agent', 'mem', '--engine', 'memory', '--name', 'a1', '--state', join(folder, 'a1')],
    ...['--nats', server.url, '--creds', server.creds.a1],
  ]);
  const as = ['--nats', server.url, '--creds', server.creds[COORDINATOR]];
  await start(t, ['campaign', 'run', file, '--state', state, ...as]).says(/running/);
  // Nobody answers to its last results.
  process.kill(pid, 'SIGSTOP');
  agent.child.kill('SIGTERM');
  await agent.says(/drains/);
  agent.child.kill('SIGTERM');
  assert.equal((await agent.ended).code, 143);
});

test('help is no error, and a missing argument is one, as with all commands', async (t) => {
  for (const [args, code, pattern] of [
    ['agent --help', 0, /Usage: etherconn agent/],
    ['campaign run --help', 0, /Usage: etherconn campaign run/],
    ['agent', 2, /missing required argument 'interface'/],
    ['campaign run', 2, /missing required argument/],
  ] as const) {
    const end = await start(t, args.split(' ')).ended;
    assert.equal(end.code, code, args);
    assert.match(end.stdout + end.stderr, pattern);
    assert.doesNotMatch(end.stderr, /CommanderError/);
  }
});

test('what is wrong is said in a sentence', { skip }, async (t) => {
  const { file, state } = folderFor(t, '2s');
  const none = await start(t, ['campaign', 'run', file, '--state', state]).ended;
  assert.equal(none.code, 1);
  assert.match(none.stderr, /there are no agents: give --interfaces/);
  writeFileSync(file, 'scenario: {clients: 1, parts: {}}\nlease: never\n');
  const wrong = await start(t, ['campaign', 'run', file, '--state', state]).ended;
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /campaign\.yaml:2:1: lease/);
  const name = await start(t, ['agent', 'eth0', '--name', 'a.b']).ended;
  assert.equal(name.code, 2);
  assert.match(name.stderr, /--name: must be 1 to 64 letters/);
  const nobody = await start(t, ['campaign', 'status', '--nats', 'nats://127.0.0.1:1']).ended;
  assert.equal(nobody.code, 1);
  assert.match(nobody.stderr, /^etherconn: the NATS server nats:\/\/127\.0\.0\.1:1 cannot be used: /);
});

test('what is wrong with options is told before anything is opened', { skip }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'etherconn-wrong-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'campaign.yaml');
  writeFileSync(file, CAMPAIGN.replace('DURATION', '1s'));
  const missing = join(folder, 'missing.nk');
  const cases: readonly (readonly [args: readonly string[], code: number, says: RegExp])[] = [
    [['campaign', 'status', '--nats', 'http://hub'], 2, /^etherconn: --nats: must be nats:.* got 'http:/],
    [['campaign', 'status', '--creds', missing], 2, /^etherconn: --creds: cannot be read: ENOENT/],
    [['campaign', 'keys', join(folder, 'a'), 'coordinator'], 2, /^etherconn: agents: must not be 'coord/],
    [['campaign', 'keys', join(folder, 'b'), 'a.b'], 2, /^etherconn: agents: must be 1 to 64 .* got 'a.b'/],
    [['campaign', 'keys', join(folder, 'c'), 'a', 'a'], 2, /^etherconn: agents: must be given once/],
    [
      ['campaign', 'run', file, '--interfaces', 'a,a'],
      2,
      /^etherconn: --interfaces: each must be given once/,
    ],
    [['agent', 'eth0', '--name', 'a b'], 2, /^etherconn: --name: must be 1 to 64 .* got 'a b'/],
    [['agent', 'nobody0'], 1, /^etherconn: .*nobody0/],
  ];
  for (const [args, code, says] of cases) {
    const end = await start(t, args, { XDG_STATE_HOME: folder }).ended;
    assert.match(end.stderr, says, args.join(' '));
    assert.doesNotMatch(end.stderr, /bug of etherconn/);
    assert.equal(end.code, code, args.join(' '));
  }
  assert.deepEqual(readdirSync(folder), ['campaign.yaml']);
});

test('a key that may not ask is told so', { skip }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'etherconn-forbidden-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const server = await EmbeddedServer.start(folder, ['a1']);
  t.after(() => server.close());
  const args = ['campaign', 'status', '--nats', server.url, '--creds', server.creds.a1];
  const { stderr, code } = await start(t, args).ended;
  assert.match(stderr, /^etherconn: the NATS server has not answered: .* --creds names must be allowed/);
  assert.equal(code, 1);
});
