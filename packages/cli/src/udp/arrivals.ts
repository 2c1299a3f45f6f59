import type { Batch } from 'etherconn';
import { type BatchListener, echo } from './endpoints.ts';
import { PAYLOAD_LENGTH, PayloadReader } from './payload.ts';
import type { UdpReceiver } from './receiver.ts';

/** Hands each packet to the receiver of its sender's run, or sends it back. Packets of no run go to the last receiver. */
export class Arrivals {
  /** Null sends the packet back. */
  readonly #byRun = new Map<number, UdpReceiver | null>();
  #last: UdpReceiver | null = null;

  /** Packets with this run number go to `receiver`; with null, back to their source. */
  set(run: number, receiver: UdpReceiver | null): void {
    this.#byRun.set(run, receiver);
    this.#last = receiver ?? this.#last;
  }

  /** A run is over: its late packets count as packets of no run. */
  delete(run: number): void {
    this.#byRun.delete(run);
  }

  readonly onBatch: BatchListener = (batch) => {
    if (this.#byRun.size > 1) this.#divide(batch);
    else if (this.#last === null) echo(batch);
    else this.#last.onBatch(batch);
  };

  #divide(batch: Batch): void {
    for (const receiver of this.#byRun.values()) receiver?.begin();
    while (batch.next()) {
      const at = batch.payloadOffset;
      const run = batch.payloadLength < PAYLOAD_LENGTH ? -1 : PayloadReader.run(batch.memory.view, at);
      const receiver = this.#byRun.get(run);
      if (receiver === null) batch.reply(batch.u8.subarray(at, at + batch.payloadLength));
      else (receiver ?? this.#last)?.packet(batch);
    }
  }
}
