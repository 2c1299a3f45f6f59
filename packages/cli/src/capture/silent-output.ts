import type { FrameOutput } from './frame-output.ts';

/** Counts, and keeps nothing. */
export class SilentOutput implements FrameOutput {
  readonly lost = 0;
  readonly error: Error | null = null;
  onError: () => void = () => {};

  frame(): void {}

  look(): void {}

  async end(): Promise<void> {}
}
