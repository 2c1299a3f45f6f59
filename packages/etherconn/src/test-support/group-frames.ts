import { emitEthernet } from '../wire/ethernet.ts';
import { EtherType } from '../wire/ethertype.ts';
import { fillIcmpv6Checksum } from '../wire/icmpv6.ts';
import { emitIpv4 } from '../wire/ipv4.ts';
import { emitIpv6, emitIpv6Extension } from '../wire/ipv6.ts';
import { IpProtocol } from '../wire/protocol.ts';

const MACS = { destination: Uint8Array.of(1, 0, 0x5e, 0, 0, 1), source: Uint8Array.of(2, 0, 0, 0, 0, 9) };

/** A whole IP packet in a frame. */
export function framed(packet: Uint8Array): Uint8Array {
  const frame = new Uint8Array(14 + packet.length);
  emitEthernet(frame, 0, { ...MACS, etherType: packet[0] >> 4 === 4 ? EtherType.IPV4 : EtherType.IPV6 });
  frame.set(packet, 14);
  return frame;
}

/** A frame with an IGMP message that `emit` writes and says the end of, from 10.0.0.9 to 224.0.0.1. */
export function igmpFrame(emit: (u8: Uint8Array, offset: number) => number): Uint8Array {
  const packet = new Uint8Array(1500);
  const end = emit(packet, 24);
  emitIpv4(packet, 0, {
    source: Uint8Array.of(10, 0, 0, 9),
    destination: Uint8Array.of(224, 0, 0, 1),
    protocol: IpProtocol.IGMP,
    payloadLength: end - 24,
    ttl: 1,
    options: Uint8Array.of(0x94, 4, 0, 0),
  });
  return framed(packet.slice(0, end));
}

/** A frame with an MLD message that `emit` writes and says the end of, from fe80::9 to ff02::1. */
export function mldFrame(
  emit: (u8: Uint8Array, offset: number) => number,
  hopLimit = 1,
  source: Uint8Array = Uint8Array.of(0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9),
): Uint8Array {
  const packet = new Uint8Array(1500);
  const end = emit(packet, 48);
  emitIpv6(packet, 0, {
    source,
    destination: Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1),
    nextHeader: IpProtocol.HOP_BY_HOP,
    payloadLength: end - 40,
    hopLimit,
  });
  emitIpv6Extension(packet, 40, IpProtocol.ICMPV6, Uint8Array.of(5, 2, 0, 0, 1, 0));
  fillIcmpv6Checksum(packet, 48, end, 8, 24);
  return framed(packet.slice(0, end));
}
