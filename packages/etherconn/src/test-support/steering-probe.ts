import type { SteeringProgram } from '../link/xdp/program.ts';
import { loadAddon } from '../native/addon.ts';

/** Verdicts of an XDP program (enum xdp_action), by number. */
const ACTIONS = ['aborted', 'drop', 'pass', 'tx', 'redirect'] as const;

/** Where a frame seems to come from. */
export interface TestRunOptions {
  /** The interface, with XDP enabled natively, whose queue the frame seems to come from. Default: loopback's only one. */
  readonly interfaceIndex?: number;
  /** Default 0. */
  readonly queue?: number;
  /** The interface's network namespace; negative (default): the calling thread's. */
  readonly namespaceFd?: number;
}

/**
 * The verdict of a steering program on a frame of at least 14 bytes, without receiving or moving it. The program counts
 * the frame.
 */
export function verdictOf(
  { objects }: SteeringProgram,
  frame: Uint8Array,
  { interfaceIndex = 0, queue = 0, namespaceFd = -1 }: TestRunOptions = {},
): (typeof ACTIONS)[number] {
  if (objects.program === undefined) throw new Error('verdictOf: somebody else steers');
  return ACTIONS[loadAddon().bpfTestRun(objects.program, frame, interfaceIndex, queue, namespaceFd)];
}

/** Pins the map of sockets at `path` in a BPF file system, for the `xskMapPath` of others. */
export function pinSockets({ objects }: SteeringProgram, path: string): void {
  loadAddon().bpfPin(objects.xsks, path);
}
