import { readI32 } from '../../wire/bytes.ts';
import type { FrameRecord } from '../../wire/record.ts';
import { TCP_ACKNOWLEDGMENT, TCP_SEQUENCE, TcpFlag, tcpFlags, tcpWindow } from '../../wire/tcp.ts';
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
    this.sequence = readI32(u8, l4 + TCP_SEQUENCE);
    this.acknowledgment = readI32(u8, l4 + TCP_ACKNOWLEDGMENT);
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
