import { MessageTooLongError, OptionError } from '../errors.ts';
import { show } from '../options.ts';
import { IPV4_HEADER_LENGTH, IPV4_LENGTH_MAX } from '../wire/ipv4.ts';
import { IPV6_HEADER_LENGTH } from '../wire/ipv6.ts';
import { UDP_HEADER_LENGTH, UDP_PAYLOAD_MAX } from '../wire/udp.ts';
import type { Vlan } from '../wire/vlan.ts';
import type { Carrier } from './carrier.ts';
import type { UdpEndpointAddress } from './udp-address.ts';
import type { Writer } from './writer.ts';

/** What peers and answers need to know of the endpoint that sends. */
export interface UdpSource {
  readonly carrier: Carrier;
  readonly writer: Writer;
  readonly macBytes: Uint8Array;
  readonly vlans: readonly Vlan[];
  readonly vlanKey: number;
  readonly local: UdpEndpointAddress;
  readonly ttl: number;
  readonly tos: number;
  readonly dontFragment: boolean;
  readonly checksum: boolean;
}

/**
 * Longest UDP payload in one packet behind an Ethernet header of `ethernetLength` bytes, whose first type field is
 * `type`.
 */
export function maxUdpPayload(carrier: Carrier, ethernetLength: number, type: number, isV4: boolean): number {
  const packet = carrier.mtuBehind(ethernetLength, type);
  // The length fields of IP and UDP have 16 bits; a loopback interface's MTU has more.
  if (isV4) return Math.min(packet, IPV4_LENGTH_MAX) - IPV4_HEADER_LENGTH - UDP_HEADER_LENGTH;
  return Math.min(packet - IPV6_HEADER_LENGTH - UDP_HEADER_LENGTH, UDP_PAYLOAD_MAX);
}

/** Throws when a payload is none, or too long. */
export function checkPayload(payload: Uint8Array, limit: number): void {
  if (!(payload instanceof Uint8Array))
    throw new OptionError('payload', `must be a Uint8Array, got ${show(payload)}`);
  if (payload.length > limit) throw new MessageTooLongError('send', payload.length, limit);
}
