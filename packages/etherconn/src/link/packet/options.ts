import { OptionError } from '../../errors.ts';
import { checkBoolean, checkInteger, checkKnown, checkOneOf, show } from '../../options.ts';
import { DEFAULT_MODERATION, MAX_MODERATION } from '../kernel/polling.ts';

/** Options of {@link openPacketLink}. */
export interface PacketLinkOptions {
  /**
   * Path of the network namespace of the interface, like `/run/netns/lab` or `/proc/1234/ns/net`. Needs
   * CAP_SYS_ADMIN, also in the user namespace that owns it. Default the namespace of the calling thread.
   */
  netns?: string;
  /**
   * 'latency' (default) receives every frame at once (TPACKET_V2). 'throughput' receives more frames per second,
   * each up to a millisecond later (TPACKET_V3).
   */
  receive?: 'latency' | 'throughput';
  /**
   * Microseconds that frames may wait while traffic is dense (25 frames in that time, and over 100,000 a second)
   * and is not answered. A timer then wakes the link instead of each frame. 0 to 1000; 0 disables it. Default 100.
   */
  moderation?: number;
  /** Number of frames in the receive ring, 64 to 1,048,576. Default 4096, or fewer if they would exceed 32 MiB. */
  receiveRing?: number;
  /**
   * Maximum number of frames that wait to be sent, 16 to 65,536. Default 1024, or fewer if they would exceed 16
   * MiB.
   */
  sendRing?: number;
  /**
   * Receives frames for all MAC addresses. Default true. If false, the hardware of the interface passes only frames
   * for the machine itself; software interfaces still pass everything.
   */
  promiscuous?: boolean;
}

/** The options, checked and with their defaults; sizes are undefined where the default depends on the MTU. */
export interface CheckedPacketLinkOptions {
  readonly netns: string | undefined;
  readonly receive: 'latency' | 'throughput';
  readonly moderation: number;
  readonly receiveRing: number | undefined;
  readonly sendRing: number | undefined;
  readonly promiscuous: boolean;
}

const NAMES = ['netns', 'receive', 'moderation', 'receiveRing', 'sendRing', 'promiscuous'] as const;

/** Throws an OptionError for the first option that is wrong. */
export function checkPacketLinkOptions(options: PacketLinkOptions): CheckedPacketLinkOptions {
  checkKnown(options, NAMES);
  return {
    netns: checkNamespacePath(options.netns),
    receive: checkOneOf('receive', options.receive, ['latency', 'throughput'], 'latency'),
    moderation: checkInteger('moderation', options.moderation, 0, MAX_MODERATION, DEFAULT_MODERATION),
    receiveRing: checkSize('receiveRing', options.receiveRing, 64, 1 << 20),
    sendRing: checkSize('sendRing', options.sendRing, 16, 1 << 16),
    promiscuous: checkBoolean('promiscuous', options.promiscuous, true),
  };
}

function checkSize(name: string, value: unknown, min: number, max: number): number | undefined {
  return value === undefined ? undefined : checkInteger(name, value, min, max, min);
}

/** Throws an OptionError unless it may be a path, or nothing. */
export function checkNamespacePath(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'string' && value !== '' && !value.includes('\0')) return value;
  throw new OptionError('netns', `must be the path of a network namespace, got ${show(value)}`);
}
