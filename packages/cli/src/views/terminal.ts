import type { WriteStream } from 'node:tty';
import { type FleetRates, fleetRatesOf } from '../figures/fleet-rates.ts';
import { clock, percent, scaled, sparkline, time } from '../figures/format.ts';
import { ratesOf, type SecondRates } from '../figures/rates.ts';
import type { Delta, Second } from '../metrics/delta.ts';
import type { RunInfo } from '../metrics/result.ts';
import { fleetParts } from './fleet.ts';
import { PartTexts } from './part-texts.ts';
import { coloured, type Paint, plain, summaryLines } from './summary.ts';
import type { RunOutcome, View } from './view.ts';

const HISTORY = 200;

/** A stream for lines; a terminal has a width and a height. */
export interface TextStream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  on?(event: 'resize', listener: () => void): unknown;
  off?(event: 'resize', listener: () => void): unknown;
}

/** Whether colours are wanted on a stream. */
export function paintFor(stream: TextStream, env: NodeJS.ProcessEnv = process.env): Paint {
  if ((env.NO_COLOR ?? '') !== '' || env.NODE_DISABLE_COLORS !== undefined || env.TERM === 'dumb')
    return plain;
  return stream.isTTY === true ? coloured : plain;
}

/** What a live view shows below its own lines. */
export type MoreLines = () => readonly string[];

/** On a terminal a view that is redrawn in place, otherwise a line every second. */
export function terminalView(stream: TextStream, more?: MoreLines): View {
  const paint = paintFor(stream);
  return stream.isTTY === true && process.env.TERM !== 'dumb'
    ? new LiveView(stream, paint, more)
    : new LineView(stream, paint);
}

/** A line every second, for pipes and logs. */
export class LineView implements View {
  readonly #stream: TextStream;
  readonly #paint: Paint;
  #hasFleet = false;
  readonly #parts = new PartTexts();
  /** Leases held. */
  #bound = 0;

  constructor(stream: TextStream, paint: Paint) {
    this.#stream = stream;
    this.#paint = paint;
  }

  begin(info: RunInfo): void {
    this.#hasFleet = info.clients !== undefined;
    this.#stream.write(`${title(info)}\n`);
  }

