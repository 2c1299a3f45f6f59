import type { Clock } from '../clock.ts';
import type { CallOptions, DeadlineTime } from '../pending.ts';
import type { EthernetResponse } from '../relay/ethernet-response.ts';
import type { FrameReceiver } from '../relay/frame-receiver.ts';
import type { MacAddress } from '../relay/l2-endpoint.ts';
import type { UdpEntry, UdpEntryOptions } from '../relay/udp-front.ts';
import type { L4HashKey } from './l4-hash-key.ts';
import type { UdpLower } from './udp-endpoint.ts';

/** Hold on a transport endpoint of a SharedEthernetConn. */
export interface L4Registration {
  readonly key: L4HashKey;
  /** Called with every frame for the key; each response is a copy that may be kept. null to stop. */
  receive(callback: ((response: EthernetResponse) => void) | null): void;
  /** Gives the key back. */
  close(): void;
}

/**
 * A connection over which many others may be open at once. {@link SharedEtherConn} is one; a SharedRUDPConn works over
 * any other, too.
 */
export interface SharedEthernetConn {
  /** Longest IP packet, in bytes; 1500 when it does not say. */
  readonly mtu?: number;
  /** What deadlines go by; the machine's time when it does not say. */
  readonly clock?: Clock;
  /** Claims a transport endpoint. Throws InUseError when somebody has it. */
  register(key: L4HashKey): L4Registration;
  unregister(key: L4HashKey): void;
  /** Sends a whole IP packet to `destMac`; resolves with its bytes. */
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
