import type { MacAddress } from '../relay/l2-endpoint.ts';
import { BROADCAST } from '../wire/mac.ts';

/** The broadcast MAC address, ff:ff:ff:ff:ff:ff. */
export const BroadCastMAC: Uint8Array = Uint8Array.from(BROADCAST);

/**
 * Returns the MAC address of the next hop for an IP address (canonical text), or a promise of it; until that
 * resolves, `trySend…` returns 0. An exception, a rejection or null fails the write.
 */
export type NextHopResolver = (address: string) => MacAddress | null | Promise<MacAddress | null>;

/** The default, as in the Go package: every packet goes to the broadcast address. */
export const resolveNextHopMACWithBroadcast: NextHopResolver = () => BroadCastMAC;
