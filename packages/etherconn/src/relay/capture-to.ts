import { closeSync, openSync, writeSync } from 'node:fs';
import { MAX_ETHERNET_LENGTH } from '../capture/packet.ts';
import { PcapngWriter } from '../capture/pcapng-writer.ts';
import { OptionError } from '../errors.ts';
import type { FrameSink } from '../link/middleware/frame-sink.ts';
import { checkInteger, checkKnown, checkOneOf, requireFunction, show } from '../options.ts';
import { nextTick } from '../real-time.ts';
import { Relay } from './relay.ts';

/** Options of {@link captureTo}. */
export interface CaptureToOptions {
  /** Frames received, frames sent, or 'both' (the default). */
  direction?: 'in' | 'out' | 'both';
  /** Maximum number of bytes kept of a frame. The default, and upper limit, is 262144. */
  snapLength?: number;
  /**
   * Called for each captured frame, at `[offset, offset + length)` of `u8`, which is valid only during the call. What it
   * returns is the comment of the packet in the file; undefined for none. It must not throw.
   */
  comment?: (u8: Uint8Array, offset: number, length: number, direction: 'in' | 'out') => string | undefined;
}

/** Bytes that gather before they are written; at the end of a tick they are in any case. */
const BUFFER_LENGTH = 65_536;

/**
 * Writes all frames that pass a relay's interface from now on to a pcapng file for Wireshark: received and sent
 * frames, with their direction, receive queue and time in nanoseconds (see FrameSink). Frames between two conns of
 * the relay (`hairpin`) do not pass the interface. The file is complete when the relay or the capture is closed.
 *
 * A capture does not change which frames the relay receives. The file is written synchronously, at the end of each
 * tick with frames. No frame is lost, but a slow disk delays the program.
 *
 * Throws an OptionError, a RelayStoppedError, or Node's error (ENOENT, EACCES …) if the file cannot be opened. If a
 * later write fails (ENOSPC), the capture ends with a warning and keeps the error. The relay continues.
 */
export function captureTo(relay: Relay, path: string | URL, options: CaptureToOptions = {}): RelayCapture {
  if (!(relay instanceof Relay)) throw new OptionError('relay', `must be a Relay, got ${show(relay)}`);
  if (typeof path !== 'string' && !(path instanceof URL)) {
    throw new OptionError('path', `must be a string or a URL, got ${show(path)}`);
  }
  checkKnown(options, ['direction', 'snapLength', 'comment']);
  const { comment } = options;
  if (comment !== undefined) requireFunction('comment', comment);
  const direction = checkOneOf('direction', options.direction, ['in', 'out', 'both'], 'both');
  const snapLength = checkInteger(
    'snapLength',
    options.snapLength,
    1,
    MAX_ETHERNET_LENGTH,
    MAX_ETHERNET_LENGTH,
  );
  relay.checkOpen('captureTo');
  return RelayCapture.of(relay, path, direction, snapLength, comment);
}

/** An active capture; see {@link captureTo}. */
export class RelayCapture implements AsyncDisposable {
  /** Frames captured. */
  frames = 0;
  /** The error that has ended the capture, or null. */
  error: Error | null = null;
  /** @internal */
  readonly frame: FrameSink;
  readonly #relay: Relay;
  readonly #buffer: Uint8Array = new Uint8Array(BUFFER_LENGTH);
  #length = 0;
  #file: number;
  #writing = false;

  /** @internal */
  static of(
    relay: Relay,
    path: string | URL,
    direction: 'in' | 'out' | 'both',
    snapLength: number,
    comment: CaptureToOptions['comment'],
  ): RelayCapture {
    return new RelayCapture(relay, path, direction, snapLength, comment);
  }

  private constructor(
    relay: Relay,
    path: string | URL,
    direction: 'in' | 'out' | 'both',
    snapLength: number,
    comment: CaptureToOptions['comment'],
  ) {
    this.#relay = relay;
    this.#file = openSync(path, 'w');
    const writer = new PcapngWriter((bytes) => this.#put(bytes), { application: 'etherconn' });
    writer.addInterface({ name: relay.interfaceName(), snapLength });
    this.frame = (u8, offset, length, way, _timestamp, queue, timestamp) => {
      if (direction !== 'both' && direction !== way) return;
      this.frames++;
      const data = u8.subarray(offset, offset + length);
      const text = comment?.(u8, offset, length, way);
      writer.write({
        timestamp,
        data,
        direction: way,
        ...(way === 'in' ? { queue } : {}),
        ...(text === undefined ? {} : { comment: text }),
      });
    };
    relay.addTap(this);
  }

  get closed(): boolean {
    return this.#file < 0;
  }

  /** Ends the capture. The file is complete when this returns. The relay continues. */
  close(): Promise<void> {
    this.#relay.removeTap(this);
    this.#write();
    this.#close();
    return Promise.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** @internal */
  relayStopped(): void {
    void this.close();
  }

  #put(bytes: Uint8Array): void {
    if (this.#length + bytes.length > BUFFER_LENGTH) this.#write();
    if (bytes.length > BUFFER_LENGTH) {
      this.#writeAll(bytes);
      return;
    }
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
    if (this.#writing) return;
    this.#writing = true;
    nextTick(() => {
      this.#writing = false;
      this.#write();
    });
  }

  #write(): void {
    const length = this.#length;
    this.#length = 0;
    if (length > 0) this.#writeAll(this.#buffer.subarray(0, length));
  }

  #writeAll(bytes: Uint8Array): void {
    try {
      for (let at = 0; at < bytes.length && this.#file >= 0; ) at += writeSync(this.#file, bytes, at);
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  #fail(error: Error): void {
    this.error = error;
    this.#relay.removeTap(this);
    this.#close();
    process.emitWarning(error);
  }

  #close(): void {
    if (this.#file < 0) return;
    const file = this.#file;
    this.#file = -1;
    try {
      closeSync(file);
    } catch (error) {
      // Network file systems say here what they could not write.
      if (this.error === null) this.#fail(error as Error);
    }
  }
}
