import { Delta, type Second } from '@etherconn/cli/parts';
import type { Snapshot } from '../coordinator/snapshot.ts';

/** Makes seconds of the totals that watchers are told. */
export class SnapshotSeconds {
  #elapsed = 0;
  #counters: Readonly<Record<string, number>> = {};

  /** What has happened since the snapshot before; for the first, since the start. Nothing when no time has passed. */
  next({ elapsed, total }: Snapshot): Second | undefined {
    const length = elapsed - this.#elapsed;
    if (length <= 0) return undefined;
    const delta = new Delta();
    for (const [name, amount] of Object.entries(total.counters))
      delta.add(name, amount - (this.#counters[name] ?? 0));
    const second = { second: this.#elapsed / 1000, length, delta };
    this.#elapsed = elapsed;
    this.#counters = total.counters;
    return second;
  }
}
