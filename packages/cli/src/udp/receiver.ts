import type { Batch, Clock } from 'etherconn';
import { formatIp, formatVlanKey } from 'etherconn/wire';
import type { Delta } from '../metrics/delta.ts';
import { FlowTable, type FlowTotals } from '../metrics/flow-table.ts';
import { LatencyHistogram } from '../metrics/latency-histogram.ts';
import type { Client } from '../runner/client.ts';
import { Kind, microsecondsBetween, PAYLOAD_LENGTH, PayloadReader, timeField } from './payload.ts';

/** Bytes of the frame check sequence, which frame sizes count and links do not. */
const FCS = 4;

/**
 * Measures the datagrams of `udp send` that arrive, for any number of sockets: `onBatch` is the callback of all of them.
 * Latency runs from the scheduled time of the packet to the wake-up that delivers it.
 */
export class UdpReceiver implements Client {
  readonly isPatient = true;
  readonly flows: FlowTable;
  /** The flow of each row. */
  readonly names: string[] = [];
  readonly #clock: Clock;
  readonly #epoch: number;
  readonly #latency = new LatencyHistogram();
  /** Time field of this batch, and the times of the first and the last packet by the clock. */
  #now = 0;
  #firstAt = -1;
  #lastAt = 0;
  #foreign = 0;
  #negative = 0;
  #told: FlowTotals & { foreign: number; negative: number };

  /** @param epoch wall time at time 0 of the clock, milliseconds */
  constructor(clock: Clock, epoch: number, flowLimit?: number) {
    this.#clock = clock;
    this.#epoch = epoch;
    this.flows = new FlowTable(flowLimit);
    this.#told = { ...this.flows.totals, foreign: 0, negative: 0 };
  }

  readonly onBatch: (batch: Batch) => void = (batch) => {
    this.begin();
    while (batch.next()) this.packet(batch);
  };

  /** Milliseconds from the first packet to the last one. */
  get span(): number {
    return this.#firstAt < 0 ? 0 : this.#lastAt - this.#firstAt;
  }

  /** A batch begins: all its packets arrive now. */
  begin(): void {
    const now = this.#clock.now();
    this.#now = timeField(this.#epoch + now);
    this.#lastAt = now;
    if (this.#firstAt < 0) this.#firstAt = now;
  }

  /** The packet at the cursor. */
  packet(batch: Batch): void {
    const { flows } = this;
    const { view } = batch.memory;
    const at = batch.payloadOffset;
    const kind = batch.payloadLength < PAYLOAD_LENGTH ? 0 : PayloadReader.kind(view, at);
    if (kind === Kind.DATA) {
      // 32-bit integers: other numbers would allocate an object for each packet.
      const latency = Math.round(microsecondsBetween(PayloadReader.time(view, at), this.#now)) | 0;
      const run = PayloadReader.run(view, at);
      const flow = PayloadReader.flow(view, at);
      const bytes = batch.frameLength + FCS;
      if (flows.packet(run, flow, PayloadReader.sequence(view, at), bytes, latency)) {
        if (latency < 0) this.#negative++;
        this.#latency.record(latency < 0 ? 0 : latency);
      }
      if (flows.size > this.names.length) this.names.push(nameOf(batch));
    } else if (kind === Kind.END) {
      flows.announce(
        PayloadReader.run(view, at),
        PayloadReader.flow(view, at),
        PayloadReader.sequence(view, at),
      );
      if (flows.size > this.names.length) this.names.push(nameOf(batch));
    } else this.#foreign++;
  }

  start(): number {
    return Number.POSITIVE_INFINITY;
  }

  tick(): number {
    return Number.POSITIVE_INFINITY;
  }

  counters(into: Delta): void {
    const { totals } = this.flows;
    const now = { ...totals, foreign: this.#foreign, negative: this.#negative };
    const told = this.#told;
    into.add('received', now.received - told.received);
    into.add('receivedBytes', now.bytes - told.bytes);
    into.add('expected', now.expected - told.expected);
    into.add('duplicates', now.duplicates - told.duplicates);
    into.add('reordered', now.reordered - told.reordered);
    into.add('late', now.late - told.late);
    into.add('overLimit', now.overLimit - told.overLimit);
    into.add('foreign', now.foreign - told.foreign);
    into.add('negativeLatency', now.negative - told.negative);
    into.histogram('latency').merge(this.#latency);
    this.#latency.clear();
    this.#told = now;
  }

  stop(): void {}
}

function nameOf(batch: Batch): string {
  const { u8, ipVersion } = batch;
  const source = formatIp(u8, batch.remoteAddressOffset, ipVersion);
  const destination = formatIp(u8, batch.localAddressOffset, ipVersion);
  const vlan = batch.vlanCount === 0 ? '' : ` vlan ${formatVlanKey(batch.vlanKey)}`;
  return `${source}:${batch.remotePort} > ${destination}:${batch.localPort}${vlan}`;
}
