import type { Stage } from './stage.ts';
import type { Tally } from './traffic.ts';

/** A line on stderr that is overwritten on a terminal, and printed once a second elsewhere. */
export class Progress {
  readonly #tally: Tally;
  readonly #timer: NodeJS.Timeout;
  #answered = 0;
  #at = performance.now();

  constructor(tally: Tally) {
    this.#tally = tally;
    this.#timer = setInterval(() => this.#show(), process.stderr.isTTY ? 100 : 1000);
  }

  stop(): void {
    clearInterval(this.#timer);
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  }

  #show(): void {
    const { total, sent, answered } = this.#tally;
    const now = performance.now();
    const rate = Math.round(((answered - this.#answered) / (now - this.#at)) * 1000);
    this.#answered = answered;
    this.#at = now;
    const done = Math.floor((answered / total) * 20);
    const bar = `${'#'.repeat(done)}${'.'.repeat(20 - done)}`;
    const line = `[${bar}] ${answered}/${total} answers, ${sent - answered} under way, ${rate} per second`;
    process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${line}` : `${line}\n`);
  }
}

/** What `--json` prints as its last line. */
export interface Summary {
  relay: 'xdp' | 'packet' | 'memory';
  /** Of AF_XDP: 'native', 'generic' … */
  mode?: string;
  machines: number;
  sent: number;
  answered: number;
  misdelivered: number;
  repeated: number;
  p50_us: number | null;
  p99_us: number | null;
  per_second: number;
}

export function summarize(engine: Stage['engine'], tally: Tally): Summary {
  const sorted = tally.roundTrips.slice(0, tally.answered).sort();
  const at = (part: number) =>
    sorted.length === 0
      ? null
      : Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]);
  return {
    ...engine,
    machines: tally.machines,
    sent: tally.sent,
    answered: tally.answered,
    misdelivered: tally.misdelivered,
    repeated: tally.repeated,
    p50_us: at(0.5),
    p99_us: at(0.99),
    per_second: tally.elapsed > 0 ? Math.round((tally.answered / tally.elapsed) * 1000) : 0,
  };
}

/** The table at the end, for people. */
export function table(summary: Summary): string {
  const us = (value: number | null) => (value === null ? '-' : `${value} µs`);
  const engine = summary.mode === undefined ? summary.relay : `${summary.relay}, ${summary.mode} mode`;
  const rows: [string, string][] = [
    ['relay', engine],
    ['machines', String(summary.machines)],
    ['requests', String(summary.sent)],
    ['answers', String(summary.answered)],
    ['lost', String(summary.sent - summary.answered)],
    ['misdelivered', String(summary.misdelivered)],
    ['repeated', String(summary.repeated)],
    ['round trip p50', us(summary.p50_us)],
    ['round trip p99', us(summary.p99_us)],
    ['rate', `${summary.per_second} answers per second`],
  ];
  return rows.map(([name, value]) => `  ${name.padEnd(16)}${value}`).join('\n');
}
