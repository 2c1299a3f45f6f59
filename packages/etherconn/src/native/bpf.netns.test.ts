import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { SteeringProgram } from '../link/xdp/program.ts';
import { requireBpf } from '../testing/bpf.ts';
import { loadAddon } from './addon.ts';

describe('bpf(2)', { skip: requireBpf() }, () => {
  test('a program loads although work waits for the thread', () => {
    // A spawnSync closes an event loop with io_uring, which interrupts the next system call that lasts (Node 22 on).
    for (let i = 0; i < 20; i++) {
      assert.equal(spawnSync(process.execPath, ['--version']).status, 0);
      SteeringProgram.load(loadAddon(), { endpoints: 16, queues: 1, frags: true }).close();
    }
  });
});
