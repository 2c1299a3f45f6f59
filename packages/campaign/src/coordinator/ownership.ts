import type { GrantRecord, RangeRecord, ResultMessage, Span } from '../protocol/records.ts';
import { clientsOf, type Division, numbersOf, rangeCount, toSpans } from '../protocol/spans.ts';

/** Who owns which ranges, and who ever did. `unwritten` names the changes that the store lacks. */
export class Ownership {
  readonly total: number;
  readonly #division: Division;
  readonly #records: (RangeRecord | null)[];
  /** Incarnations that had a range and epoch, by `number@epoch`. */
  readonly #ever = new Map<string, string>();
  /** Agents whose incarnations have had ranges. */
  readonly #agents = new Map<string, string>();
  /** Ranges by the incarnation that had them last. */
  readonly #numbers = new Map<string, Set<number>>();
  readonly #counts: Record<RangeRecord['phase'], number> = { given: 0, done: 0, lost: 0 };
  /** Ranges and grants that the store lacks. */
  readonly unwritten: { readonly ranges: Set<number>; readonly grants: Map<string, string> } = {
    ranges: new Set(),
    grants: new Map(),
  };

  constructor(division: Division) {
    this.#division = division;
    this.total = rangeCount(division);
    this.#records = Array.from({ length: this.total }, () => null);
  }

  get(number: number): RangeRecord | null {
    return this.#records[number] ?? null;
  }

  set(number: number, record: RangeRecord): void {
    if (number >= this.total) return;
    const before = this.get(number);
    if (before !== null) {
      this.#counts[before.phase]--;
      this.#numbers.get(before.incarnation)?.delete(number);
    }
    this.#records[number] = record;
    this.#counts[record.phase]++;
    const { incarnation } = record;
    const numbers = this.#numbers.get(incarnation) ?? new Set();
    this.#numbers.set(incarnation, numbers.add(number));
    this.#ever.set(`${number}@${record.epoch}`, incarnation);
    this.#agents.set(incarnation, record.agent);
  }

  /** Whether an incarnation has ever had ranges. */
  knows(incarnation: string): boolean {
    return this.#agents.has(incarnation);
  }

  /** Ranges that nobody has ever had. */
  get unowned(): number[] {
    return this.#records.flatMap((record, number) => (record === null ? [number] : []));
  }

  get counts(): Readonly<Record<RangeRecord['phase'], number>> {
    return this.#counts;
  }

  get allEnded(): boolean {
    return this.#counts.done + this.#counts.lost === this.total;
  }

  /** Ranges that an incarnation was the last to own, finished or not. */
  numbersOf(incarnation: string): number[] {
    return [...(this.#numbers.get(incarnation) ?? [])];
  }

  /** Ranges that an incarnation owns and has not finished. */
  openOf(incarnation: string): number[] {
    return this.numbersOf(incarnation).filter((number) => this.get(number)?.phase === 'given');
  }

  /** Agents by the incarnations that have open ranges. */
  get owners(): Map<string, string> {
    const owners = new Map<string, string>();
    for (const incarnation of this.#numbers.keys())
      if (this.openOf(incarnation).length > 0) owners.set(incarnation, this.#agents.get(incarnation)!);
    return owners;
  }

  /** Whether the sender had the ranges that a message speaks of, in these epochs. */
  had({ agent, incarnation, spans, finished }: ResultMessage): boolean {
    if (this.#agents.get(incarnation) !== agent) return false;
    // The bound limits the work that a message can cause.
    for (const each of [spans, finished])
      if (each.reduce((sum, { count }) => sum + count, 0) > this.total) return false;
    for (const span of [...spans, ...finished])
      for (const number of numbersOf(span))
        if (this.#ever.get(`${number}@${span.epoch}`) !== incarnation) return false;
    return true;
  }

  /** An incarnation has finished ranges. Those that it no longer owns stay as they are. */
  finish(span: Span, incarnation: string): void {
    for (const number of numbersOf(span)) {
      const record = this.get(number);
      if (record?.incarnation === incarnation && record.epoch === span.epoch)
        this.set(number, { ...record, phase: 'done' });
    }
  }

  /** Gives a range to a new owner, in a new epoch. */
  give(number: number, agent: string, incarnation: string, startAt: number | null): void {
    const epoch = (this.get(number)?.epoch ?? 0) + 1;
    this.set(number, { agent, incarnation, epoch, phase: 'given', startAt });
    this.unwritten.ranges.add(number);
    this.unwritten.grants.set(agent, incarnation);
  }

  lose(number: number): void {
    this.set(number, { ...this.get(number)!, phase: 'lost' });
    this.unwritten.ranges.add(number);
  }

  /** A new store has none of the records. */
  forgetWritten(): void {
    for (const [number, record] of this.#records.entries())
      if (record !== null) this.unwritten.ranges.add(number);
    for (const [incarnation, agent] of this.owners) this.unwritten.grants.set(agent, incarnation);
  }

  /** Every owner that a range had, the last one last: for the coordinator's own journal. */
  get history(): (readonly [number: number, record: RangeRecord])[] {
    const former = [...this.#ever].flatMap(([key, incarnation]) => {
      const [number, epoch] = key.split('@').map(Number);
      if (this.get(number)?.epoch === epoch) return [];
      const agent = this.#agents.get(incarnation)!;
      return [[number, { agent, incarnation, epoch, phase: 'lost', startAt: null }] as const];
    });
    const last = this.#records.flatMap((record, number) =>
      record === null ? [] : [[number, record] as const],
    );
    return [...former, ...last];
  }

  grantOf(incarnation: string): GrantRecord {
    const byStart = new Map<number | null, { number: number; epoch: number }[]>();
    for (const number of this.openOf(incarnation)) {
      const { epoch, startAt } = this.get(number)!;
      const group = byStart.get(startAt) ?? [];
      byStart.set(startAt, group);
      group.push({ number, epoch });
    }
    const spans = [...byStart].flatMap(([startAt, ranges]) =>
      toSpans(ranges).map((span) => ({ ...span, startAt })),
    );
    return { incarnation, spans };
  }

  clientsIn(numbers: readonly number[]): number {
    return numbers.reduce((sum, first) => sum + clientsOf(this.#division, { first, count: 1 }).count, 0);
  }
}
