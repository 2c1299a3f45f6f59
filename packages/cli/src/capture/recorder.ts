import { PcapngWriter } from 'etherconn/capture';
import type { FrameMemory } from 'etherconn/link';
import { ChunkWriter } from './chunk-writer.ts';
import { blockLength, type FrameBlocks } from './frame-blocks.ts';
import type { FrameOutput } from './frame-output.ts';
import type { Target } from './targets.ts';

/** Milliseconds that frames wait at most until they are handed to the file. */
const FLUSH = 50;
/** Room that is kept in each chunk for the statistics at the end of a file. */
const STATISTICS = 256;

export interface RecorderOptions {
  readonly target: Target;
  readonly interfaceName: string;
  readonly snapLength: number;
  readonly filter?: string | undefined;
  /** Bytes and milliseconds after which the next file begins. */
  readonly ringSize?: number | undefined;
  readonly ringTime?: number | undefined;
}

/** Counters of the interface at the end of a file. */
export interface InterfaceCounters {
  /** Frames that passed the filter. */
  readonly accepted: number;
  /** Frames that the kernel dropped, because this process was too slow. */
  readonly dropped: number;
}

/** Writes frames to a pcapng file, or to files one after the other. What the disk is too slow for is counted as lost. */
export class Recorder implements FrameOutput {
  frames = 0;
  lost = 0;
  readonly #writer: ChunkWriter;
  readonly #options: RecorderOptions;
  readonly #counters: () => InterfaceCounters;
  /** The beginning of each file. */
  readonly #header: Uint8Array;
  #chunk: FrameBlocks | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Bytes of the file, and when it began. */
  #fileBytes = 0;
  #fileStart = 0n;
  #fileDeadline = Number.POSITIVE_INFINITY;

  /** Throws Node's error when the file cannot be opened. */
  constructor(options: RecorderOptions, counters: () => InterfaceCounters) {
    this.#options = options;
    this.#counters = counters;
    this.#header = headerOf(options);
    this.#writer = new ChunkWriter(options.target);
    this.#begin();
    // A reader of a pipe is shown at once what will come.
    this.#flush();
  }

  /** Whether writing has failed, and how it is told. */
  get error(): Error | null {
    return this.#writer.error;
  }

  set onError(callback: () => void) {
    this.#writer.onError = callback;
  }

  get bytes(): number {
    return this.#writer.bytes + (this.#chunk?.length ?? 0);
  }

  get files(): number {
    return this.#writer.files;
  }

  frame(
    memory: FrameMemory,
    offset: number,
    captured: number,
    original: number,
    seconds: number,
    nanoseconds: number,
    outgoing: boolean,
  ): void {
    const length = blockLength(captured);
    const chunk = this.#room(length);
    if (chunk === undefined) {
      this.lost++;
      return;
    }
    chunk.frame(memory, offset, captured, original, seconds, nanoseconds, outgoing);
    this.frames++;
    this.#fileBytes += length;
    this.#timer ??= setTimeout(() => this.#due(), FLUSH);
    if (this.#fileBytes >= (this.#options.ringSize ?? Number.POSITIVE_INFINITY)) this.#turn();
  }

  /** Resolves when the file is complete. */
  async end(): Promise<void> {
    clearTimeout(this.#timer);
    if (this.#chunk === undefined && this.#writer.free === 0) await this.#writer.idle();
    this.#finish();
    this.#flush();
    await this.#writer.end();
  }

  /** To be called now and then: begins the next file when it is time. */
  look(): void {
    if (Date.now() >= this.#fileDeadline) this.#turn();
  }

  /** The chunk that has room for so much, if there is one. */
  #room(length: number): FrameBlocks | undefined {
    if (this.#chunk !== undefined && this.#chunk.room < length + STATISTICS) this.#flush();
    this.#chunk ??= this.#writer.take();
    return this.#chunk;
  }

  #due(): void {
    this.#timer = undefined;
    this.#flush();
  }

  #flush(): void {
    const chunk = this.#chunk;
    this.#chunk = undefined;
    if (chunk !== undefined) this.#writer.put(chunk);
  }

  #begin(): void {
    const { ringTime } = this.#options;
    this.#fileStart = BigInt(Date.now()) * 1_000_000n;
    if (ringTime !== undefined) this.#fileDeadline = Date.now() + ringTime;
    this.#fileBytes = this.#header.length;
    this.#room(this.#header.length)?.append(this.#header);
  }

  #turn(): void {
    // One for the end of the file and one for the beginning of the next: later, then.
    if (this.#writer.free < 2) return;
    this.#finish();
    this.#flush();
    this.#writer.nextFile();
    this.#begin();
  }

  #finish(): void {
    this.#room(0)?.append(this.#statistics());
  }

  #statistics(): Uint8Array {
    const { accepted, dropped } = this.#counters();
    const blocks: Uint8Array[] = [];
    const writer = new PcapngWriter((bytes) => blocks.push(bytes));
    writer.addInterface();
    blocks.length = 0;
    writer.writeStatistics({
      timestamp: BigInt(Date.now()) * 1_000_000n,
      startTime: this.#fileStart,
      endTime: BigInt(Date.now()) * 1_000_000n,
      filterAccepted: accepted,
      osDropped: dropped + this.lost,
      delivered: this.frames,
    });
    return blocks[0]!;
  }
}

function headerOf({ interfaceName, snapLength, filter }: RecorderOptions): Uint8Array {
  const blocks: Uint8Array[] = [];
  const writer = new PcapngWriter((bytes) => blocks.push(bytes), {
    application: 'etherconn',
    os: `${process.platform} ${process.arch}`,
  });
  writer.addInterface({
    name: interfaceName,
    snapLength,
    ...(filter === undefined || filter === '' ? {} : { filter }),
  });
  return new Uint8Array(Buffer.concat(blocks));
}
