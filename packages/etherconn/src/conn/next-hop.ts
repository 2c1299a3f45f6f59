import type { MacAddress } from '../relay/l2-endpoint.ts';
import { BROADCAST } from '../wire/mac.ts';

/** The broadcast MAC address, ff:ff:ff:ff:ff:ff. */
export const BroadCastMAC: Uint8Array = Uint8Array.from(BROADCAST);

/**
 * Gives the MAC address of the next hop towards an IP address (canonical text). It may answer later, with a
 * promise; `trySend…` then returns 0 until it is there. Throwing, rejecting or a null fails the write.
 */
export type NextHopResolver = (address: string) => MacAddress | null | Promise<MacAddress | null>;

/** The default, as in the Go package: every packet goes to the broadcast address. */
export const resolveNextHopMACWithBroadcast: NextHopResolver = () => BroadCastMAC;
