import type { Hub } from '../hub/hub.ts';
import { resultSchema } from '../protocol/messages.ts';
import { Signal } from '../protocol/names.ts';
import type { ClientFailure, ResultMessage } from '../protocol/records.ts';
import { type Counted, ResultMerger } from '../results/merger.ts';
import type { Ownership } from './ownership.ts';
import type { ResultCounts } from './snapshot.ts';

const FAILURES_KEPT = 10_000;

/** Takes results in. It drops and counts those that are malformed or rejected, and counts each other one once. */
export class Intake {
  readonly merger: ResultMerger = new ResultMerger();
  /** Clients that failed, the first ones. */
  readonly failures: ClientFailure[] = [];
  readonly #run: string;
  readonly #ownership: Ownership;
  readonly #acknowledged = new Map<string, number>();
  #messages = 0;
  #malformed = 0;
  #rejected = 0;

  constructor(run: string, ownership: Ownership) {
    this.#run = run;
    this.#ownership = ownership;
  }

  get counts(): ResultCounts {
    const { duplicates } = this.merger;
    return {
      messages: this.#messages,
      duplicates,
      malformed: this.#malformed,
      rejected: this.#rejected,
    };
  }

  /** Takes a message from the network. `sender` is the agent that the server let send it. Returns the messages that now count. */
  came(value: unknown, sender: string): readonly Counted[] {
    const { data: message } = resultSchema.safeParse(value);
    if (message === undefined) {
      this.#malformed++;
      return [];
    }
    if (message.run !== this.#run || message.agent !== sender || !this.#ownership.had(message)) {
      this.#rejected++;
      return [];
    }
    return this.count(message);
  }

  count(message: ResultMessage): readonly Counted[] {
    let counted: readonly Counted[];
    try {
      counted = this.merger.add(message);
    } catch {
      // A histogram cannot be decoded.
      this.#malformed++;
      return [];
    }
    this.#messages += counted.length;
    for (const { message: each } of counted) {
      for (const failure of each.failures)
        if (this.failures.length < FAILURES_KEPT && !(each.from < each.seq && this.#isKnown(failure)))
          this.failures.push(failure);
      for (const span of each.finished) this.#ownership.finish(span, each.incarnation);
    }
    return counted;
  }

  /** A message that stands for many may repeat failures that some of them have told. */
  #isKnown({ client, part, reason }: ClientFailure): boolean {
    return this.failures.some(
      (each) => each.client === client && each.part === part && each.reason === reason,
    );
  }

  /** Counts a record that is malformed. */
  refuse(): void {
    this.#malformed++;
  }

  /** Tells agents what they need not send again. */
  acknowledge(hub: Hub, generation: string): void {
    for (const { agent, incarnation, upTo } of this.merger.incarnations) {
      if (this.#acknowledged.get(incarnation) === upTo) continue;
      this.#acknowledged.set(incarnation, upTo);
      hub.send(Signal.acknowledged(agent), { incarnation, generation, upTo });
    }
  }

  /** In another store, agents need all acknowledgments again. */
  forgetAcknowledged(): void {
    this.#acknowledged.clear();
  }
}
