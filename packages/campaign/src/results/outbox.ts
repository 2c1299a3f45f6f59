import { Delta } from '@etherconn/cli/parts';
import { FAILURES_MAX, resultSchema } from '../protocol/messages.ts';
import type { ResultMessage } from '../protocol/records.ts';
import { Journal } from './journal.ts';

/** Bytes of a journal beyond which what is acknowledged becomes one record. */
const JOURNAL_MAX = 64 * 2 ** 20;

/**
 * The results of one incarnation: on disk before they are sent, and kept after they are acknowledged, since the store
 * that has them may be lost.
 */
export class Outbox {
  readonly #journal: Journal;
  readonly #max: number;
  #messages: ResultMessage[] = [];
  /** All up to this one have been counted by the coordinator. */
  #acknowledged = 0;
  #compactAt: number;

  constructor(path: string, max: number = JOURNAL_MAX) {
    this.#max = max;
    this.#compactAt = max;
    this.#journal = Journal.open(path, (record) =>
      this.#messages.push(resultSchema.parse(JSON.parse(record))),
    );
  }

  /** All messages, in order. */
  get messages(): readonly ResultMessage[] {
    return this.#messages;
  }

  get nextSeq(): number {
    return (this.#messages.at(-1)?.seq ?? 0) + 1;
  }

  /** What the coordinator has not counted yet. */
  get pending(): readonly ResultMessage[] {
    return this.#messages.filter(({ seq }) => seq > this.#acknowledged);
  }

  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** Writes a message to the disk; then it may be sent. */
  async add(message: ResultMessage): Promise<void> {
    this.#journal.append(JSON.stringify(message));
    this.#messages.push(message);
    await this.#journal.sync();
  }

  acknowledge(upTo: number): void {
    this.#acknowledged = Math.max(this.#acknowledged, upTo);
  }

  /** The store is a new one: it has none of this. */
  forget(): void {
    this.#acknowledged = 0;
  }

  /** Keeps the journal within its bound: acknowledged messages become one. Nothing is lost but when each was. */
  async compact(): Promise<void> {
    if (this.#journal.size < this.#compactAt) return;
    const done = this.#messages.filter(({ seq }) => seq <= this.#acknowledged);
    if (done.length > 1) {
      this.#messages = [together(done), ...this.#messages.slice(done.length)];
      await this.#journal.replace(this.#messages.map((message) => JSON.stringify(message)));
    }
    // What cannot be put together yet is looked at again later, not with each message.
    this.#compactAt = Math.max(this.#max, this.#journal.size * 1.5);
  }

  async close(): Promise<void> {
    await this.#journal.close();
  }
}

/** Messages in a row as one. */
function together(messages: readonly ResultMessage[]): ResultMessage {
  const total = new Delta();
  for (const { delta } of messages) total.merge(Delta.fromJSON(delta));
  const [first] = messages;
  const last = messages.at(-1)!;
  return {
    ...last,
    from: first.from,
    at: first.at,
    length: last.at + last.length - first.at,
    delta: total.toJSON(),
    finished: messages.flatMap(({ finished }) => finished),
    failures: messages.flatMap(({ failures }) => failures).slice(0, FAILURES_MAX),
    last: messages.some(({ last }) => last),
  };
}
