import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const bin = fileURLToPath(new URL('../../bin/etherconn.js', import.meta.url));

const running = new Set<ChildProcess>();

/** For the end of a test file: what a failed test has left is ended. */
export function endAll(): void {
  for (const child of running) child.kill('SIGKILL');
}

export interface CommandEnd {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The etherconn command as a process, for tests. */
export class RunningCommand {
  readonly child: ChildProcess;
  readonly ended: Promise<CommandEnd>;
  stdout = '';
  stderr = '';
  #changed: () => void = () => {};

  constructor(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    this.child = spawn(process.execPath, [bin, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    running.add(this.child);
    this.child.stdout!.on('data', (chunk) => {
      this.stdout += chunk;
      this.#changed();
    });
    this.child.stderr!.on('data', (chunk) => {
      this.stderr += chunk;
      this.#changed();
    });
    this.ended = new Promise((resolve) => {
      this.child.once('close', (status) => {
        running.delete(this.child);
        this.#changed();
        resolve({ status, stdout: this.stdout, stderr: this.stderr });
      });
    });
  }

  /** Resolves once the output has `pattern`; rejects when the command ends before. */
  async says(pattern: RegExp): Promise<void> {
    let isOver = false;
    void this.ended.then(() => {
      isOver = true;
      this.#changed();
    });
    while (!pattern.test(this.stdout + this.stderr)) {
      if (isOver) throw new Error(`ended without ${pattern}:\n${this.stdout}${this.stderr}`);
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }

  /** Ctrl-C. */
  async interrupt(): Promise<CommandEnd> {
    this.child.kill('SIGINT');
    return this.ended;
  }
}

/** Runs the command to its end. */
export function etherconn(args: readonly string[], env?: NodeJS.ProcessEnv): Promise<CommandEnd> {
  return new RunningCommand(args, env).ended;
}

/** The JSON objects that it has printed, one a line. */
// biome-ignore lint/suspicious/noExplicitAny: tests look into what they want to be there.
export function objects(end: CommandEnd): any[] {
  return end.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

/** That a search for a rate says what its trials do: all pass where no loss is too much, but for a sender that is too slow. */
// biome-ignore lint/suspicious/noExplicitAny: what has come as JSON.
export function checkUnlimitedSearch({ rate, trials }: any): void {
  assert.ok(trials.length >= 1);
  for (const { passed, reason } of trials)
    assert.equal(reason, passed ? null : 'the sender could not keep its schedule');
  const passed = trials.filter((trial: { passed: boolean }) => trial.passed);
  const rates = passed.map((trial: { rate: number }) => trial.rate);
  assert.equal(rate, rates.length === 0 ? null : Math.max(...rates));
}
