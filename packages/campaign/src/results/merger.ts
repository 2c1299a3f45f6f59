import { Delta, LatencyHistogram } from '@etherconn/cli/parts';
import type { ResultMessage } from '../protocol/records.ts';

/** What one incarnation of an agent has counted. */
export interface IncarnationTotal {
  readonly agent: string;
  readonly incarnation: string;
  readonly total: Delta;
  /** All messages up to this one are in the total. */
  readonly upTo: number;
  /** Messages that came before their turn and wait for those between. */
  readonly waiting: number;
  /** It has said that nothing follows. */
  readonly complete: boolean;
  readonly duplicates: number;
  /** One message that stands for all that was counted. */
  asMessage(run: string): ResultMessage;
}

/** A message that was counted just now. */
export interface Counted {
  readonly message: ResultMessage;
  /** What it added: less than it says when it stands for some that had been counted. */
  readonly delta: Delta;
}

/** Messages of an incarnation that wait for an earlier one. Agents send them in order, so there are few. */
const EARLY_MAX = 100;
/** Names that an incarnation may have counted by. A scenario has some hundred. */
const COUNTERS_MAX = 10_000;
const HISTOGRAMS_MAX = 1000;

class Incarnation implements IncarnationTotal {
  readonly agent: string;
  readonly incarnation: string;
  total: Delta = new Delta();
  upTo = 0;
  complete = false;
  duplicates = 0;
  /** Kept as they came: decoded they take ten times the memory. */
  readonly #early = new Map<number, ResultMessage>();

  constructor({ agent, incarnation }: ResultMessage) {
    this.agent = agent;
    this.incarnation = incarnation;
  }

  get waiting(): number {
    return this.#early.size;
  }

  asMessage(run: string): ResultMessage {
    const { agent, incarnation, upTo, total, complete } = this;
    return {
      ...{ run, agent, incarnation, seq: upTo, from: 1, at: 0, length: 0, spans: [], finished: [] },
      ...{ delta: total.toJSON(), failures: [], last: complete },
    };
  }

  /** Returns the messages whose turn it now was. */
  add({ message, delta }: Counted): Counted[] {
    if (message.seq <= this.upTo || this.#early.has(message.from)) {
      this.duplicates++;
      return [];
    }
    if (message.from > this.upTo + 1) {
      // What is too far ahead is sent again when its turn is nearer.
      if (this.#early.size < EARLY_MAX) this.#early.set(message.from, message);
      return [];
    }
    const taken: Counted[] = [];
    for (let counted: Counted | undefined = { message, delta }; counted !== undefined; ) {
      const next = counted.message;
      // One that begins before what we have stands for all of it.
      const before = next.from <= this.upTo ? this.total : null;
      if (before !== null) this.total = new Delta();
      this.total.merge(counted.delta);
      this.upTo = next.seq;
      this.complete ||= next.last;
      taken.push(before === null ? counted : { message: next, delta: difference(counted.delta, before) });
      const waiting = this.#early.get(this.upTo + 1);
      this.#early.delete(this.upTo + 1);
      counted = waiting && { message: waiting, delta: Delta.fromJSON(waiting.delta) };
    }
    // One that stands for many has those that waited, too.
    if (message.from < message.seq)
      for (const from of this.#early.keys()) if (from <= this.upTo) this.#early.delete(from);
    return taken;
  }
}

/** Counts every message once, however often and in whatever order it comes, by (incarnation, number). */
export class ResultMerger {
  readonly #incarnations = new Map<string, Incarnation>();

  /**
   * Returns the messages that were counted by this: none for a duplicate, several when it closed a gap. Throws when its
   * histograms are none.
   */
  add(message: ResultMessage): readonly Counted[] {
    const delta = Delta.fromJSON(message.delta);
    let incarnation = this.#incarnations.get(message.incarnation);
    if (incarnation === undefined) {
      incarnation = new Incarnation(message);
      this.#incarnations.set(message.incarnation, incarnation);
    }
    if (incarnation.agent !== message.agent) return [];
    const { counters, histograms } = incarnation.total;
    if (counters.size > COUNTERS_MAX || histograms.size > HISTOGRAMS_MAX)
      throw new RangeError('it counts by too many names');
    return incarnation.add({ message, delta });
  }

  get(incarnation: string): IncarnationTotal | undefined {
    return this.#incarnations.get(incarnation);
  }

  get incarnations(): readonly IncarnationTotal[] {
    return [...this.#incarnations.values()];
  }

  get duplicates(): number {
    return this.incarnations.reduce((sum, { duplicates }) => sum + duplicates, 0);
  }

  /**
   * All together. `isHeld` says of which incarnations what they hold still counts: a lost agent's clients hold nothing
   * that its successor's do not.
   */
  total(isHeld: (incarnation: string) => boolean = () => true): Delta {
    const total = new Delta();
    for (const { incarnation, total: part } of this.#incarnations.values()) {
      total.merge(part);
      if (isHeld(incarnation)) continue;
      for (const [name, amount] of part.counters) if (isOfHeld(name)) total.add(name, -amount);
    }
    return total;
  }
}

/** Counters that say what clients hold now, and not what has happened; of a part, too. */
const HELD = ['bound'];

/** What a sum has besides one of its parts. */
function difference(sum: Delta, part: Delta): Delta {
  const rest = new Delta();
  for (const [name, amount] of sum.counters) rest.add(name, amount - part.get(name));
  for (const [name, all] of sum.histograms) {
    const histogram = new LatencyHistogram();
    histogram.merge(all);
    const had = part.histograms.get(name);
    if (had !== undefined) {
      for (let i = 0; i < had.counts.length; i++) histogram.counts[i] -= had.counts[i];
      histogram.count -= had.count;
      histogram.sum -= had.sum;
    }
    rest.histograms.set(name, histogram);
  }
  return rest;
}

function isOfHeld(counter: string): boolean {
  return HELD.includes(counter.slice(counter.indexOf('/') + 1));
}
