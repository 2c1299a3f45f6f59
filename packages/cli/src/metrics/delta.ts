import { LatencyHistogram, type LatencyHistogramJson } from './latency-histogram.ts';

/**
 * What happened in one span of a run: counters by name, and histograms by name. Deltas of several clients, seconds,
 * processes or machines are merged by addition, in any order.
 */
export class Delta {
  readonly counters: Map<string, number> = new Map();
  readonly histograms: Map<string, LatencyHistogram> = new Map();

  add(counter: string, amount: number): void {
    if (amount !== 0) this.counters.set(counter, (this.counters.get(counter) ?? 0) + amount);
  }

  get(counter: string): number {
    return this.counters.get(counter) ?? 0;
  }

  /** The histogram of that name, made when it is not there. */
  histogram(name: string): LatencyHistogram {
    let histogram = this.histograms.get(name);
    if (histogram === undefined) {
      histogram = new LatencyHistogram();
      this.histograms.set(name, histogram);
    }
    return histogram;
  }

  merge(other: Delta): void {
    for (const [name, amount] of other.counters) this.add(name, amount);
    for (const [name, histogram] of other.histograms) this.histogram(name).merge(histogram);
  }

  /** Adds what `other` has as that of a part: its names begin with the part's. */
  mergePart(part: string, other: Delta): void {
    for (const [name, amount] of other.counters) this.add(`${part}/${name}`, amount);
    for (const [name, histogram] of other.histograms) this.histogram(`${part}/${name}`).merge(histogram);
  }

  /** What {@link mergePart} has added of a part. Its histograms are this delta's own. */
  part(part: string): Delta {
    const own = new Delta();
    const prefix = `${part}/`;
    for (const [name, amount] of this.counters)
      if (name.startsWith(prefix)) own.add(name.slice(prefix.length), amount);
    for (const [name, histogram] of this.histograms)
      if (name.startsWith(prefix)) own.histograms.set(name.slice(prefix.length), histogram);
    return own;
  }

  toJSON(): DeltaJson {
    return {
      counters: Object.fromEntries(this.counters),
      histograms: Object.fromEntries([...this.histograms].map(([name, each]) => [name, each.toJSON()])),
    };
  }

  static fromJSON(json: DeltaJson): Delta {
    const delta = new Delta();
    for (const [name, amount] of Object.entries(json.counters)) delta.add(name, amount);
    for (const [name, each] of Object.entries(json.histograms))
      delta.histograms.set(name, LatencyHistogram.fromJSON(each));
    return delta;
  }
}

export interface DeltaJson {
  readonly counters: Readonly<Record<string, number>>;
  readonly histograms: Readonly<Record<string, LatencyHistogramJson>>;
}

/** A span of a run, with what happened in it. */
export interface Second {
  /** Seconds from the start of the run to the start of this span. */
  readonly second: number;
  /** Milliseconds; 1000 but for the last. */
  readonly length: number;
  readonly delta: Delta;
}
