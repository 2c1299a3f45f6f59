import { fillChecksum, pseudoSum } from '../wire/checksum.ts';
import { IPV4_SOURCE, ipv4FinalDestination } from '../wire/ipv4.ts';
import { IPV6_DESTINATION, IPV6_SOURCE, ipv6FinalDestination, ipv6PseudoSource } from '../wire/ipv6.ts';
import { IpProtocol } from '../wire/protocol.ts';
import { FrameRecord } from '../wire/record.ts';
import type { Place } from './definition.ts';

/** The part of transport checksums that is of the IP header before: by the layer, whatever its version field says. */

/** Fills the checksum `field` bytes into the header over `[place.at, end)` with a pseudo-header of `length`. */
export function fillWithPseudoHeader(
  u8: Uint8Array,
  place: Place,
  field: number,
  protocol: number,
  end: number = place.end,
  length: number = end - place.at,
): void {
  const initial = pseudoHeader(u8, place, protocol, length);
  fillChecksum(u8, place.at + field, place.at, end, initial, protocol === IpProtocol.UDP);
}

/** 0 without an IP header. */
function pseudoHeader(u8: Uint8Array, place: Place, protocol: number, length: number): number {
  let ip = place.previous;
  while (ip !== undefined && ip.layer.layer !== 'ipv4' && ip.layer.layer !== 'ipv6') ip = ip.previous;
  if (ip === undefined) return 0;
  const { at, end } = ip;
  if (ip.layer.layer === 'ipv4')
    return pseudoSum(u8, 4, at + IPV4_SOURCE, ipv4FinalDestination(u8, at), protocol, length);
  const record = new FrameRecord();
  record.ipVersion = 6;
  record.l3 = at;
  record.l3End = end;
  record.ipSource = at + IPV6_SOURCE;
  record.ipDestination = at + IPV6_DESTINATION;
  return pseudoSum(u8, 6, ipv6PseudoSource(u8, record), ipv6FinalDestination(u8, record), protocol, length);
}
