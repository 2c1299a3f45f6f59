import { closeSync, openSync, writeSync } from 'node:fs';
import { MAX_ETHERNET_LENGTH } from '../capture/packet.ts';
import { PcapngWriter } from '../capture/pcapng-writer.ts';
import { OptionError } from '../errors.ts';
import type { FrameSink } from '../link/middleware/frame-sink.ts';
import { checkInteger, checkKnown, checkOneOf, show } from '../options.ts';
import { nextTick } from '../real-time.ts';
import { Relay } from './relay.ts';

/** Options of {@link captureTo}. */
export interface CaptureToOptions {
  /** Frames received, frames sent, or 'both' (the default). */
  direction?: 'in' | 'out' | 'both';
  /** Most bytes kept of a frame. Default and most: 262144. */
  snapLength?: number;
}

/** Bytes that gather before they are written; at the end of a tick they are in any case. */
const BUFFER_LENGTH = 65_536;

/**
 * Writes what passes a relay's interface to a pcapng file for Wireshark, from now on: frames received and sent, with
 * their direction, their receive queue and times in nanoseconds (see FrameSink). Frames between two conns of the relay
 * (`hairpin`) do not pass the interface. The file is complete when the relay is closed, or the capture.
 *
 * A relay that is captured receives nothing but what it would without. The file is written synchronously, at the end
 * of each tick with frames: it loses none, and a slow disk holds the program up.
 *
 * Throws an OptionError, a RelayStoppedError, or Node's error (ENOENT, EACCES …) when the file cannot be opened. When it
 * cannot be written later (ENOSPC), the capture ends with a warning and keeps the error; the relay goes on.
 */
export function captureTo(relay: Relay, path: string | URL, options: CaptureToOptions = {}): RelayCapture {
  if (!(relay instanceof Relay)) throw new OptionError('relay', `must be a Relay, got ${show(relay)}`);
  if (typeof path !== 'string' && !(path instanceof URL)) {
    throw new OptionError('path', `must be a string or a URL, got ${show(path)}`);
  }
  checkKnown(options, ['direction', 'snapLength']);
  const direction = checkOneOf('direction', options.direction, ['in', 'out', 'both'], 'both');
  const snapLength = checkInteger(
    'snapLength',
    options.snapLength,
    1,
    MAX_ETHERNET_LENGTH,
    MAX_ETHERNET_LENGTH,
  );
  relay.checkOpen('captureTo');
  return new RelayCapture(relay, path, direction, snapLength);
}

/** A capture under way; see {@link captureTo}. */
export class RelayCapture implements AsyncDisposable {
  /** Frames captured. */
  frames = 0;
  /** What has ended the capture before its time; null while nothing has. */
  error: Error | null = null;
  /** @internal */
  readonly frame: FrameSink;
  readonly #relay: Relay;
  readonly #buffer: Uint8Array = new Uint8Array(BUFFER_LENGTH);
  #length = 0;
  #file: number;
  #writing = false;

  /** @internal */
  constructor(relay: Relay, path: string | URL, direction: 'in' | 'out' | 'both', snapLength: number) {
    this.#relay = relay;
    this.#file = openSync(path, 'w');
    const writer = new PcapngWriter((bytes) => this.#put(bytes), { application: 'etherconn' });
    writer.addInterface({ name: relay.interfaceName(), snapLength });
    this.frame = (u8, offset, length, way, _timestamp, queue, timestamp) => {
      if (direction !== 'both' && direction !== way) return;
      this.frames++;
      const data = u8.subarray(offset, offset + length);
      writer.write(
        way === 'in' ? { timestamp, data, direction: way, queue } : { timestamp, data, direction: way },
      );
    };
    relay.addTap(this);
  }

  get closed(): boolean {
    return this.#file < 0;
  }

  /** Ends the capture: the file is complete when this returns. The relay goes on. */
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
