import type { AttachedProgram } from '../kernel/interface-netlink.ts';
import type { AttachMode } from './attach-error.ts';

/** The program that gives a link its frames, as the kernel shows it on the interface. */
export interface ProgramView {
  /** Where our program sits, also one that another link has attached; 'foreign' when it is none of ours. */
  readonly attached: AttachMode | 'foreign';
  /** Where whatever program gives us frames sits; undefined when the kernel does not tell. */
  readonly mode: AttachMode | undefined;
  /** Its number, as bpftool knows it; undefined when there is none, or several that may be it. */
  readonly id: number | undefined;
}

/**
 * Finds it among the `programs` of the interface. `ours` is the number of our program, undefined with somebody else's
 * map of sockets; `attached` is how this link has attached it, undefined when it did not.
 */
export function viewProgram(
  programs: readonly AttachedProgram[],
  ours: number | undefined,
  attached: AttachMode | undefined,
): ProgramView {
  // A map does not tell which programs use it. But sockets take frames of their own interface only, so that it is one
  // of those on it, and never one that a network card runs by itself.
  const possible = programs.filter(({ id, mode }) => (ours ? id === ours : mode !== 'offloaded'));
  const seen = possible.length === 1 ? possible[0] : undefined;
  const known = seen?.mode === 'native' || seen?.mode === 'generic' ? seen.mode : undefined;
  const mode = attached ?? known;
  return {
    attached: ours === undefined ? 'foreign' : (mode ?? 'foreign'),
    mode,
    id: seen?.id,
  };
}
