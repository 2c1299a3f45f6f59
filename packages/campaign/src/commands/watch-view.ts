import { Delta, type Scenario, type TextStream, terminalView, type View } from '@etherconn/cli/parts';
import type { Snapshot } from '../coordinator/snapshot.ts';
import { infoOf, outcomeOf } from '../plan/result.ts';
import { brief, liveLines } from './brief.ts';
import { SnapshotSeconds } from './snapshot-seconds.ts';

/** Whether a stream shows what is drawn in place. */
export function isLive(stream: TextStream): boolean {
  return stream.isTTY === true && process.env.TERM !== 'dumb';
}

/** A campaign in the live view of any run, by what watchers are told. */
export class WatchView {
  readonly #stream: TextStream;
  readonly #scenario: Scenario;
  readonly #seed: number;
  readonly #view: View;
  readonly #seconds = new SnapshotSeconds();
  #begun = false;
  #lines: readonly string[] = [];

  constructor(stream: TextStream, scenario: Scenario, seed: number) {
    this.#stream = stream;
    this.#scenario = scenario;
    this.#seed = seed;
    this.#view = terminalView(stream, () => this.#lines);
  }

  show(snapshot: Snapshot): void {
    // Until all start, agents come; the title counts them.
    if (snapshot.startAt === null) {
      this.#stream.write(`${brief(snapshot)[0]}\n`);
      return;
    }
    this.#lines = liveLines(snapshot);
    const total = Delta.fromJSON(snapshot.total);
    if (!this.#begun) void this.#view.begin?.(infoOf(snapshot, this.#scenario, this.#seed));
    this.#begun = true;
    const second = this.#seconds.next(snapshot);
    if (second !== undefined) this.#view.second?.(second, total);
  }

  /** The result without latencies, which watchers are not told; then who ran it. */
  end(snapshot: Snapshot): void {
    if (this.#begun) {
      const plan = { seed: this.#seed, thresholds: [] };
      void this.#view.end?.(outcomeOf({ snapshot, failures: [] }, this.#scenario, plan));
    }
    this.#stream.write(`${brief(snapshot).join('\n')}\n`);
  }

  close(): void {
    void this.#view.close?.();
  }
}
