import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { after, afterEach, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { hasCommand, requireNamespaces } from 'etherconn/testing';
import { endAll, etherconn, objects, RunningCommand } from '../test-support/command.ts';

/** `etherconn lab` as a process, with real namespaces. Each test has a lab of its own name. */

const skip = requireNamespaces() || (process.getuid?.() !== 0 && 'labs with names need root');
const STATES = '/run/etherconn/labs';
let serial = 0;
let name = '';

/** A name that no other test has, and the arguments to make a lab of it. */
function lab(): string {
  name = `t${process.pid}-${serial++}`;
  return name;
}

afterEach(async () => {
  // A test without a lab must not look at those of other processes.
  if (name === '') return;
  assert.equal((await etherconn(['lab', 'down', name])).status, 0);
  assertNothingLeft(name);
  name = '';
});
after(endAll);

function assertNothingLeft(of: string): void {
  const inFolder = (folder: string): string[] =>
    existsSync(folder) ? readdirSync(folder).filter((file) => file.startsWith(of)) : [];
  assert.deepEqual(inFolder('/run/netns'), []);
  assert.deepEqual(inFolder(STATES), []);
  const { stdout } = spawnSync('ps', ['-eo', 'args'], { encoding: 'utf8' });
  assert.doesNotMatch(stdout, new RegExp(`lab wire ${of}$`, 'm'));
}

async function up(...options: readonly string[]): Promise<string> {
  const end = await etherconn(['lab', 'up', name, ...options]);
  assert.equal(end.stderr, '');
  assert.equal(end.status, 0, end.stdout);
  return end.stdout;
}

// biome-ignore lint/suspicious/noExplicitAny: tests look into what they want to be there.
async function listed(): Promise<any> {
  const end = await etherconn(['lab', 'list', '--json']);
  assert.equal(end.status, 0, end.stderr);
  // biome-ignore lint/suspicious/noExplicitAny: as above
  return objects(end)[0].labs.find((each: any) => each.name === name);
}

function inside(node: string, ...words: readonly string[]) {
  return etherconn(['lab', 'exec', `${name}-${node}`, '--', ...words]);
}

function pidOfWire(): number {
  return JSON.parse(readFileSync(`${STATES}/${name}.json`, 'utf8')).wire.pid;
}

test('two namespaces and a veth pair; up again changes nothing; down removes all', { skip }, async () => {
  lab();
  const said = await up();
  assert.match(said, /is up:\n {2}\S+-a eth0 10\.0\.0\.1\/24 {2}── veth ── {2}\S+-b eth0 10\.0\.0\.2\/24\n/);
  const ping = await inside('a', 'ping', '-c', '1', '-W', '5', '10.0.0.2');
  assert.equal(ping.status, 0, ping.stdout);
  const { created } = await listed();
  assert.match(await up(), /is up already/);
  const state = await listed();
  assert.equal(state.created, created);
  assert.deepEqual([state.state, state.problems, state.wirePid], ['up', [], undefined]);
  const other = await etherconn(['lab', 'up', name, '--mtu', '1400']);
  assert.equal(other.status, 1);
  assert.match(other.stderr, new RegExp(`with other options; remove it first: etherconn lab down ${name}`));
  assert.match((await etherconn(['lab', 'down', name])).stdout, /is removed/);
  assertNothingLeft(name);
  const again = await etherconn(['lab', 'down', name]);
  assert.deepEqual([again.status, again.stdout], [0, `Lab '${name}' is not up.\n`]);
});

test('what it says to try works', { skip }, async () => {
  lab();
  const said = await up('--delay', '2ms');
  const commands = said
    .slice(said.indexOf('Try:'))
    .split('\n')
    .filter((line) => line.startsWith('  etherconn '))
    .map((line) => line.trim().split(' ').slice(1));
  assert.equal(commands.length, 5);
  const [ping, echo, send, shell, down] = commands;
  assert.equal((await etherconn(ping)).status, 0);
  const echoing = new RunningCommand(echo);
  await echoing.says(/received 0 pps/);
  const sent = await etherconn([...send.slice(0, -4), '--duration', '1s', ...send.slice(-2), '--json']);
  assert.equal(sent.status, 0, sent.stderr);
  const [result] = objects(sent);
  assert.equal(result.received.packets, result.sent.packets);
  assert.ok(result.latency.min >= 4, 'twice through the wire');
  assert.equal((await echoing.interrupt()).status, 130);
  assert.deepEqual(shell, ['lab', 'shell', `${name}-a`]);
  assert.deepEqual(down, ['lab', 'down', name]);
});

test('MTU, queues, addresses and several cables are as asked for', { skip }, async () => {
  lab();
  await up(
    '--link',
    'a,b',
    '--link',
    'b=192.0.2.1/30+2001:db8::1/64,c',
    '--mtu',
    '3000',
    '--queues',
    '3',
    '--loss',
    '0%',
  );
  const { stdout } = await inside('b', 'ip', '-details', 'address', 'show');
  assert.equal(stdout.match(/mtu 3000/g)?.length, 2);
  assert.equal(stdout.match(/numtxqueues 3 .*numrxqueues 3/g)?.length, 2);
  for (const address of ['10.0.0.2/24', '192.0.2.1/30', '2001:db8::1/64'])
    assert.ok(stdout.includes(address));
  assert.match((await inside('c', 'ip', '-br', 'link')).stdout, /^eth0@\S+ +UP /m);
  assert.doesNotMatch((await inside('c', 'ip', 'address')).stdout, /inet6 fe80/, 'an idle cable is silent');
});

test('the wire loses, doubles and delays, and tells what it has done', { skip }, async () => {
  lab();
  await up('--delay', '20ms', '--duplicate', '100%');
  const ping = await inside('a', 'ping', '-c', '2', '-i', '0.2', '-W', '5', '10.0.0.2');
  assert.match(ping.stdout, /DUP!/);
  const [, least] = /rtt min\/avg\/max\/mdev = ([\d.]+)/.exec(ping.stdout)!;
  assert.ok(Number(least) >= 40, ping.stdout);
  const { toRight } = (await listed()).links[0].wire;
  assert.ok(toRight.frames >= 3 && toRight.duplicated === toRight.frames);
  assert.match((await etherconn(['lab', 'list'])).stdout, /-a > \S+-b: \d+ frames, \d+ duplicated\n/);
  await etherconn(['lab', 'down', name]);
  await up('--loss', '100%');
  assert.equal((await inside('a', 'ping', '-c', '1', '-W', '1', '10.0.0.2')).status, 1);
  const lost = (await listed()).links[0].wire.toRight;
  assert.ok(lost.lost >= 1 && lost.lost === lost.frames);
});

test('TCP of the kernel goes through the wire: checksums are whole, and segments fit', { skip }, async () => {
  lab();
  await up('--delay', '1ms', '--ipv6');
  const SIZE = 3_000_000;
  for (const address of ['10.0.0.2', 'fd00::2']) {
    const server = `require('net').createServer((socket) => { let size = 0, sum = 0; socket.on('data', (chunk) => { size += chunk.length; for (const byte of chunk) sum = (sum * 31 + byte) | 0; }); socket.on('end', () => { console.log(size, sum); socket.end(); process.exit(); }); }).listen(80, '${address}', () => console.log('listening'))`;
    const serving = new RunningCommand(['lab', 'exec', `${name}-b`, '--', process.execPath, '-e', server]);
    await serving.says(/listening/);
    const client = `const data = Buffer.alloc(${SIZE}, 'etherconn'); require('net').connect(80, '${address}').end(data)`;
    assert.equal((await inside('a', process.execPath, '-e', client)).status, 0);
    const data = Buffer.alloc(SIZE, 'etherconn');
    let sum = 0;
    for (const byte of data) sum = (sum * 31 + byte) | 0;
    assert.equal((await serving.ended).stdout, `listening\n${SIZE} ${sum}\n`);
  }
  const { toRight } = (await listed()).links[0].wire;
  assert.equal(toRight.oversize, 0);
});

test('exec passes input, output and the exit code; shell takes commands', { skip }, async () => {
  lab();
  await up();
  assert.deepEqual(await inside('a', 'sh', '-c', 'echo out; echo err >&2; exit 7'), {
    status: 7,
    stdout: 'out\n',
    stderr: 'err\n',
  });
  assert.equal((await inside('a', 'no-such-program')).status, 127);
  assert.equal((await inside('a', 'sh', '-c', 'kill -TERM $$')).status, 143);
  const waiting = new RunningCommand([
    'lab',
    'exec',
    `${name}-a`,
    '--',
    'sh',
    '-c',
    'echo here; exec sleep 60',
  ]);
  await waiting.says(/here/);
  assert.equal((await waiting.interrupt()).status, 130);
  const shell = spawnSync(process.execPath, [bin, 'lab', 'shell', `${name}-b`], {
    input: 'ls /sys/class/net\nexit 3\n',
    encoding: 'utf8',
    env: { ...process.env, SHELL: '/bin/sh' },
  });
  assert.deepEqual([shell.status, shell.stdout], [3, 'eth0\nlo\n']);
  const unknown = await etherconn(['lab', 'exec', 'nowhere', '--', 'true']);
  assert.equal(unknown.status, 1);
  assert.match(unknown.stderr, new RegExp(`no lab has a namespace 'nowhere'; there are .*${name}-a`));
});

const bin = fileURLToPath(new URL('../../bin/etherconn.js', import.meta.url));

test('down ends what runs in the namespaces', { skip }, async () => {
  lab();
  await up();
  const child = spawn('ip', [
    'netns',
    'exec',
    `${name}-a`,
    'sh',
    '-c',
    'trap "" TERM; echo on; while :; do sleep 1; done',
  ]);
  const ended = once(child, 'exit');
  await once(child.stdout, 'data');
  assert.equal((await etherconn(['lab', 'down', name])).status, 0);
  assert.deepEqual(await ended, [null, 'SIGKILL']);
});

test('a run whose interface goes away ends, and shows what it has', { skip }, async () => {
  lab();
  await up();
  const echo = new RunningCommand(['udp', 'echo', 'eth0', '--address', '10.0.0.9', '--netns', `${name}-b`]);
  await echo.says(/received 0 pps/);
  await etherconn(['lab', 'down', name]);
  const end = await echo.ended;
  assert.equal(end.status, 1);
  assert.match(end.stderr, /^etherconn: [^\n]*eth0[^\n]*\n$/);
  assert.match(end.stdout, /^received +0 packets/m);
});

test('a wire that was killed is told, and started again', { skip }, async () => {
  lab();
  await up('--delay', '1ms');
  process.kill(pidOfWire(), 'SIGKILL');
  const before = await listed();
  assert.deepEqual([before.state, before.problems], ['broken', ['the wire has ended']]);
  assert.match(
    (await etherconn(['lab', 'list'])).stdout,
    /the wire has ended: etherconn lab up \S+, with the same options, repairs it/,
  );
  assert.match(await up('--delay', '1ms'), /is up again: its wire had ended/);
  assert.equal((await inside('a', 'ping', '-c', '1', '-W', '5', '10.0.0.2')).status, 0);
  assert.equal((await listed()).state, 'up');
});

test('namespaces that somebody has removed: list tells, up makes the lab anew', { skip }, async () => {
  lab();
  await up('--delay', '1ms');
  spawnSync('ip', ['netns', 'delete', `${name}-a`]);
  const { state, problems } = await listed();
  assert.equal(state, 'broken');
  assert.ok(problems.includes(`the network namespace ${name}-a is gone`));
  assert.equal((await inside('a', 'true')).status, 1);
  assert.match(await up('--delay', '1ms'), /is up:/);
  assert.equal((await inside('a', 'ping', '-c', '1', '-W', '5', '10.0.0.2')).status, 0);
});

test('an interface that somebody has removed', { skip }, async () => {
  lab();
  await up();
  await inside('a', 'ip', 'link', 'delete', 'eth0');
  const { problems } = await listed();
  assert.deepEqual(problems, [`interface eth0 of ${name}-a is gone`, `interface eth0 of ${name}-b is gone`]);
});

test('a namespace of the same name that is not the lab’s stays', { skip }, async () => {
  lab();
  spawnSync('ip', ['netns', 'add', `${name}-b`]);
  try {
    const end = await etherconn(['lab', 'up', name]);
    assert.equal(end.status, 1);
    assert.match(end.stderr, new RegExp(`there is a network namespace '${name}-b' that no lab has made`));
    spawnSync('ip', ['netns', 'delete', `${name}-b`]);
    await up();
    // The lab's is gone, and somebody has made another of that name.
    spawnSync('ip', ['netns', 'delete', `${name}-b`]);
    spawnSync('ip', ['netns', 'add', `${name}-b`]);
    await etherconn(['lab', 'down', name]);
    assert.ok(existsSync(`/run/netns/${name}-b`));
  } finally {
    spawnSync('ip', ['netns', 'delete', `${name}-b`]);
  }
});

test('a process that has the number of an earlier one is let alone', { skip }, async () => {
  lab();
  await up('--delay', '1ms');
  const bystander = spawn('sleep', ['60']);
  try {
    const path = `${STATES}/${name}.json`;
    const state = JSON.parse(readFileSync(path, 'utf8'));
    writeFileSync(path, JSON.stringify({ ...state, wire: { pid: bystander.pid, start: 1 } }));
    assert.deepEqual((await listed()).problems, ['the wire has ended']);
    await etherconn(['lab', 'down', name]);
    assert.equal(bystander.exitCode ?? bystander.signalCode, null);
  } finally {
    bystander.kill('SIGKILL');
  }
});

test('whenever lab up is killed, down removes what there is', { skip }, async () => {
  for (const wait of [60, 120, 180, 240, 320, 420]) {
    lab();
    const making = spawn(process.execPath, [bin, 'lab', 'up', name, '--delay', '1ms'], { stdio: 'ignore' });
    const ended = once(making, 'exit');
    setTimeout(() => making.kill('SIGKILL'), wait);
    await ended;
    const end = await etherconn(['lab', 'down', name]);
    assert.equal(end.status, 0, end.stderr);
    assertNothingLeft(name);
  }
});

test('lab up that is interrupted cleans up, and can be repeated', { skip }, async () => {
  lab();
  const making = new RunningCommand([
    'lab',
    'up',
    name,
    '--link',
    'a,b',
    '--link',
    'b,c',
    '--link',
    'c,d',
    '--loss',
    '0%',
  ]);
  while (!existsSync(`/run/netns/${name}-b`)) await new Promise((resolve) => setTimeout(resolve, 5));
  const { status } = await making.interrupt();
  assert.equal(status, 130);
  assertNothingLeft(name);
});

test('one command at a time: the other is told', { skip }, async () => {
  lab();
  const ends = await Promise.all([1, 2].map(() => etherconn(['lab', 'up', name])));
  for (const { status, stderr } of ends)
    if (status !== 0)
      assert.match(stderr, /another command is at work on lab .* \(process \d+\); wait for it/);
  assert.ok(ends.some(({ status }) => status === 0));
});

test('wrong input is told before anything is made', async () => {
  for (const [args, message] of [
    [['up', '../x'], /letters, digits/],
    [['up', '--loss', '5'], /percentage/],
    [['up', '--mtu', '10'], /from 68 to 65527/],
    [['up', '--queues', '0'], /from 1 to 64/],
    [['up', '--rate', 'fast'], /100mbit/],
    [['up', '--link', 'a'], /two nodes/],
    [['up', '--keep-order'], /--keep-order: is for --jitter/],
    [['up', '--reorder-delay', '1ms'], /--reorder-delay: is for --reorder/],
    [['up', '--queue-frames', '5'], /--queue-frames: is for --rate/],
    [['up', '--ipv6', '--mtu', '1000'], /at least 1280/],
    [['exec'], /missing required argument/],
    [['sideways'], /unknown command/],
  ] as const) {
    const end = await etherconn(['lab', ...args]);
    assert.equal(end.status, 2, end.stderr);
    assert.match(end.stderr, message);
    assert.equal(end.stdout, '');
  }
});

const NOBODY = [
  'setpriv',
  '--reuid=65534',
  '--regid=65534',
  '--clear-groups',
  'env',
  '-u',
  'XDG_RUNTIME_DIR',
];

/** An ordinary user needs user namespaces, and must be able to read this checkout. */
function noUser(): string | false {
  if (skip !== false) return skip;
  if (!hasCommand('setpriv')) return "'setpriv' is not installed";
  const attempt = (...words: string[]) => spawnSync(NOBODY[0], [...NOBODY.slice(1), ...words]).status === 0;
  if (!attempt('unshare', '--user', '--map-root-user', '--net', 'true')) return 'no user namespaces here';
  return attempt(process.execPath, bin, '--version') ? false : 'an ordinary user cannot read this checkout';
}

test('an ordinary user has labs in a user namespace', { skip: noUser() }, async () => {
  const own = `u${process.pid}`;
  const asUser = (...words: string[]) =>
    spawnSync(NOBODY[0], [...NOBODY.slice(1), process.execPath, bin, 'lab', ...words], { encoding: 'utf8' });
  try {
    const made = asUser('up', own, '--delay', '1ms');
    assert.equal(made.status, 0, made.stderr);
    assert.match(made.stdout, new RegExp(`lab exec ${own}-b -- etherconn udp echo`));
    const ping = asUser('exec', `${own}-a`, '--', 'ping', '-c', '1', '-W', '5', '10.0.0.2');
    assert.equal(ping.status, 0, ping.stderr + ping.stdout);
    assert.equal(asUser('exec', `${own}-a`, '--', 'ls', '/sys/class/net').stdout, 'eth0\nlo\n');
    const [{ kind, state, links }] = JSON.parse(asUser('list', '--json').stdout).labs;
    assert.deepEqual([kind, state], ['held', 'up']);
    assert.ok(links[0].wire.toRight.frames >= 2);
  } finally {
    assert.match(asUser('down', own).stdout, /is removed/);
  }
  const { stdout } = spawnSync('ps', ['-eo', 'user,args'], { encoding: 'utf8' });
  assert.doesNotMatch(stdout, /^nobody .*(sleep 2147483647|lab wire)/m);
  assert.deepEqual(JSON.parse(asUser('list', '--json').stdout), { labs: [] });
});
