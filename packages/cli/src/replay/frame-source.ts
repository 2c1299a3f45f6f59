import {
  CaptureError,
  type CapturePacket,
  isRawIp,
  LinkType,
  readCapture,
  readCaptureFile,
} from 'etherconn/capture';
import type { Pace } from './pace.ts';
import type { Rewriter } from './rewrite.ts';

/** Why a frame of the capture is not sent. */
export type SkipReason =
  | 'truncated in the capture'
  | 'no Ethernet frame'
  | 'longer than the interface takes'
  | 'not selected';

export interface FrameSourceOptions {
  /** '-' for standard input. */
  readonly file: string;
  readonly rewriter: Rewriter;
  readonly pace: Pace;
  /** Passes through the capture. */
  readonly loops: number;
  /** Frames at most. */
  readonly count: number;
  /** An Ethernet header for IP packets of captures that have none; undefined when its addresses are not given. */
  readonly ethernet?: Uint8Array | undefined;
  /** Whether a frame is to be sent. */
  readonly select?: ((frame: Uint8Array) => boolean) | undefined;
}

/** Frames and bytes that are read ahead: reading does not wait for the clock, nor sending for the disk. */
const AHEAD_FRAMES = 8192;
const AHEAD_BYTES = 8 * 2 ** 20;
const ETHERNET = 14;

/** A frame that is to be sent. */
export interface DueFrame {
  readonly data: Uint8Array;
  /** Milliseconds from the start. */
  readonly due: number;
}

/** The frames of a capture, rewritten and with the times at which they are due; read while they are sent. */
export class FrameSource {
  /** Frames of the capture that were read, and passes that were begun. */
  read = 0;
  passes = 0;
  readonly skipped: Map<SkipReason, number> = new Map();
  /** The capture is read to its end, or as far as can be. */
  ended = false;
  /** Why it cannot be read to its end. */
  damage: string | null = null;
  readonly #options: FrameSourceOptions;
  /** Frames that wait, from `#head` on. */
  #frames: DueFrame[] = [];
  #head = 0;
  #bytes = 0;
  #taken = 0;
  #closed = false;
  #wanted: () => void = () => {};
  #failure: unknown = null;
  #begun: Promise<void> | null = null;

  constructor(options: FrameSourceOptions) {
    this.#options = options;
  }

  /** Begins to read; resolves when there is a frame, or none to come. Rejects when the file cannot be read at all. */
  async begin(): Promise<void> {
    let ready = (): void => {};
    const first = new Promise<void>((resolve) => {
      ready = resolve;
    });
    this.#begun = this.#readAll(ready).finally(ready);
    await first;
    if (this.#failure !== null) throw this.#failure;
  }

  /** The next frame; undefined when there is none now. */
  peek(): DueFrame | undefined {
    return this.#frames[this.#head];
  }

  shift(): void {
    this.#bytes -= this.#frames[this.#head].data.length;
    this.#head++;
    if (this.#head * 2 >= this.#frames.length) {
      this.#frames = this.#frames.slice(this.#head);
      this.#head = 0;
    }
    if (this.#frames.length - this.#head < AHEAD_FRAMES / 2 && this.#bytes < AHEAD_BYTES / 2) this.#wanted();
  }

  skip(reason: SkipReason): void {
    this.skipped.set(reason, (this.skipped.get(reason) ?? 0) + 1);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#wanted();
    // Whoever writes to us may write nothing any more.
    if (this.#options.file === '-') process.stdin.destroy();
    await this.#begun;
  }

  async #readAll(ready: () => void): Promise<void> {
    const { file, loops, pace, count } = this.#options;
    try {
      while (this.passes < loops && this.#taken < count && !this.#closed) {
        if (this.passes++ > 0) pace.nextPass();
        const before = this.#taken;
        for await (const packet of file === '-' ? readCapture(process.stdin) : readCaptureFile(file)) {
          this.read++;
          this.#take(packet);
          if (this.#taken === 1) ready();
          if (this.#taken >= count || this.#closed) break;
          if (this.#frames.length - this.#head >= AHEAD_FRAMES || this.#bytes >= AHEAD_BYTES) {
            await new Promise<void>((resolve) => {
              this.#wanted = resolve;
            });
            if (this.#closed) break;
          }
        }
        // A pass that gives nothing will not give anything the next time.
        if (this.#taken === before) break;
      }
    } catch (error) {
      this.#fail(error as Error);
    }
    this.ended = true;
  }

  #fail(error: Error): void {
    if (this.#closed) return;
    const { file } = this.#options;
    const name = file === '-' ? 'standard input' : file;
    const isOpen = this.read > 0;
    if (error instanceof CaptureError && isOpen) this.damage = `${name}: ${error.message}`;
    else {
      if (!(error instanceof CaptureError) && !('code' in error)) throw error;
      error.message = `${name}: ${error instanceof CaptureError ? '' : 'cannot be read: '}${error.message}`;
      this.#failure = error;
      if (isOpen) this.damage = error.message;
    }
  }

  #take(packet: CapturePacket): void {
    const { rewriter, pace, select } = this.#options;
    if (packet.data.length < packet.originalLength) {
      this.skip('truncated in the capture');
      return;
    }
    const frame = this.#ethernetOf(packet);
    if (frame === undefined) {
      this.skip('no Ethernet frame');
      return;
    }
    if (select !== undefined && !select(frame)) {
      this.skip('not selected');
      return;
    }
    const data = rewriter.apply(frame);
    this.#frames.push({ data, due: pace.due(data.length, packet.timestamp) });
    this.#bytes += data.length;
    this.#taken++;
  }

  #ethernetOf({ linkType, data }: CapturePacket): Uint8Array | undefined {
    if (linkType === LinkType.ETHERNET) return data.length >= ETHERNET ? data : undefined;
    const { ethernet } = this.#options;
    const version = data.length === 0 ? 0 : data[0] >> 4;
    if (ethernet === undefined || !isRawIp(linkType) || (version !== 4 && version !== 6)) return undefined;
    const frame = new Uint8Array(ETHERNET + data.length);
    frame.set(ethernet);
    frame.set(version === 4 ? [0x08, 0x00] : [0x86, 0xdd], ETHERNET - 2);
    frame.set(data, ETHERNET);
    return frame;
  }
}
