import { checkBoolean, checkInteger, checkKnown, checkOneOf, requireBytes } from '../../options.ts';
import { checkNamespacePath } from './options.ts';

/** Options of {@link openPacketTap}. */
export interface PacketTapOptions {
  /**
   * Path of the network namespace of the interface, like `/run/netns/lab` or `/proc/1234/ns/net`. Needs
   * CAP_SYS_ADMIN, also in the user namespace that owns it. Default the namespace of the calling thread.
   */
  netns?: string;
  /** Receives frames for all MAC addresses, see PacketLinkOptions. Default true. */
  promiscuous?: boolean;
  /** Frames that the interface receives, frames that this machine sends on it, or 'both' (the default). */
  direction?: 'in' | 'out' | 'both';
  /**
   * A program of classic BPF (struct sock_filter after struct sock_filter) that the kernel runs for each frame: it returns
   * how many bytes are wanted, 0 for none. The kernel has taken the outer VLAN tag out of most frames before. Default: all
   * of every frame.
   */
  filter?: Uint8Array;
  /** Number of the longest frames that the ring holds, 64 to 1,048,576. Default as many as fit into 32 MiB. */
  receiveRing?: number;
}

/** The options, checked and with their defaults. */
export interface CheckedPacketTapOptions {
  readonly netns: string | undefined;
  readonly promiscuous: boolean;
  readonly direction: 'in' | 'out' | 'both';
  readonly filter: Uint8Array | undefined;
  readonly receiveRing: number | undefined;
}

/** struct sock_filter. */
const INSTRUCTION = 8;
/** BPF_MAXINSNS. */
const MAX_INSTRUCTIONS = 4096;

/** Throws an OptionError for the first option that is wrong. */
export function checkPacketTapOptions(options: PacketTapOptions): CheckedPacketTapOptions {
  checkKnown(options, ['netns', 'promiscuous', 'direction', 'filter', 'receiveRing']);
  const { filter, receiveRing } = options;
  if (filter !== undefined) requireBytes('filter', filter, INSTRUCTION, INSTRUCTION * MAX_INSTRUCTIONS);
  return {
    netns: checkNamespacePath(options.netns),
    promiscuous: checkBoolean('promiscuous', options.promiscuous, true),
    direction: checkOneOf('direction', options.direction, ['in', 'out', 'both'], 'both'),
    filter,
    receiveRing:
      receiveRing === undefined ? undefined : checkInteger('receiveRing', receiveRing, 64, 1 << 20, 64),
  };
}
