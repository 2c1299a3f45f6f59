import { createServer, type Server } from 'node:http';
import { Counter, Gauge, Registry } from 'prom-client';
import type { Delta, Second } from '../metrics/delta.ts';
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
/** Of a fleet. */
const FLEET_COUNTERS: typeof COUNTERS = [
  ['leases', 'leases', 'Leases acquired'],
  ['renewed', 'renewed_leases', 'Leases renewed'],
  ['rebound', 'rebound_leases', 'Leases renewed by another server, or by broadcast'],
  ['expired', 'expired_leases', 'Leases that ended'],
  ['retries', 'retries', 'Messages sent again'],
  ['nak', 'naks', 'Refusals'],
  ['failed', 'failed_attempts', 'Attempts to get a lease that failed'],
];
const QUANTILES = [0.5, 0.9, 0.99, 0.999];

/** Serves the run at /metrics in Prometheus' text format. The labels are the command and the interface. */
export class PrometheusView implements View {
  readonly #address: MetricsAddress;
  readonly #registry = new Registry();
  readonly #counters = new Map<string, Counter>();
  readonly #lost = new Gauge({
    name: 'etherconn_lost_packets',
    help: 'Packets that are known to have been sent and have not been received; falls when they come after all',
    registers: [this.#registry],
  });
  readonly #latency = new Gauge({
    name: 'etherconn_latency_seconds',
    help: 'Latency of the packets of the last second: that part of them took at most so long',
    labelNames: ['percentile'],
    registers: [this.#registry],
  });
  readonly #onListen: (port: number) => void;
  #server: Server | undefined;
  #bound: Gauge | undefined;

  constructor(address: MetricsAddress, onListen: (port: number) => void) {
    this.#address = address;
    this.#onListen = onListen;
    this.#count(COUNTERS);
  }

  #count(counters: typeof COUNTERS): void {
    for (const [counter, name, help] of counters) {
      const metric = new Counter({ name: `etherconn_${name}_total`, help, registers: [this.#registry] });
      this.#counters.set(counter, metric);
    }
  }

  async begin(info: RunInfo): Promise<void> {
    if (info.clients !== undefined) {
      this.#count(FLEET_COUNTERS);
      this.#bound = new Gauge({
        name: 'etherconn_bound_leases',
        help: 'Leases that are held now',
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
    // What serves does not keep the command alive.
    server.unref();
    this.#onListen((server.address() as { port: number }).port);
  }

  second({ delta }: Second, total: Delta): void {
    for (const [counter, metric] of this.#counters) metric.inc(delta.get(counter));
    this.#bound?.set(total.get('bound'));
    this.#lost.set(Math.max(0, total.get('expected') - total.get('received')));
    const latency = delta.histograms.get('latency');
    if (latency === undefined || latency.count === 0) return;
    for (const quantile of QUANTILES)
      this.#latency.set({ percentile: `${100 * quantile}` }, latency.quantile(quantile) / 1e6);
  }

  close(): void {
    this.#server?.close();
    this.#server?.closeAllConnections();
  }
}
