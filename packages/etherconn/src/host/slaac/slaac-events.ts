import type { AddressState } from '../ip/addresses.ts';
import type { RouterAdvertisement } from './router-advertisement.ts';

/** An address derived from an advertised prefix. */
export interface SlaacAddress {
  /** Canonical text. */
  readonly address: string;
  readonly prefixLength: number;
  readonly state: AddressState;
  /** End of its use for new conversations, and for all; milliseconds since the Unix epoch, or Infinity. */
  readonly preferredUntil: number;
  readonly validUntil: number;
}

/** Events of SLAAC, with the arguments of their listeners. */
export interface SlaacEvents {
  /** An address (text) is in use. */
  address: [string];
  /** An address is no longer used for new conversations. */
  deprecated: [string];
  /** An address is no longer in use, because its lifetime has ended. */
  removed: [string];
  /** Another machine has an address, so it is not used. */
  duplicate: [string];
  /** A router has sent an advertisement, possibly without news. */
  advertisement: [RouterAdvertisement];
}

/** Cumulative counters. */
export interface SlaacStats {
  /** Router solicitations sent. */
  solicitations: number;
  /** Valid router advertisements received. */
  advertisements: number;
  /** Prefixes in them that were unusable or invalid; ignored. */
  prefixesIgnored: number;
}
