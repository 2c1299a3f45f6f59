import type { AddressState } from '../ip/addresses.ts';
import type { RouterAdvertisement } from './router-advertisement.ts';

/** An address that was made of an advertised prefix. */
export interface SlaacAddress {
  /** Canonical text. */
  readonly address: string;
  readonly prefixLength: number;
  readonly state: AddressState;
  /** Until when it is for new conversations, and for any; milliseconds since the Unix epoch, or Infinity. */
  readonly preferredUntil: number;
  readonly validUntil: number;
}

export interface SlaacEvents {
  /** An address (text) is in use. */
  address: [string];
  /** An address is not for new conversations any more. */
  deprecated: [string];
  /** An address is not in use any more: its lifetime is over. */
  removed: [string];
  /** An address was somebody else's already, and is not used. */
  duplicate: [string];
  /** A router has told of something, perhaps nothing new. */
  advertisement: [RouterAdvertisement];
}

/** Cumulative counters. */
export interface SlaacStats {
  /** Router solicitations sent. */
  solicitations: number;
  /** Valid router advertisements received. */
  advertisements: number;
  /** Prefixes in them that no address could be made of, or that said what must not be; passed over. */
  prefixesIgnored: number;
}
