import {
  Icmpv4Type,
  Icmpv4Unreachable,
  icmpv4Code,
  icmpv4EchoId,
  icmpv4EchoSequence,
  icmpv4Mtu,
  icmpv4Type,
} from '../wire/icmpv4.ts';
import {
  ICMPV6_REST,
  Icmpv6Type,
  icmpv6Code,
  icmpv6EchoId,
  icmpv6EchoSequence,
  icmpv6Rest,
  icmpv6Type,
} from '../wire/icmpv6.ts';
import type { FrameRecord } from '../wire/record.ts';
import { type DecodedChecksum, decodedChecksum } from './decode-checksum.ts';

/** Fields of ICMP messages whose header is wholly there. */
export interface DecodedIcmp {
  'icmp.type'?: number;
  'icmp.code'?: number;
  'icmp.checksum'?: Exclude<DecodedChecksum, 'absent'>;
  /** Of echo requests and replies. */
  'icmp.ident'?: number;
  'icmp.seq'?: number;
  /** Next hop's, of "fragmentation needed". */
  'icmp.mtu'?: number;
  'icmpv6.type'?: number;
  'icmpv6.code'?: number;
  'icmpv6.checksum'?: Exclude<DecodedChecksum, 'absent'>;
  'icmpv6.echo.identifier'?: number;
  'icmpv6.echo.sequence_number'?: number;
  /** Of "packet too big". */
  'icmpv6.mtu'?: number;
}

export function addIcmpv4(decoded: DecodedIcmp, u8: Uint8Array, record: FrameRecord): void {
  const { l4 } = record;
  const type = icmpv4Type(u8, l4);
  const code = icmpv4Code(u8, l4);
  decoded['icmp.type'] = type;
  decoded['icmp.code'] = code;
  decoded['icmp.checksum'] = decodedChecksum(u8, record);
  if (type === Icmpv4Type.ECHO_REQUEST || type === Icmpv4Type.ECHO_REPLY) {
    decoded['icmp.ident'] = icmpv4EchoId(u8, l4);
    decoded['icmp.seq'] = icmpv4EchoSequence(u8, l4);
  } else if (type === Icmpv4Type.DESTINATION_UNREACHABLE && code === Icmpv4Unreachable.FRAGMENTATION_NEEDED) {
    decoded['icmp.mtu'] = icmpv4Mtu(u8, l4);
  }
}

export function addIcmpv6(decoded: DecodedIcmp, u8: Uint8Array, record: FrameRecord): void {
  const { l4 } = record;
  const type = icmpv6Type(u8, l4);
  decoded['icmpv6.type'] = type;
  decoded['icmpv6.code'] = icmpv6Code(u8, l4);
  decoded['icmpv6.checksum'] = decodedChecksum(u8, record);
  // The header that is sure to be there has 4 bytes.
  if (record.l3End - l4 < ICMPV6_REST + 4) return;
  if (type === Icmpv6Type.ECHO_REQUEST || type === Icmpv6Type.ECHO_REPLY) {
    decoded['icmpv6.echo.identifier'] = icmpv6EchoId(u8, l4);
    decoded['icmpv6.echo.sequence_number'] = icmpv6EchoSequence(u8, l4);
  } else if (type === Icmpv6Type.PACKET_TOO_BIG) {
    decoded['icmpv6.mtu'] = icmpv6Rest(u8, l4);
  }
}
