import type { FrameRecord } from '../../wire/record.ts';
import { TcpFlag, tcpAcknowledgment, tcpFlags, tcpSequence, tcpWindow } from '../../wire/tcp.ts';
import { parseTcpOptions, TcpOptions } from '../../wire/tcp-options.ts';

/** A received segment. One object serves for segment after segment. */
export class Segment {
  sequence = 0;
  acknowledgment = 0;
  flags = 0;
  /** As in the header: not scaled. */
  window = 0;
  /** The data is `[payload, payloadEnd)`. */
  payload = 0;
  payloadEnd = 0;
  readonly options: TcpOptions = new TcpOptions();

  read(u8: Uint8Array, record: FrameRecord): void {
    const { l4 } = record;
    this.sequence = tcpSequence(u8, l4) | 0;
    this.acknowledgment = tcpAcknowledgment(u8, l4) | 0;
    this.flags = tcpFlags(u8, l4);
    this.window = tcpWindow(u8, l4);
    this.payload = record.payload;
    this.payloadEnd = record.payloadEnd;
    parseTcpOptions(u8, l4, this.options);
  }

  has(flag: number): boolean {
    return (this.flags & flag) !== 0;
  }

  /** Sequence numbers that it takes. */
  get length(): number {
    const syn = this.has(TcpFlag.SYN) ? 1 : 0;
    return this.payloadEnd - this.payload + syn + (this.has(TcpFlag.FIN) ? 1 : 0);
  }
}
