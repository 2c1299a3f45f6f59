import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { syncBuiltinESMExports } from 'node:module';
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import timers from 'node:timers';
import timersPromises from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

type Functions = Record<string, (...args: never[]) => unknown>;

const TIMERS: readonly string[] = [
  'setImmediate',
  'clearImmediate',
  'setTimeout',
  'clearTimeout',
  'setInterval',
  'clearInterval',
];

/**
 * Runs a test file, which has a way to go under fakes when it has arguments, in a process of its own: test runners and
 * streams need the real functions.
 */
export function runUnderFakes(url: string, ...args: string[]): void {
  const child = spawnSync(process.execPath, [fileURLToPath(url), ...args], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  assert.deepEqual([child.status, child.signal, child.stderr], [0, null, '']);
}

/** Fakes of all that test suites fake: nothing that is asked of them ever comes, and their time stands still. */
export class FakeTime implements Disposable {
  /** Names of those called. */
  readonly calls: Set<string> = new Set();
  readonly #restore: (() => void)[] = [];
  readonly #date = globalThis.Date;

  constructor() {
    for (const name of TIMERS) {
      this.#replace(globalThis as unknown as Functions, name);
      this.#replace(timers as unknown as Functions, name);
      if (name in timersPromises) this.#replace(timersPromises as unknown as Functions, name);
    }
    this.#replace(globalThis as unknown as Functions, 'queueMicrotask');
    this.#replace(process as unknown as Functions, 'nextTick');
    this.#replace(performance as unknown as Functions, 'now', 0);
    globalThis.Date = class extends this.#date {
      static override now(): number {
        return 0;
      }
    } as DateConstructor;
    syncBuiltinESMExports();
  }

  [Symbol.dispose](): void {
    for (const restore of this.#restore) restore();
    globalThis.Date = this.#date;
    syncBuiltinESMExports();
  }

  #replace(owner: Functions, name: string, result?: unknown): void {
    const real = owner[name];
    owner[name] = () => {
      this.calls.add(name);
      return result;
    };
    this.#restore.push(() => {
      owner[name] = real;
    });
  }
}
