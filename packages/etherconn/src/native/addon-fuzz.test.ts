import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { orSkip } from '../testing/strict.ts';
import { addonStatus } from './addon.ts';

/** Calls for each process. */
const CALLS = 8000;
/** Of so many processes one runs after the other; more with ETHERCONN_FUZZ_RUNS, at most this many. */
const PROCESSES = Math.min(
  50,
  Math.max(2, Math.floor(Number(process.env.ETHERCONN_FUZZ_RUNS ?? 0) / 60_000)),
);
/** Milliseconds for a process, which takes a small part of it. */
const LIMIT = 60_000;

const FUZZER = fileURLToPath(new URL('../test-support/addon-fuzzer.js', import.meta.url));
const UNSHARE = process.getuid?.() === 0 ? '-n' : '-Urn';

function obstacle(): string | false {
  const { available, reason } = addonStatus();
  if (!available) return reason;
  const { error, status, stderr } = spawnSync('unshare', [UNSHARE, 'true'], { encoding: 'utf8' });
  return status === 0 ? false : `no network namespace can be made: ${error?.message ?? stderr.trim()}`;
}

for (let run = 0; run < PROCESSES; run++) {
  const seed = Math.floor(Math.random() * 2 ** 32);
  test(`every function of the addon, called with anything (seed ${seed})`, {
    skip: orSkip(obstacle()),
  }, () => {
    const cwd = mkdtempSync(join(tmpdir(), 'etherconn-fuzz-'));
    try {
      const script = `ip link add v0 type veth peer name v1 && ip link set v0 up && ip link set v1 up; exec "$0" "$@"`;
      const args = [UNSHARE, 'sh', '-c', script, process.execPath, FUZZER, `${seed}`, `${CALLS}`];
      const { status, signal, stderr } = spawnSync('unshare', args, {
        cwd,
        encoding: 'utf8',
        timeout: LIMIT,
      });
      const last = readFileSync(join(cwd, 'journal'), 'utf8').trim();
      assert.deepEqual([status, signal], [0, null], `after ${last}: ${stderr}`);
    } finally {
      rmSync(cwd, { recursive: true });
    }
  });
}
