import { createServer, type Server } from 'node:http';
import { Counter, Gauge, Registry } from 'prom-client';
import { partsIn } from '../figures/series.ts';
import { Delta, type Second } from '../metrics/delta.ts';
import type { RunInfo } from '../metrics/result.ts';
import { ScenarioError } from '../scenario/scenario-error.ts';
import type { MetricsAddress } from './metrics-address.ts';
import type { View } from './view.ts';

const COUNTERS: readonly (readonly [counter: string, name: string, help: string])[] = [
  ['sent', 'sent_packets', 'Packets sent'],
  ['sentBytes', 'sent_bytes', 'Bytes of frames sent, FCS included'],
  ['unsent', 'unsent_packets', 'Scheduled packets that could not be sent in time'],
  ['noRoom', 'no_room', 'Times that there was no room to send'],
  ['received', 'received_packets', 'Different packets received'],
  ['receivedBytes', 'received_bytes', 'Bytes of frames received, FCS included'],
  ['duplicates', 'duplicate_packets', 'Packets received again'],
  ['reordered', 'reordered_packets', 'Packets received behind a later one of their flow'],
  ['late', 'late_packets', 'Packets too late to be told from duplicates'],
  ['linkDropped', 'dropped_frames', 'Frames dropped by the interface because this process was too slow'],
  ['foreign', 'foreign_datagrams', 'Datagrams that no sender of etherconn has sent'],
];
/** Metrics of a fleet. */
const FLEET_COUNTERS: typeof COUNTERS = [
  ['leases', 'leases', 'Leases acquired'],
  ['renewed', 'renewed_leases', 'Leases renewed'],
  ['rebound', 'rebound_leases', 'Leases renewed by another server, or by broadcast'],
  ['expired', 'expired_leases', 'Leases that ended'],
  ['retries', 'retries', 'Messages sent again'],
  ['nak', 'naks', 'Refusals'],
  ['failed', 'failed_attempts', 'Attempts to get a lease that failed'],
];
/** Most parts of a scenario with a label of their own. The others share one that is not a valid name of a part. */
const PARTS_MAX = 100;
const OTHERS = '(others)';
const QUANTILES = [0.5, 0.9, 0.99, 0.999];

/**
 * Serves the run at /metrics in Prometheus' text format. The labels are the command, the interface, and for a scenario the
 * part. Counts of no part, like frames that the interface has dropped, have no part label, so that a sum is the whole.
 */
export class PrometheusView implements View {
  readonly #address: MetricsAddress;
  readonly #registry = new Registry();
  readonly #counters = new Map<string, Counter>();
  readonly #lost = new Gauge({
    name: 'etherconn_lost_packets',
    help: 'Packets that were sent and have not been received; decreases when they arrive late',
    labelNames: ['part'],
    registers: [this.#registry],
  });
  readonly #latency = new Gauge({
    name: 'etherconn_latency_seconds',
    help: 'Latency of the packets of the last second, by percentile',
    labelNames: ['percentile', 'part'],
    registers: [this.#registry],
  });
  readonly #onListen: (port: number) => void;
  #server: Server | undefined;
  #bound: Gauge | undefined;
  /** Labels of parts, by their names. */
  readonly #labels = new Map<string, string>();

  constructor(address: MetricsAddress, onListen: (port: number) => void) {
    this.#address = address;
    this.#onListen = onListen;
    this.#count(COUNTERS);
  }

  #count(counters: typeof COUNTERS): void {
    for (const [counter, name, help] of counters) {
      const registers = [this.#registry];
      const metric = new Counter({ name: `etherconn_${name}_total`, help, labelNames: ['part'], registers });
      metric.inc(0);
      this.#counters.set(counter, metric);
    }
  }

  async begin(info: RunInfo): Promise<void> {
    if (info.clients !== undefined) {
      this.#count(FLEET_COUNTERS);
      this.#bound = new Gauge({
        name: 'etherconn_bound_leases',
        help: 'Leases held now',
        labelNames: ['part'],
        registers: [this.#registry],
      });
    }
    this.#registry.setDefaultLabels({ command: info.command, interface: info.interface });
    const server = createServer((request, response) => {
      if (request.url !== '/metrics') {
        response.writeHead(404).end('the metrics are at /metrics\n');
        return;
      }
      this.#registry.metrics().then(
        (text) => response.writeHead(200, { 'content-type': this.#registry.contentType }).end(text),
        (error: Error) => response.writeHead(500).end(error.message),
      );
    });
    this.#server = server;
    const { host, port } = this.#address;
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => {
        const why =
          error.code === 'EADDRINUSE'
            ? 'is in use; choose another port'
            : `cannot be opened: ${error.message}`;
        reject(new ScenarioError('--metrics', `${host}:${port} ${why}`));
      });
      server.listen(port, host, resolve);
    });
    // The server does not keep the command alive.
    server.unref();
    this.#onListen((server.address() as { port: number }).port);
  }

  second(second: Second, total: Delta): void {
    const parts = this.#partsOf(second);
    for (const [counter, metric] of this.#counters) {
      let rest = second.delta.get(counter);
      for (const [part, own] of parts) {
        metric.inc({ part }, own.get(counter));
        rest -= own.get(counter);
      }
      metric.inc(rest);
    }
    for (const [part, own] of parts) this.#setLatency({ part }, own);
    if (this.#labels.size > 0) {
      this.#setSums(total);
      return;
    }
    this.#setLatency({}, second.delta);
    this.#bound?.set(total.get('bound'));
    this.#lost.set(lostIn(total));
  }

  /** The counts of a second, by the label of the part. */
  #partsOf(second: Second): Map<string, Delta> {
    const parts = new Map<string, Delta>();
    for (const name of partsIn(second)) {
      const label = this.#labels.get(name) ?? (this.#labels.size < PARTS_MAX ? name : OTHERS);
      this.#labels.set(name, label);
      const own = parts.get(label) ?? new Delta();
      own.merge(second.delta.part(name));
      parts.set(label, own);
    }
    return parts;
  }

  /** The current state of each part. */
  #setSums(total: Delta): void {
    const sums = new Map<string, { lost: number; bound: number }>();
    for (const [name, label] of this.#labels) {
      const sum = sums.get(label) ?? { lost: 0, bound: 0 };
      sum.lost += lostIn(total, `${name}/`);
      sum.bound += total.get(`${name}/bound`);
      sums.set(label, sum);
    }
    for (const [part, { lost, bound }] of sums) {
      this.#lost.set({ part }, lost);
      this.#bound?.set({ part }, bound);
    }
  }

  #setLatency(labels: { readonly part?: string }, { histograms }: Delta): void {
    const latency = histograms.get('latency');
    if (latency === undefined || latency.count === 0) return;
    for (const quantile of QUANTILES)
      this.#latency.set({ ...labels, percentile: `${100 * quantile}` }, latency.quantile(quantile) / 1e6);
  }

  close(): void {
    this.#server?.close();
    this.#server?.closeAllConnections();
  }
}

function lostIn(total: Delta, prefix = ''): number {
  return Math.max(0, total.get(`${prefix}expected`) - total.get(`${prefix}received`));
}
