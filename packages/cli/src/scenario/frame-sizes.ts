import { ScenarioError } from './scenario-error.ts';

/** Sizes of frames in bytes, FCS included, in the order in which they are sent, again and again. */
export interface FrameSizes {
  readonly sizes: readonly number[];
  readonly text: string;
  readonly mean: number;
  readonly smallest: number;
  readonly largest: number;
}

/** The simple Internet mix: 7 of 64 bytes, 4 of 594, 1 of 1518, spread out. */
const IMIX = '64,594,64,64,594,64,1518,64,594,64,64,594';
const MIX_MAX = 4096;

/** Parses '64', '64,512,1518', '64:7,594:4,1518:1' (so many of each) or 'imix'. Sizes may be 64 to 9018. */
export function parseFrameSizes(option: string, text: string): FrameSizes {
  const sizes: number[] = [];
  for (const part of (text === 'imix' ? IMIX : text).split(',')) {
    const match = /^(\d{1,5})(?::(\d{1,4}))?$/.exec(part);
    const size = Number(match?.[1]);
    const times = Number(match?.[2] ?? 1);
    if (!(size >= 64 && size <= 9018 && times >= 1)) {
      throw new ScenarioError(
        option,
        `must be a frame size from 64 to 9018 bytes (with FCS), several like 64,512,1518 or 64:7,594:4, or imix, got '${text}'`,
      );
    }
    for (let i = 0; i < times; i++) sizes.push(size);
    if (sizes.length > MIX_MAX) throw new ScenarioError(option, `must have at most ${MIX_MAX} frames`);
  }
  return {
    sizes,
    text,
    mean: sizes.reduce((sum, size) => sum + size, 0) / sizes.length,
    smallest: Math.min(...sizes),
    largest: Math.max(...sizes),
  };
}
