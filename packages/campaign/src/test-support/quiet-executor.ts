import { Delta } from '@etherconn/cli/parts';
import type { Clock } from 'etherconn';
import type { Execution, Executor, Prepared } from '../agent/executor.ts';
import type { AgentInterface } from '../protocol/records.ts';
import type { ClientSpan } from '../protocol/spans.ts';

/** Milliseconds between deltas, as the runner tells them. */
const SECOND = 1000;
/** Different latencies in a second: what makes a histogram long. */
const LATENCIES = 200;

/** Sends nothing, but counts as if its clients did, once a second: what is left is the cost of coordination. */
export class QuietExecutor implements Executor {
  readonly interfaces: readonly AgentInterface[] = [{ name: 'none', engine: 'none', queues: 1, rate: 1e6 }];
  readonly refused = 0;
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async prepare(): Promise<void> {}

  sendUntil(): void {}

  async open(clients: ClientSpan): Promise<Prepared> {
    return { run: (execution) => this.#run(clients, execution), close: async () => {} };
  }

  async release(): Promise<void> {}

  async #run({ count }: ClientSpan, { startAt, signal, onDelta }: Execution): Promise<void> {
    await this.#until(startAt, signal);
    while (!signal.aborted) {
      await this.#until(this.#clock.now() + SECOND, signal);
      const delta = new Delta();
      for (const part of ['', 'leases/', 'traffic/']) {
        delta.add(`${part}sent`, count);
        delta.add(`${part}received`, count);
        const latency = delta.histogram(`${part}latency`);
        for (let i = 0; i < LATENCIES; i++) latency.record(100 + ((i * 7919) % 5000));
      }
      onDelta(delta);
    }
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
