import { emitIcmpv4, fillIcmpv4Checksum } from '../../wire/icmpv4.ts';
import { emitIcmpv6, fillIcmpv6Checksum } from '../../wire/icmpv6.ts';
import { emitIpv4, IPV4_HEADER_LENGTH } from '../../wire/ipv4.ts';
import { emitIpv6, IPV6_DESTINATION, IPV6_HEADER_LENGTH, IPV6_SOURCE } from '../../wire/ipv6.ts';
import { IpProtocol } from '../../wire/protocol.ts';
import type { Path } from '../ip/path.ts';

/** Length of the header: type, code, checksum, and four bytes that depend on the type. */
export const ICMP_HEADER_LENGTH = 8;

/** What an answer copies from its question, or a port wants. Defaults: 64, 0, none, false. */
export interface IcmpPacketOptions {
  readonly ttl?: number;
  /** Type of service, or IPv6 traffic class. */
  readonly tos?: number;
  /** IPv4 options, padded. */
  readonly options?: Uint8Array;
  /** Of IPv4. */
  readonly dontFragment?: boolean;
}

/** Builds a whole IP packet with an ICMP message of `u8[start, end)`, checksums included. */
export function icmpPacket(
  path: Path,
  source: Uint8Array,
  type: number,
  code: number,
  rest: number,
  u8: Uint8Array,
  start: number,
  end: number,
  { ttl = 64, tos = 0, options = new Uint8Array(0), dontFragment = false }: IcmpPacketOptions = {},
): Uint8Array {
  const { destination } = path;
  const isV4 = destination.length === 4;
  const length = ICMP_HEADER_LENGTH + end - start;
  const ipLength = isV4 ? IPV4_HEADER_LENGTH + options.length : IPV6_HEADER_LENGTH;
  const packet = new Uint8Array(ipLength + length);
  const fields = { source, destination, payloadLength: length };
  const at = isV4
    ? emitIpv4(packet, 0, { ...fields, protocol: IpProtocol.ICMP, ttl, tos, options, dontFragment })
    : emitIpv6(packet, 0, { ...fields, nextHeader: IpProtocol.ICMPV6, hopLimit: ttl, trafficClass: tos });
  packet.set(u8.subarray(start, end), at + ICMP_HEADER_LENGTH);
  if (isV4) {
    emitIcmpv4(packet, at, { type, code, rest });
    fillIcmpv4Checksum(packet, at, packet.length);
  } else {
    emitIcmpv6(packet, at, { type, code, rest });
    fillIcmpv6Checksum(packet, at, packet.length, IPV6_SOURCE, IPV6_DESTINATION);
  }
  return packet;
}
