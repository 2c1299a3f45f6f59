import { Delta } from '@etherconn/cli/parts';
import type { Clock } from 'etherconn';
import type { Execution, Executor, Prepared } from '../agent/executor.ts';
import type { AgentInterface, Json } from '../protocol/records.ts';
import type { ClientSpan } from '../protocol/spans.ts';

/** When clients ran where: what a capture would show. */
export interface Activity {
  readonly agent: string;
  readonly client: number;
  /** Counts the runs that an executor has begun. */
  readonly run: number;
  /** By the virtual clock, which is the true time. */
  readonly at: number;
}

const TICK = 100;

/** Runs clients that send a frame each every 100 ms, for `length` milliseconds, and takes note of it. */
export class FakeExecutor implements Executor {
  readonly interfaces: readonly AgentInterface[] = [{ name: 'fake0', engine: 'fake', queues: 1, rate: 1e6 }];
  readonly activities: Activity[] = [];
  refused = 0;
  /** As if the process were killed: nothing happens any more. */
  dead = false;
  /** Clients cannot be made here. */
  broken = false;
  /** Runs that are under way fail. */
  failing = false;
  /** What was run to its end. */
  readonly completed: ClientSpan[] = [];
  #runs = 0;
  readonly #clock: Clock;
  readonly #trueTime: Clock;
  readonly #agent: string;
  readonly #length: number;
  #sendUntil: number = Number.NEGATIVE_INFINITY;

  /** @param trueTime when `clock` is that of a process */
  constructor(clock: Clock, agent: string, length: number, trueTime: Clock = clock) {
    this.#clock = clock;
    this.#trueTime = trueTime;
    this.#agent = agent;
    this.#length = length;
  }

  async prepare(scenario: Json): Promise<void> {
    if (scenario === 'bad') throw new Error('scenario: no such thing');
  }

  sendUntil(time: number): void {
    this.#sendUntil = time;
  }

  async open(clients: ClientSpan): Promise<Prepared> {
    if (this.broken) throw new Error('no interface eth7');
    return { run: (execution) => this.#run(clients, execution), close: async () => {} };
  }

  async #run(clients: ClientSpan, { startAt, signal, onDelta }: Execution): Promise<void> {
    const end = startAt + this.#length;
    const run = this.#runs++;
    await this.#until(startAt, signal);
    while (this.#clock.now() < end && !signal.aborted) {
      if (this.failing) throw new Error('the link is down');
      this.#send(clients, run, onDelta);
      await this.#until(this.#clock.now() + TICK, signal);
      if (this.dead) await new Promise(() => {});
    }
    if (!signal.aborted) this.completed.push(clients);
  }

  async release(): Promise<void> {}

  #send({ first, count }: ClientSpan, run: number, onDelta: (delta: Delta) => void): void {
    const at = this.#clock.now();
    if (at >= this.#sendUntil) {
      this.refused += count;
      return;
    }
    const delta = new Delta();
    for (let client = first; client < first + count; client++) {
      this.activities.push({ agent: this.#agent, client, run, at: this.#trueTime.now() });
      delta.add('sent', 1);
      delta.histogram('latency').record(100 + ((client * 7919 + at) % 1000));
    }
    onDelta(delta);
  }

  #until(time: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const end = (): void => {
        timer.cancel();
        signal.removeEventListener('abort', end);
        resolve();
      };
      const timer = this.#clock.setTimer(end, Math.max(0, time - this.#clock.now()));
      signal.addEventListener('abort', end);
    });
  }
}
