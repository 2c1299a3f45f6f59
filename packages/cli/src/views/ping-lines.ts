import { time } from '../figures/format.ts';
import type { LatencyResult } from '../metrics/latency-result.ts';
import type { RunInfo } from '../metrics/result.ts';
import type { PingListener, Reply } from '../ping/pinger.ts';
import { type Paint, thresholdLines } from './summary.ts';
import type { TextStream } from './terminal.ts';
import type { RunOutcome, View } from './view.ts';

/** Addresses for the first line. */
export interface PingTitle {
  readonly to: string;
  readonly from: string;
  readonly interfaceName: string;
  readonly size: number;
}

export interface PingLinesOptions {
  readonly title: PingTitle;
  /** Prints only the first line and the summary. */
  readonly quiet: boolean;
  /** Reports each request that has no reply when the next one is sent. */
  readonly missing: boolean;
}

/** Bytes of the headers of a request. */
const IPV4_AND_ICMP = 28;

/** One machine's pings, in the format of ping (iputils). */
export class PingLines implements View, PingListener {
  readonly #stream: TextStream;
  readonly #paint: Paint;
  readonly #options: PingLinesOptions;

  constructor(stream: TextStream, paint: Paint, options: PingLinesOptions) {
    this.#stream = stream;
    this.#paint = paint;
    this.#options = options;
  }

  begin(_info: RunInfo): void {
    const { to, from, interfaceName, size } = this.#options.title;
    const isV6 = to.includes(':');
    const bytes = isV6 ? `${size} data bytes` : `${size}(${size + IPV4_AND_ICMP}) bytes of data.`;
    this.#line(`PING ${to} (${to}) from ${from} ${interfaceName}: ${bytes}`);
  }

  reply({ from, bytes, sequence, ttl, rtt, duplicate, corrupted, stranger }: Reply): void {
    if (this.#options.quiet) return;
    const marks = [
      duplicate ? ' (DUP!)' : '',
      stranger ? ' (DIFFERENT ADDRESS!)' : '',
      corrupted ? ' (WRONG DATA!)' : '',
    ].join('');
    const took = rtt === null ? '' : ` time=${rttText(rtt)} ms`;
    const ttlText = bytes === 8 && rtt === null ? '' : ` ttl=${ttl}`;
    this.#line(
      `${bytes} bytes from ${from}: icmp_seq=${sequence}${ttlText}${took}${marks === '' ? '' : this.#paint('yellow', marks)}`,
    );
  }

  error(_machine: number, sequence: number, from: string | null, text: string): void {
    if (this.#options.quiet) return;
    this.#line(
      this.#paint('red', from === null ? `ping: ${text}` : `From ${from} icmp_seq=${sequence} ${text}`),
    );
  }

  missing(_machine: number, sequence: number): void {
    if (this.#options.missing && !this.#options.quiet) this.#line(`no answer yet for icmp_seq=${sequence}`);
  }

  end({ result }: RunOutcome): void {
    const { sent, received, latency, ping, duration } = result;
    const extras = [
      counted(received!.duplicates, 'duplicates'),
      counted(ping!.corrupted, 'corrupted'),
      counted(ping!.errors, 'errors'),
    ].join('');
    const loss = sent!.packets === 0 ? 0 : 100 * (received!.loss ?? 0);
    this.#line('');
    this.#line(`--- ${this.#options.title.to} ping statistics ---`);
    this.#line(
      `${sent!.packets} packets transmitted, ${received!.packets} received${extras}, ${Number(loss.toPrecision(6))}% packet loss, time ${Math.round(duration * 1000)}ms`,
    );
    if (latency !== null) for (const line of rttLines(latency, ping!.mdev ?? 0)) this.#line(line);
    for (const line of thresholdLines(result, this.#paint)) this.#line(line);
  }

  #line(text: string): void {
    this.#stream.write(`${text}\n`);
  }
}

function rttLines({ min, mean, max, p50, p90, p99, p999 }: LatencyResult, mdev: number): string[] {
  const figures = [min, mean, max, mdev].map((each) => each.toFixed(3)).join('/');
  const percentiles = Object.entries({ p50, p90, p99, 'p99.9': p999 });
  return [
    `rtt min/avg/max/mdev = ${figures} ms`,
    `rtt ${percentiles.map(([name, value]) => `${name} ${time(value)}`).join('   ')}`,
  ];
}

function counted(count: number, name: string): string {
  return count === 0 ? '' : `, +${count} ${name}`;
}

/** Milliseconds with as many digits as ping shows. */
function rttText(rtt: number): string {
  if (rtt >= 99.95) return rtt.toFixed(0);
  return rtt.toFixed(rtt >= 9.995 ? 1 : rtt >= 0.9995 ? 2 : 3);
}
