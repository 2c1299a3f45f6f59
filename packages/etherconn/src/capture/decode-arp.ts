import {
  ARP_SENDER_IP,
  ARP_SENDER_MAC,
  ARP_TARGET_IP,
  ARP_TARGET_MAC,
  arpOperation,
  isArpIpv4,
} from '../wire/arp.ts';
import { formatIp } from '../wire/ip.ts';
import { formatMac } from '../wire/mac.ts';
import type { FrameRecord } from '../wire/record.ts';

/** Fields of a whole ARP packet for Ethernet and IPv4. */
export interface DecodedArp {
  /** 1 request, 2 reply. */
  'arp.opcode'?: number;
  'arp.src.hw_mac'?: string;
  'arp.src.proto_ipv4'?: string;
  'arp.dst.hw_mac'?: string;
  'arp.dst.proto_ipv4'?: string;
}

export function addArp(decoded: DecodedArp, u8: Uint8Array, record: FrameRecord): void {
  if (!isArpIpv4(u8, record)) return;
  const { l3 } = record;
  decoded['arp.opcode'] = arpOperation(u8, l3);
  decoded['arp.src.hw_mac'] = formatMac(u8, l3 + ARP_SENDER_MAC);
  decoded['arp.src.proto_ipv4'] = formatIp(u8, l3 + ARP_SENDER_IP, 4);
  decoded['arp.dst.hw_mac'] = formatMac(u8, l3 + ARP_TARGET_MAC);
  decoded['arp.dst.proto_ipv4'] = formatIp(u8, l3 + ARP_TARGET_IP, 4);
}
