import { Delta } from '@etherconn/cli/parts';
import { FAILURES_MAX, resultSchema } from '../protocol/messages.ts';
import type { ResultMessage } from '../protocol/records.ts';
import { Journal } from './journal.ts';

/** Bytes of a journal beyond which messages become one. */
const JOURNAL_MAX = 64 * 2 ** 20;
/** Messages that are put together before the event loop may do other things: leases are renewed by it. */
const BLOCK = 64;

/** A message in the journal, and where it is. What it says is read when it is wanted: a day has 43,200 of them. */
export interface Entry {
  readonly from: number;
  readonly seq: number;
  readonly offset: number;
  /** What the disk would not take. */
  readonly held?: ResultMessage;
}

/**
 * The results of one incarnation: on disk before they are sent, and kept after they are acknowledged, since the store
 * that has them may be lost. Memory has only where each is.
 */
export class Outbox {
  readonly #journal: Journal;
  readonly #max: number;
  #entries: Entry[] = [];
  /** How many of them are on the disk. */
  #written = 0;
  /** All up to this one have been counted by the coordinator; entries before this place are of them. */
  #acknowledged = 0;
  #place = 0;
  #compactAt: number;
  #compacting: Promise<void> | null = null;
  /** Messages that became part of another one before anybody had acknowledged them. */
  merged = 0;

  constructor(path: string, max: number = JOURNAL_MAX) {
    this.#max = max;
    this.#compactAt = max;
    this.#journal = Journal.open(path, (record, offset) => {
      const { from, seq } = resultSchema.parse(JSON.parse(record));
      this.#entries.push({ from, seq, offset });
    });
    this.#written = this.#entries.length;
  }

  /** All messages, in order. */
  get messages(): readonly ResultMessage[] {
    return this.#entries.map((entry) => this.read(entry));
  }

  get last(): ResultMessage | undefined {
    const entry = this.#entries.at(-1);
    return entry === undefined ? undefined : this.read(entry);
  }

  get nextSeq(): number {
    return (this.#entries.at(-1)?.seq ?? 0) + 1;
  }

  /** What the coordinator has not counted yet. */
  get pending(): readonly Entry[] {
    return this.#entries.slice(this.#place);
  }

  get settled(): boolean {
    return this.#place === this.#entries.length;
  }

  get acknowledged(): number {
    return this.#acknowledged;
  }

  read({ offset, held }: Entry): ResultMessage {
    return held ?? (JSON.parse(this.#journal.read(offset)) as ResultMessage);
  }

  /** Writes a message to the disk; then it may be sent. One that the disk does not take is written with the next one. */
  async add(message: ResultMessage): Promise<void> {
    this.#entries.push({ from: message.from, seq: message.seq, offset: -1, held: message });
    for (; this.#written < this.#entries.length; this.#written++) {
      const { from, seq, held } = this.#entries[this.#written];
      const offset = this.#journal.append(JSON.stringify(held));
      this.#entries[this.#written] = { from, seq, offset };
    }
    await this.#journal.sync();
  }

  acknowledge(upTo: number): void {
    this.#acknowledged = Math.max(this.#acknowledged, upTo);
    while (this.#place < this.#entries.length && this.#entries[this.#place].seq <= this.#acknowledged)
      this.#place++;
  }

  /** The store is a new one: it has none of this. */
  forget(): void {
    this.#acknowledged = 0;
    this.#place = 0;
  }

  /**
   * Keeps the journal within its bound: acknowledged messages become one. When those that are not acknowledged are too many,
   * all become one: it begins with the first message, so it stands for all of them wherever some have been counted. Nothing
   * is lost but when each was.
   */
  compact(): Promise<void> {
    this.#compacting ??= this.#compact().finally(() => {
      this.#compacting = null;
    });
    return this.#compacting;
  }

  async #compact(): Promise<void> {
    if (this.#journal.size < this.#compactAt) return;
    // When the disk does not take it, not with each message again.
    this.#compactAt = this.#journal.size + this.#max / 8;
    await this.#join(this.#place);
    // Less would be full again soon.
    if (this.#journal.size > this.#max / 2) {
      const open = this.#entries.length - this.#place;
      await this.#join(this.#entries.length);
      this.merged += open;
    }
    this.#compactAt = Math.max(this.#max, this.#journal.size * 2);
  }

  /** Makes one of the first messages. */
  async #join(count: number): Promise<void> {
    if (count < 2) return;
    const joined = await this.#together(this.#entries.slice(0, count));
    await this.#journal.replace(() => {
      const rest = this.#entries.slice(count);
      const records = [JSON.stringify(joined), ...rest.map((each) => JSON.stringify(this.read(each)))];
      return {
        records,
        placed: (offsets) => {
          this.#entries = [joined, ...rest].map((each, i) => ({
            from: each.from,
            seq: each.seq,
            offset: offsets[i],
          }));
          this.#written = this.#entries.length;
        },
      };
    });
    this.#place = 0;
    this.acknowledge(this.#acknowledged);
  }

  /** Messages in a row as one. */
  async #together(entries: readonly Entry[]): Promise<ResultMessage> {
    const total = new Delta();
    const first = this.read(entries[0]);
    const finished: ResultMessage['finished'][number][] = [];
    const failures: ResultMessage['failures'][number][] = [];
    let last = first;
    let isLast = false;
    for (const [i, entry] of entries.entries()) {
      if (i % BLOCK === BLOCK - 1) await Journal.busy(new Promise<void>((resolve) => setImmediate(resolve)));
      last = this.read(entry);
      total.merge(Delta.fromJSON(last.delta));
      finished.push(...last.finished);
      failures.push(...last.failures.slice(0, FAILURES_MAX - failures.length));
      isLast ||= last.last;
    }
    return {
      ...last,
      from: first.from,
      at: first.at,
      length: last.at + last.length - first.at,
      delta: total.toJSON(),
      finished,
      failures,
      last: isLast,
    };
  }

  async close(): Promise<void> {
    await this.#compacting;
    await this.#journal.close();
  }
}
