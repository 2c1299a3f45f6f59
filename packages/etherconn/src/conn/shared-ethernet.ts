import type { Clock } from '../clock.ts';
import type { CallOptions, DeadlineTime } from '../pending.ts';
import type { EthernetResponse } from '../relay/ethernet-response.ts';
import type { FrameReceiver } from '../relay/frame-receiver.ts';
import type { MacAddress } from '../relay/l2-endpoint.ts';
import type { UdpEntry } from '../relay/udp-entries.ts';
import type { UdpEntryOptions } from '../relay/udp-front.ts';
import type { L4HashKey } from './l4-hash-key.ts';
import type { UdpLower } from './udp-endpoint.ts';

/** A claim on a transport endpoint of a SharedEthernetConn. */
export interface L4Registration {
  readonly key: L4HashKey;
  /**
   * Sets a callback for every frame for the key. Each response is a copy that the program may keep. null removes
   * it.
   */
  receive(callback: ((response: EthernetResponse) => void) | null): void;
  /** Releases the key. */
  close(): void;
}

/**
 * A connection that many other conns share. {@link SharedEtherConn} is one. A SharedRUDPConn also works over any
 * other implementation.
 */
export interface SharedEthernetConn {
  /** Longest IP packet in bytes. Default 1500. */
  readonly mtu?: number;
  /** The clock for deadlines. Default the system clock. */
  readonly clock?: Clock;
  /** Claims a transport endpoint. Throws InUseError if it has an owner. */
  register(key: L4HashKey): L4Registration;
  unregister(key: L4HashKey): void;
  /** Sends a complete IP packet to `destMac`. Resolves with its number of bytes. */
  writeIPPktTo(packet: Uint8Array, destMac: MacAddress, options?: CallOptions): Promise<number>;
  setWriteDeadline(time: DeadlineTime): void;
}

/** What a SharedRUDPConn stands on. */
export interface SharedLower extends UdpLower {
  /** Claims a key. Throws InUseError when somebody has it. */
  claim(key: L4HashKey, receiver: FrameReceiver): void;
  /** Frees a key if `receiver` has it. */
  release(key: L4HashKey, receiver: FrameReceiver): void;
  openUdp(address: Uint8Array, port: number, options: UdpEntryOptions): UdpEntry | null;
}

/** Whether a SharedEthernetConn is one of ours, over which conns need no copies: a SharedEtherConn or a Host. */
export function isSharedLower(conn: SharedEthernetConn): conn is SharedEthernetConn & SharedLower {
  const methods = conn as Partial<SharedLower> | null | undefined;
  return typeof methods?.claim === 'function' && typeof methods.release === 'function';
}
