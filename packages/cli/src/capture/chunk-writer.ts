import { writev } from 'node:fs';
import { FrameBlocks } from './frame-blocks.ts';
import type { Target } from './targets.ts';

const CHUNK = 1 << 20;
const CHUNKS = 16;
/** Milliseconds until a pipe that has no room is tried again. */
const RETRY = 2;

type Step = FrameBlocks | 'next file';

/** Writes filled chunks to files in the order they came, beside the event loop. The chunks are used again and again. */
export class ChunkWriter {
  /** Bytes that have been handed over. */
  bytes = 0;
  files = 1;
  error: Error | null = null;
  /** Called when {@link error} is set. */
  onError: () => void = () => {};
  readonly #target: Target;
  readonly #free: FrameBlocks[] = Array.from({ length: CHUNKS }, () => new FrameBlocks(CHUNK));
  readonly #steps: Step[] = [];
  #file: number;
  #busy = false;
  #idle: () => void = () => {};

  /** Opens the first file. Throws Node's error. */
  constructor(target: Target) {
    this.#target = target;
    this.#file = target.open();
  }

  /** Empty chunks. */
  get free(): number {
    return this.#free.length;
  }

  /** An empty chunk to fill, unless all of them wait to be written. */
  take(): FrameBlocks | undefined {
    return this.#free.pop();
  }

  put(chunk: FrameBlocks): void {
    this.bytes += chunk.length;
    this.#step(chunk);
  }

  /** What is put from now on goes to the next file. */
  nextFile(): void {
    this.files++;
    this.#step('next file');
  }

  /** Resolves when all is written. */
  async idle(): Promise<void> {
    if (!this.#busy) return;
    await new Promise<void>((resolve) => {
      this.#idle = resolve;
    });
  }

  /** Resolves when all is written and the file closed. */
  async end(): Promise<void> {
    await this.idle();
    const file = this.#file;
    this.#file = -1;
    if (file < 0) return;
    try {
      this.#target.close(file);
    } catch (error) {
      // Network file systems say here what they could not write.
      this.#fail(error as Error);
    }
  }

  #step(step: Step): void {
    this.#steps.push(step);
    if (!this.#busy) this.#next();
  }

  #next(): void {
    this.#busy = true;
    const chunks: FrameBlocks[] = [];
    for (;;) {
      const [step] = this.#steps;
      if (step === undefined || (step === 'next file' && chunks.length > 0)) break;
      this.#steps.shift();
      if (step === 'next file') this.#turn();
      else if (this.error !== null) this.#giveBack(step);
      else chunks.push(step);
    }
    if (chunks.length > 0) this.#write(chunks, 0);
    else {
      this.#busy = false;
      this.#idle();
    }
  }

  #turn(): void {
    if (this.error !== null) return;
    try {
      const file = this.#file;
      this.#file = -1;
      this.#target.close(file);
      this.#file = this.#target.open();
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  /** `done` bytes of the chunks have been written. */
  #write(chunks: readonly FrameBlocks[], done: number): void {
    const views: Uint8Array[] = [];
    let skip = done;
    for (const { bytes, length } of chunks) {
      if (skip < length) views.push(bytes.subarray(skip, length));
      skip = Math.max(0, skip - length);
    }
    writev(this.#file, views, (error, written) => {
      if (error?.code === 'EAGAIN') {
        setTimeout(() => this.#write(chunks, done), RETRY);
        return;
      }
      const left = views.reduce((sum, { length }) => sum + length, 0) - (error === null ? written : 0);
      if (error === null && left > 0) {
        this.#write(chunks, done + written);
        return;
      }
      if (error !== null) this.#fail(error);
      for (const chunk of chunks) this.#giveBack(chunk);
      this.#next();
    });
  }

  #giveBack(chunk: FrameBlocks): void {
    chunk.length = 0;
    this.#free.push(chunk);
  }

  #fail(error: Error): void {
    if (this.error !== null) return;
    this.error = error;
    this.onError();
  }
}
