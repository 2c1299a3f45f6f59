import { fstatSync, statSync } from 'node:fs';
import { OptionError } from '../../errors.ts';
import type { Addon } from '../../native/addon.ts';
import type { NativeBpf } from '../../native/bpf.ts';
import { during, withAdvice } from '../../native/system-error.ts';
import { explainRefusal, privilegeFacts } from './privileges.ts';

/** How one thread hands its steering program to another, and what a program is known by. */

const EBADF = 9;

/** What names a program that is there already: the map of its sockets, by descriptor or by path. */
export interface ProgramSource {
  /** Stays the giver's, like all descriptors here, and must be open until {@link SteeringProgram.share} returns. */
  readonly xskMapFd?: number | undefined;
  /** Where the map is pinned in a BPF file system. */
  readonly xskMapPath?: string | undefined;
  /** The rest of a program of ours. Without it, somebody else steers. */
  readonly steering?: SteeringFds | undefined;
}

/** A steering program that can be posted to another thread of this process. */
export interface SharedProgram extends ProgramSource {
  readonly xskMapFd: number;
  /**
   * The kernel's ids of the objects behind the descriptors, in the order of the properties. Descriptor numbers are
   * reused after a relay was closed; ids are not.
   */
  readonly ids: readonly number[];
  /** Undefined if the program is foreign or not attached. */
  readonly place: ProgramPlace | undefined;
}

/** Which interface a program is on. */
export interface ProgramPlace {
  readonly interfaceIndex: number;
  /** Inode of its network namespace (proc_ns). */
  readonly namespace: number;
}

/** File descriptors. */
export interface SteeringFds {
  readonly endpointsFd: number;
  readonly servicesFd: number;
  readonly settingsFd: number;
  readonly countersFd: number;
  readonly programFd: number;
  /** -1 when not attached. */
  readonly linkFd: number;
}

/** Where the program of a link on an interface is. Negative: the calling thread's namespace. */
export function programPlace(interfaceIndex: number, namespaceFd: number): ProgramPlace {
  const { ino } = during('finding out the network namespace', () =>
    namespaceFd < 0 ? statSync('/proc/thread-self/ns/net') : fstatSync(namespaceFd),
  );
  return { interfaceIndex, namespace: ino };
}

/** Which option names a source. */
export function optionOf(source: ProgramSource): string {
  if (source.xskMapPath !== undefined) return 'xskMapPath';
  return 'ids' in source ? 'program' : 'xskMapFd';
}

/** Throws an OptionError or a SystemError. */
export function openXskMap(addon: Addon, source: ProgramSource): NativeBpf {
  const { xskMapFd, xskMapPath } = source;
  if (xskMapPath !== undefined) {
    const advise = (code: string): string | undefined => {
      if (code === 'ENOENT') return 'nothing is pinned there';
      if (code === 'EPERM') return explainRefusal(privilegeFacts());
      return undefined;
    };
    return withAdvice(`opening xskMapPath '${xskMapPath}'`, advise, () => addon.bpfOpen(xskMapPath));
  }
  return adoptFd(addon, xskMapFd ?? -1, optionOf(source));
}

/** Throws an OptionError for what is no open descriptor. */
export function adoptFd(addon: Addon, fd: number, option: string): NativeBpf {
  try {
    return addon.bpfAdopt(fd);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).errno !== -EBADF) throw error;
    const what =
      option === 'program' ? 'is of a relay that has been closed' : 'must be an open file descriptor';
    throw new OptionError(option, `${what}, got ${fd}`);
  }
}
