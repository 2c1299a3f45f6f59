import { printArp } from './arp.ts';
import { printEthernet } from './ethernet.ts';
import { EtherType } from './ethertype.ts';
import { I_TAG_LENGTH, isITag, printITag } from './i-tag.ts';
import { printIcmpv4 } from './icmpv4.ts';
import { printIcmpv6 } from './icmpv6.ts';
import { printIpv4 } from './ipv4.ts';
import { printIpv6 } from './ipv6.ts';
import { isNd, printNd } from './nd.ts';
import { parseFrame, parsePacket } from './parse.ts';
import { parseErrorText } from './parse-error.ts';
import { IpProtocol } from './protocol.ts';
import { Fragment, FrameRecord } from './record.ts';
import { printSctp } from './sctp.ts';
import { printTcp } from './tcp.ts';
import { printUdp } from './udp.ts';

/**
 * The frame `[start, start + length)` as one line for people: addresses, tags, then layer by layer, with faults in
 * brackets. The format is not stable; do not parse it.
 */
export function printFrame(u8: Uint8Array, start = 0, length: number = u8.length - start): string {
  const record = new FrameRecord();
  parseFrame(u8, start, length, record);
  const layers = [printEthernet(u8, record)];
  if (isITag(record)) {
    const inner = record.l3 + I_TAG_LENGTH;
    layers.push(printITag(u8, record.l3), printFrame(u8, inner, record.end - inner));
  }
  if (record.etherType === EtherType.ARP) layers.push(printArp(u8, record));
  return finish(layers, u8, record);
}

/** Same as {@link printFrame} for an IP packet without a link header. */
export function printPacket(u8: Uint8Array, start = 0, length: number = u8.length - start): string {
  const record = new FrameRecord();
  parsePacket(u8, start, length, record);
  return finish(record.ipVersion === 0 ? [`length ${length}`] : [], u8, record);
}

function finish(layers: string[], u8: Uint8Array, record: FrameRecord): string {
  if (record.ipVersion !== 0) layers.push(...printIp(u8, record));
  const text = layers.join(': ');
  return record.error === 0 ? text : `${text} [${parseErrorText(record.error)}]`;
}

function printIp(u8: Uint8Array, record: FrameRecord): string[] {
  const network = record.ipVersion === 4 ? printIpv4(u8, record) : printIpv6(u8, record);
  if (record.l4 === 0 || record.fragment === Fragment.LATER) return [network];
  switch (record.protocol) {
    case IpProtocol.UDP:
      return [network, printUdp(u8, record)];
    case IpProtocol.TCP:
      return [network, printTcp(u8, record)];
    case IpProtocol.SCTP:
      return [network, printSctp(u8, record)];
    case IpProtocol.ICMP:
      return record.ipVersion === 4 ? [network, printIcmpv4(u8, record)] : [network];
    case IpProtocol.ICMPV6:
      if (record.ipVersion !== 6) return [network];
      return [network, isNd(u8, record) ? printNd(u8, record) : printIcmpv6(u8, record)];
    default:
      return [network];
  }
}
