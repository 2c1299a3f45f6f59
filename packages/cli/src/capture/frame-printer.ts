import { LinkType } from 'etherconn/capture';
import type { FrameMemory } from 'etherconn/link';
import type { LineOutput } from '../line-output.ts';
import { frameLine } from './frame-line.ts';
import type { FrameOutput } from './frame-output.ts';

/** Prints a line for each frame. What comes while the reader of the lines is behind is counted as lost. */
export class FramePrinter implements FrameOutput {
  frames = 0;
  lost = 0;
  error: Error | null = null;
  onError: () => void = () => {};
  readonly #output: LineOutput;
  readonly #interfaceName: string;
  #isBehind = false;

  constructor(output: LineOutput, interfaceName: string) {
    this.#output = output;
    this.#interfaceName = interfaceName;
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
    if (this.#isBehind) {
      this.lost++;
      return;
    }
    this.frames++;
    const packet = {
      timestamp: BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds),
      data: memory.u8.subarray(offset, offset + captured),
      originalLength: original,
      interfaceId: 0,
      interfaceName: this.#interfaceName,
      linkType: LinkType.ETHERNET,
      direction: outgoing ? 'out' : 'in',
    } as const;
    const full = this.#output.line(frameLine(packet, this.frames));
    if (this.#output.closed) this.#stop(new ReaderGone());
    if (full === undefined) return;
    this.#isBehind = true;
    full.then(
      () => {
        this.#isBehind = false;
      },
      (error: Error) => this.#stop(error),
    );
  }

  look(): void {
    if (this.#output.closed) this.#stop(new ReaderGone());
  }

  async end(): Promise<void> {
    await this.#output.flush();
  }

  #stop(error: Error): void {
    this.error = error;
    this.onError();
  }
}

/** Who read the lines has left (`| head`): the end that he wanted. */
export class ReaderGone extends Error {}
