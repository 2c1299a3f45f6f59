import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { rangeSchema, resultSchema, runSchema } from '../protocol/messages.ts';
import type { ClientFailure, RangeRecord, ResultMessage, RunRecord } from '../protocol/records.ts';
import { Journal } from '../results/journal.ts';
import type { Plan } from './plan.ts';
import type { Snapshot, Takeover } from './snapshot.ts';

/** What a coordinator has kept of a campaign. */
export interface Memory {
  readonly plan: Plan;
  readonly run: RunRecord;
  /** Every owner that a range had, in order. */
  readonly ranges: readonly (readonly [number: number, record: RangeRecord])[];
  readonly results: readonly ResultMessage[];
  readonly takeovers: readonly Takeover[];
  /** Of results that were put together. */
  readonly failures: readonly ClientFailure[];
  /** At the end of the campaign. */
  readonly snapshot?: Snapshot | undefined;
}

type Line =
  | { readonly plan: Plan }
  | { readonly run: RunRecord }
  | { readonly number: number; readonly range: RangeRecord }
  | { readonly result: ResultMessage }
  | { readonly takeover: Takeover }
  | { readonly failures: readonly ClientFailure[] }
  | { readonly snapshot: Snapshot };

/** Bytes of the journal beyond which results are put together. */
const JOURNAL_MAX = 64 * 2 ** 20;

/** The coordinator's own journal: with it a campaign goes on although the store was lost. */
export class StateFile {
  readonly #journal: Journal;
  #compactAt = JOURNAL_MAX;

  private constructor(journal: Journal) {
    this.#journal = journal;
  }

  static create(folder: string, id: string, { plan, run }: Pick<Memory, 'plan' | 'run'>): StateFile {
    mkdirSync(folder, { recursive: true });
    const file = new StateFile(Journal.open(pathOf(folder, id)));
    file.#append({ plan });
    file.#append({ run });
    return file;
  }

  /** Throws when this machine has nothing of that campaign. */
  static open(folder: string, id: string): { state: StateFile; memory: Memory } {
    const path = pathOf(folder, id);
    if (!existsSync(path)) throw new NoStateError(id, folder);
    let plan: Plan | undefined;
    let run: RunRecord | undefined;
    let snapshot: Snapshot | undefined;
    const ranges: [number, RangeRecord][] = [];
    const takeovers: Takeover[] = [];
    const results: ResultMessage[] = [];
    let failures: readonly ClientFailure[] = [];
    const journal = Journal.open(path, (record) => {
      const line = JSON.parse(record) as Line;
      if ('plan' in line) plan = line.plan;
      else if ('run' in line) run = runSchema.parse(line.run);
      else if ('range' in line) ranges.push([line.number, rangeSchema.parse(line.range)]);
      else if ('result' in line) results.push(resultSchema.parse(line.result));
      else if ('takeover' in line) takeovers.push(line.takeover);
      else if ('failures' in line) failures = line.failures;
      else snapshot = line.snapshot;
    });
    if (plan === undefined || run === undefined) throw new NoStateError(id, folder);
    return {
      state: new StateFile(journal),
      memory: { plan, run, ranges, results, takeovers, failures, snapshot },
    };
  }

  async run(run: RunRecord): Promise<void> {
    this.#append({ run });
    await this.#journal.sync();
  }

  range(number: number, range: RangeRecord): void {
    this.#append({ number, range });
  }

  result(result: ResultMessage): void {
    this.#append({ result });
  }

  takeover(takeover: Takeover): void {
    this.#append({ takeover });
  }

  async end(snapshot: Snapshot): Promise<void> {
    this.#append({ snapshot });
    await this.#journal.sync();
  }

  /**
   * Keeps the journal within its bound: results become one of each incarnation. Nothing is lost but when each was counted.
   */
  async compact(memory: () => Memory): Promise<void> {
    if (this.#journal.size < this.#compactAt) return;
    await this.#journal.replace(() => {
      const { plan, run, ranges, results, takeovers, failures } = memory();
      const lines: Line[] = [
        { plan },
        { run },
        ...ranges.map(([number, range]) => ({ number, range })),
        ...results.filter(({ seq }) => seq > 0).map((result) => ({ result })),
        ...takeovers.map((takeover) => ({ takeover })),
        { failures },
      ];
      return { records: lines.map((line) => JSON.stringify(line)) };
    });
    this.#compactAt = Math.max(JOURNAL_MAX, this.#journal.size * 2);
  }

  sync(): Promise<void> {
    return this.#journal.sync();
  }

  close(): Promise<void> {
    return this.#journal.close();
  }

  #append(line: Line): void {
    this.#journal.append(JSON.stringify(line));
  }
}

export class NoStateError extends Error {
  readonly code: string = 'ERR_NO_STATE';

  constructor(id: string, folder: string) {
    super(`nothing of a campaign ${id} is in ${folder}; --state names another folder`);
    this.name = 'NoStateError';
  }
}

function pathOf(folder: string, id: string): string {
  return join(folder, `${id.replace(/[^A-Za-z0-9_-]/g, '_')}.campaign`);
}
