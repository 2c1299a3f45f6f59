import { describeMachine } from '../../bench/lib/machine.mjs';
import { markdownTable } from '../../bench/lib/table.mjs';

/**
 * What a run of one part on one engine has come to.
 * @typedef {{ file: string, title: string, engine: string, seed: number, counts: Record<string, number | string>,
 *   failures: string[], failed: number, elapsed: number }} Result
 */

/** Gathers results, and tells of them as docs/reliability.md has it. */
export class Results {
  /** @type {Map<string, Result & { runs: number }>} */
  #rows = new Map();
  failed = 0;
  frames = 0;

  /** @param {Result} result */
  add(result) {
    this.failed += result.failed;
    this.frames += Number(result.counts.frames ?? 0);
    const key = `${result.file} ${result.engine}`;
    const row = this.#rows.get(key);
    if (row === undefined) {
      this.#rows.set(key, { ...result, counts: { ...result.counts }, runs: 1 });
      return;
    }
    row.runs++;
    row.failed += result.failed;
    for (const [name, value] of Object.entries(result.counts)) {
      const before = row.counts[name];
      row.counts[name] = typeof value === 'number' ? Number(before ?? 0) + value : value;
    }
  }

  /**
   * @param {{ command: string, seed: number, minutes: number }} run
   */
  markdown({ command, seed, minutes }) {
    const { cpu, cores, kernel, node } = describeMachine();
    const rows = [...this.#rows.values()].map(({ title, engine, runs, counts, failed }) => [
      title,
      engine === 'none' ? '' : engine,
      `${runs}`,
      number(counts.frames),
      number(counts.checks),
      `${failed}`,
    ]);
    const head = ['What', 'Engine', 'Runs', 'Frames', 'Checks', 'Failures'];
    return [
      `${new Date().toISOString().slice(0, 10)}, Linux ${kernel}, Node ${node}, ${cpu}, ${cores} cores: ` +
        `\`${command}\` (seed ${seed}), ${minutes.toFixed(1)} minutes, ${number(this.frames)} frames, ${this.failed} failures.`,
      markdownTable(head, rows),
      ...['floods/', 'load/overload', 'load/loop-cost'].map((files) => this.#details(files)),
    ].join('\n\n');
  }

  /** Counts of parts that are about them. */
  #details(files) {
    const found = [...this.#rows.values()].filter(({ file }) => file.startsWith(files));
    if (found.length === 0) return '';
    const names = Object.keys(found[0].counts).filter((name) => name !== 'checks');
    const rows = found.map(({ title, engine, counts }) => [
      title,
      engine,
      ...names.map((name) => number(counts[name])),
    ]);
    return markdownTable(['What', 'Engine', ...names], rows);
  }
}

/** @param {number | string | undefined} value */
function number(value) {
  return typeof value === 'number' ? value.toLocaleString('en') : (value ?? '');
}
