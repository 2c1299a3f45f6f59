import type { MemoryRelay } from '../relay/memory-relay.ts';
import { parsePacket } from '../wire/parse.ts';
import { FrameRecord } from '../wire/record.ts';
import { tcpAcknowledgment, tcpFlags, tcpSequence, tcpWindow } from '../wire/tcp.ts';
import { parseTcpOptions, TcpOptions } from '../wire/tcp-options.ts';
import { FrameTap } from './frame-tap.ts';
import { hex } from './frames.ts';
import type { HostNetwork } from './hosts.ts';
import { type TcpFrame, tcpFrame } from './tcp-frames.ts';

/** A segment that a host has sent. */
export interface SeenSegment {
  readonly flags: number;
  readonly sequence: number;
  readonly acknowledgment: number;
  readonly window: number;
  readonly length: number;
  readonly options: TcpOptions;
}

/** Milliseconds after which it looks what the host asks. */
const STEP = 500;

const record = new FrameRecord();

/** The other end of a connection, worked by hand: 10.0.0.1, beside host number 2 of a network. */
export class TcpPeer {
  readonly #net: HostNetwork;
  readonly #relay: MemoryRelay;
  readonly #tap: FrameTap;
  readonly #seen: string[] = [];
  /** Of this end, and of the host's. */
  port = 80;
  hostPort = 5000;

  private constructor(net: HostNetwork) {
    this.#net = net;
    this.#relay = net.relay();
    this.#tap = new FrameTap(this.#relay, '020000000002');
  }

  /** Lets the host know where it is, by a question. */
  static async open(net: HostNetwork): Promise<TcpPeer> {
    const peer = new TcpPeer(net);
    const ends = '020000000001 0a000001 000000000000 0a000002';
    peer.#relay.trySendFrame(hex(`ffffffffffff 020000000001 0806 0001 0800 06 04 0001 ${ends}`));
    await net.settle();
    peer.#tap.take();
    return peer;
  }

  /** Sends a segment; returns what the host has sent since the last time. */
  async send(fields: Partial<TcpFrame> & { flags: number }): Promise<SeenSegment[]> {
    this.post(fields);
    await this.#net.settle();
    await this.#answer();
    return this.take();
  }

  /** Sends a segment, which comes together with those that are sent before anything is waited for. */
  post(fields: Partial<TcpFrame> & { flags: number }): void {
    const frame = tcpFrame({
      ...{ sourceMac: '02:00:00:00:00:01', destinationMac: '02:00:00:00:00:02' },
      ...{
        source: '10.0.0.1',
        destination: '10.0.0.2',
        sourcePort: this.port,
        destinationPort: this.hostPort,
      },
      window: 0xffff,
      ...fields,
      sequence: (fields.sequence ?? 0) >>> 0,
      acknowledgment: (fields.acknowledgment ?? 0) >>> 0,
    });
    this.#relay.trySendFrame(frame);
  }

  /** Lets time pass, in milliseconds; returns what the host has sent meanwhile. */
  async wait(ms: number): Promise<SeenSegment[]> {
    for (let left = ms; left >= 0; left -= STEP) {
      await this.#net.advance(Math.min(left, STEP));
      await this.#answer();
    }
    return this.take();
  }

  /** Answers the host's questions for its address. */
  async #answer(): Promise<void> {
    const asks = `0806 0001 0800 06 04 0001`.replaceAll(' ', '');
    const seen = this.#tap.take();
    this.#seen.push(...seen.filter((frame) => frame.startsWith('0800', 24)));
    if (!seen.some((frame) => frame.startsWith(asks, 24))) return;
    const ends = '020000000001 0a000001 020000000002 0a000002';
    this.#relay.trySendFrame(hex(`020000000002 020000000001 0806 0001 0800 06 04 0002 ${ends}`));
    await this.#net.settle();
    await this.#answer();
  }

  /** What the host has sent since the last time. */
  take(): SeenSegment[] {
    return this.#seen.splice(0).map((text) => {
      const frame = hex(text);
      parsePacket(frame, 14, frame.length - 14, record);
      const options = new TcpOptions();
      parseTcpOptions(frame, record.l4, options);
      return {
        flags: tcpFlags(frame, record.l4),
        sequence: tcpSequence(frame, record.l4) | 0,
        acknowledgment: tcpAcknowledgment(frame, record.l4) | 0,
        window: tcpWindow(frame, record.l4),
        length: record.payloadEnd - record.payload,
        options,
      };
    });
  }
}
