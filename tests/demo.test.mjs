import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { orSkip } from '../packages/etherconn/dist/testing/strict.js';

const main = fileURLToPath(new URL('../packages/cli/dist/main.js', import.meta.url));

test('the demo takes the best network there is, and every machine gets its own answers', () => {
  const run = demo('--json', '--machines', '100', '--requests', '5');
  assert.equal(run.status, 0, run.stderr);
  const summary = JSON.parse(run.stdout.trimEnd().split('\n').at(-1));
  assert.ok(['xdp', 'packet', 'memory'].includes(summary.relay));
  assert.equal(summary.mode, summary.relay === 'xdp' ? 'native' : undefined);
  const { machines, sent, answered, misdelivered } = summary;
  assert.deepEqual(
    { machines, sent, answered, misdelivered },
    { machines: 100, sent: 500, answered: 500, misdelivered: 0 },
  );
  assert.ok(summary.p50_us > 0 && summary.p99_us >= summary.p50_us);
  if (summary.relay === 'packet') assert.match(run.stderr, /; using AF_PACKET\.\n/);
  if (summary.relay === 'memory') assert.match(run.stderr, /without the kernel \(.+\)/);
});

test('the demo without the right to load XDP programs: AF_PACKET, and why; asked for AF_XDP it refuses', {
  skip: orSkip(spawnSync('unshare', ['-Urn', 'true']).status !== 0 && 'user namespaces do not work here'),
}, () => {
  // In a user namespace no capability counts for bpf(2).
  const inside = (...args) =>
    spawnSync(
      'unshare',
      ['-Urn', process.execPath, main, 'demo', '--machines', '20', '--requests', '2', ...args],
      {
        encoding: 'utf8',
      },
    );
  const best = inside('--json');
  assert.equal(best.status, 0, best.stderr);
  assert.equal(JSON.parse(best.stdout).relay, 'packet');
  assert.match(
    best.stderr,
    /^AF_XDP needs CAP_NET_ADMIN and CAP_BPF outside a user namespace; using AF_PACKET\.$/m,
  );
  const forced = inside('--relay', 'xdp');
  assert.equal(forced.status, 1);
  assert.match(forced.stderr, /--relay xdp cannot work here: .*CAP_BPF/);
  assert.equal(forced.stdout, '');
});

test('the demo over the relay that is asked for', { skip: skipAsRootOnly() }, () => {
  for (const relay of ['xdp', 'packet']) {
    const run = demo('--json', '--machines', '50', '--requests', '4', '--relay', relay);
    assert.equal(run.status, 0, run.stderr);
    const { relay: taken, answered, misdelivered } = JSON.parse(run.stdout);
    assert.deepEqual([taken, answered, misdelivered], [relay, 200, 0]);
    assert.doesNotMatch(run.stderr, /without|using/);
  }
});

test('the demo with more machines than the kernel would learn neighbors', { skip: skipAsRootOnly() }, () => {
  const run = demo('--json', '--machines', '3000', '--requests', '1', '--relay', 'packet');
  assert.equal(run.status, 0, run.stderr);
  const { answered, misdelivered } = JSON.parse(run.stdout);
  assert.deepEqual([answered, misdelivered], [3000, 0]);
});

test('the demo over a memory network, as a table', () => {
  const run = demo('--relay', 'memory', '--machines', '50', '--requests', '4');
  assert.equal(run.status, 0, run.stderr);
  assert.match(run.stdout, /answers +200\n/);
  assert.match(run.stdout, /misdelivered +0\n/);
});

test('the demo refuses wrong options with usage status 2', () => {
  for (const args of [
    ['--machines', '0'],
    ['--relay', 'pigeon'],
    ['--requests', 'many'],
  ]) {
    const run = demo(...args);
    assert.equal(run.status, 2, args.join(' '));
    assert.notEqual(run.stderr, '');
  }
});

test('an interrupted demo cleans up, says what it had, and fails', {
  skip: process.platform !== 'linux' && 'needs Linux',
}, async () => {
  const child = spawn(process.execPath, [main, 'demo', '--json', '--requests', '1000'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  let errors = '';
  await new Promise((resolve) => {
    child.stderr.on('data', (chunk) => {
      errors += chunk;
      if (errors.includes('answers,')) resolve();
    });
    child.on('exit', resolve);
  });
  const inside = descendants(child.pid);
  child.kill('SIGINT');
  const [code] = await once(child, 'exit');
  assert.equal(code, 130, errors);
  assert.ok(JSON.parse(output).answered > 0);
  for (const pid of inside) assert.throws(() => process.kill(pid, 0), `process ${pid} is left`);
});

function demo(...args) {
  return spawnSync(process.execPath, [main, 'demo', ...args], { encoding: 'utf8' });
}

/** XDP programs can be loaded by root of the first user namespace only. */
function skipAsRootOnly() {
  if (process.platform !== 'linux') return 'needs Linux';
  const first = /^\s*0\s+0\s+4294967295\s*$/.test(readFileSync('/proc/self/uid_map', 'utf8'));
  return orSkip(!(process.getuid() === 0 && first) && 'needs root');
}

/** Process ids of all children and their children. */
function descendants(pid) {
  const parents = new Map();
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8');
      parents.set(Number(entry), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
    } catch {
      // It has ended since the folder was read.
    }
  }
  const found = [pid];
  for (const parent of found) for (const [child, of] of parents) if (of === parent) found.push(child);
  return found.slice(1);
}
