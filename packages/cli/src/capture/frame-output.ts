import type { FrameMemory } from 'etherconn/link';

/** Where captured frames go to. */
export interface FrameOutput {
  /** Frames that it was too slow for. */
  readonly lost: number;
  /** Why it takes no more frames. */
  readonly error: Error | null;
  /** Called when there is an error. */
  onError: () => void;
  /** Takes the `captured` first of `original` bytes, which the kernel saw at that time. */
  frame(
    memory: FrameMemory,
    offset: number,
    captured: number,
    original: number,
    seconds: number,
    nanoseconds: number,
    outgoing: boolean,
  ): void;
  /** Called once a second. */
  look(): void;
  /** Resolves when all is written. */
  end(): Promise<void>;
}