  second(second: Second): void {
    this.#bound += second.delta.get('bound');
    // While the run waits for packets in flight, there may be nothing to print.
    if (second.delta.counters.size === 0 && second.length < 1000) return;
    const rates = ratesOf(second);
    const parts = [clock(rates.second + second.length / 1000)];
    const ofParts = this.#parts.texts(second);
    if (ofParts.length > 0) {
      const texts = ofParts.map(({ name, text }) => `${name}: ${text}`);
      this.#stream.write(`${[...parts, texts.join(' | ')].join('  ')}\n`);
      return;
    }
    if (this.#hasFleet) parts.push(...fleetParts(fleetRatesOf(second), this.#bound));
    else if (second.delta.counters.has('sent')) parts.push(`sent ${scaled(rates.sent, 'pps')}`);
    if (!this.#hasFleet && (rates.received > 0 || rates.sent === 0))
      parts.push(`received ${scaled(rates.received, 'pps')}`, `lost ${rates.lost}`);
    if (rates.p50 !== null)
      parts.push(`p50 ${time(rates.p50)}`, `p99 ${time(rates.p99!)}`, `max ${time(rates.max!)}`);
    this.#stream.write(`${parts.join('  ')}\n`);
  }

  end({ result }: RunOutcome): void {
    this.#stream.write(`${summaryLines(result, this.#paint).join('\n')}\n`);
  }
}

/** A few lines that are redrawn in place each second. */
export class LiveView implements View {
  readonly #stream: TextStream;
  readonly #paint: Paint;
  readonly #more: MoreLines;
  readonly #history: (SecondRates & { readonly fleet?: FleetRates })[] = [];
  readonly #parts = new PartTexts();
  readonly #partHistory = new Map<string, { text: string; values: number[] }>();
  #info: RunInfo | undefined;
  #total: Delta | undefined;
  /** Seconds until the end of the last span. */
  #elapsed = 0;
  /** Our lines on the screen, and the width of the terminal when they were drawn. */
  #drawn: string[] = [];
  readonly #onResize = (): void => this.#draw();

  constructor(stream: TextStream, paint: Paint, more: MoreLines = () => []) {
    this.#stream = stream;
    this.#paint = paint;
    this.#more = more;
  }

  begin(info: RunInfo): void {
    this.#info = info;
    this.#stream.write('\x1b[?25l');
    this.#stream.on?.('resize', this.#onResize);
    this.#draw();
  }

  second(second: Second, total: Delta): void {
    this.#total = total;
    // While the run waits for packets in flight, the last figures stay.
    if (second.length < 1000 && second.delta.get('sent') === 0 && this.#history.length > 0) {
      this.#draw();
      return;
    }
    this.#elapsed = second.second + second.length / 1000;
    const fleet = this.#info?.clients === undefined ? {} : { fleet: fleetRatesOf(second) };
    this.#history.push({ ...ratesOf(second), ...fleet });
    if (this.#history.length > HISTORY) this.#history.shift();
    for (const { name, text, value } of this.#parts.texts(second)) {
      const values = [...(this.#partHistory.get(name)?.values ?? []), value].slice(-HISTORY);
      this.#partHistory.set(name, { text, values });
    }
    this.#draw();
  }

  end({ result }: RunOutcome): void {
    this.#erase();
    this.#stream.write(
      `${[this.#title(Number.POSITIVE_INFINITY), ...summaryLines(result, this.#paint)].join('\n')}\n`,
    );
  }

  close(): void {
    if (this.#info === undefined) return;
    this.#stream.off?.('resize', this.#onResize);
    this.#stream.write('\x1b[?25h');
    this.#info = undefined;
  }

  get #columns(): number {
    return (this.#stream as Partial<WriteStream>).columns ?? 80;
  }

  #title(width: number): string {
    const text = title(this.#info!);
    return this.#paint('bold', cut(text, width));
  }

  #draw(): void {
    if (this.#info === undefined) return;
    this.#erase();
    const more = this.#more().map((line) => cut(line, this.#columns - 1));
    const lines = this.#fitting([...this.#lines(this.#columns), ...more]);
    this.#drawn = lines;
    this.#stream.write(`${lines.join('\n')}\n`);
  }

  /** At most as many lines as the terminal has rows: lines that have scrolled away cannot be redrawn. */
  #fitting(lines: string[]): string[] {
    const most = Math.max(2, (this.#stream.rows ?? Number.POSITIVE_INFINITY) - 1);
    if (lines.length <= most) return lines;
    const left = lines.length - (most - 1);
    return [...lines.slice(0, most - 1), cut(`… ${left} more`, this.#columns - 1)];
  }

  /** After a resize our lines may be wrapped, so the cursor goes up by the rows that they take now. */
  #erase(): void {
    if (this.#drawn.length === 0) return;
    const columns = Math.max(1, this.#columns);
    const rows = this.#drawn.reduce((sum, line) => sum + Math.max(1, Math.ceil(visible(line) / columns)), 0);
    const reachable = Math.min(rows, (this.#stream.rows ?? Number.POSITIVE_INFINITY) - 1);
    this.#stream.write(`\x1b[${Math.max(1, reachable)}A\r\x1b[J`);
    this.#drawn = [];
  }

  #lines(columns: number): string[] {
    const width = columns - 1;
    const lines = [this.#title(width)];
    const last = this.#history.at(-1);
    if (last === undefined || this.#total === undefined) return [...lines, cut('starting …', width)];
    const row = (name: string, text: string, values?: readonly number[]): void => {
      const head = cut(`${name.padEnd(9)} ${text}`, width);
      const room = Math.min(60, width - Math.max(head.length, 39) - 1);
      const graph = values === undefined || room < 8 ? '' : sparkline(values, room);
      const line = graph === '' ? head : `${head.padEnd(39)} ${this.#paint('cyan', graph)}`;
      lines.push(line);
    };
    const total = this.#total;
    const elapsed = clock(this.#elapsed);
    const { clients, flows } = this.#info!;
    row('time', `${elapsed}   ${clients === undefined ? `flows ${flows || '-'}` : `clients ${clients}`}`);
    const { fleet } = last;
    if (fleet !== undefined)
      row(
        'leases',
        fleetParts(fleet, total.get('bound')).join('  '),
        this.#history.map((rates) => rates.fleet!.leases),
      );
    if (fleet !== undefined && (fleet.offerP99 ?? fleet.ackP99) !== null) row('phase p99', phasesText(fleet));
    if (total.counters.has('sent'))
      row('sent', `${scaled(last.sent, 'pps')}  ${scaled(last.sentBits, 'bit/s')}`, this.#values('sent'));
    if (total.counters.has('received') || !total.counters.has('sent'))
      row(
        'received',
        `${scaled(last.received, 'pps')}  ${scaled(last.receivedBits, 'bit/s')}`,
        this.#values('received'),
      );
    if (total.counters.has('received')) {
      const expected = total.get('expected');
      const lost = Math.max(0, expected - total.get('received'));
      row('lost', `${lost} (${percent(expected === 0 ? 0 : lost / expected)})`, this.#values('lost'));
      const { p50, p99, max } = last;
      if (p50 !== null)
        row('latency', `p50 ${time(p50)}  p99 ${time(p99!)}  max ${time(max!)}`, this.#values('p99'));
    }
    for (const [name, { text, values }] of this.#partHistory) row(cut(name, 9), text, values);
    return lines;
  }

  #values(name: keyof SecondRates): number[] {
    return this.#history.map((rates) => Math.max(0, rates[name] ?? 0));
  }
}

/** The latencies of a fleet's exchanges in a second. */
function phasesText({ offerP99, ackP99 }: FleetRates): string {
  const phases = { offer: offerP99, ack: ackP99 };
  return Object.entries(phases)
    .flatMap(([name, p99]) => (p99 === null ? [] : `${name} ${time(p99)}`))
    .join('  ');
}

function title({ command, engine, flows, clients }: RunInfo): string {
  const count = (number: number, name: string): string => `, ${number} ${name}${number === 1 ? '' : 's'}`;
  const who = clients !== undefined ? count(clients, 'client') : flows === 0 ? '' : count(flows, 'flow');
  return `etherconn ${command}: ${engine}${who}`;
}

function cut(text: string, width: number): string {
  if (text.length <= width) return text;
  return width <= 1 ? text.slice(0, Math.max(0, width)) : `${text.slice(0, width - 1)}…`;
}

/** Columns that a line takes, without its escape sequences. */
function visible(line: string): number {
  return line.replace(ESCAPES, '').length;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what escape sequences begin with.
const ESCAPES = /\x1b\[[0-9;]*m/g;
