import { OptionError } from '../errors.ts';
import { checkInteger, checkKnown, checkOneOf } from '../options.ts';
import { checkBytes, writeU16 } from './bytes.ts';
import { ETHERNET_MIN_LENGTH, emitEthernet, ethernetHeaderLength } from './ethernet.ts';
import { EtherType } from './ethertype.ts';
import { parseIp } from './ip.ts';
import { emitIpv4, IPV4_DESTINATION, IPV4_HEADER_LENGTH, IPV4_SOURCE } from './ipv4.ts';
import { emitIpv6, IPV6_DESTINATION, IPV6_HEADER_LENGTH, IPV6_SOURCE } from './ipv6.ts';
import { MAC_LENGTH, parseMac } from './mac.ts';
import { IpProtocol } from './protocol.ts';
import {
  emitUdp,
  fillUdpChecksum,
  partialUdpChecksum,
  UDP_CHECKSUM,
  UDP_HEADER_LENGTH,
  udpChecksum,
} from './udp.ts';
import { checkVlans, type Vlan } from './vlan.ts';

/** Whole frames in one call, for tests and small programs; not for the hot path. */

const encoder = new TextEncoder();

/** What a frame with a UDP datagram is built from. */
export interface UdpFrameOptions {
  /** Text or 6 bytes. */
  readonly sourceMac: string | Uint8Array;
  /** Text or 6 bytes. */
  readonly destinationMac: string | Uint8Array;
  /** Outermost first; default none. */
  readonly vlans?: readonly Vlan[];
  /** Source IP address: text, 4 or 16 bytes. */
  readonly source: string | Uint8Array;
  /** Destination IP address of the same version: text, 4 or 16 bytes. */
  readonly destination: string | Uint8Array;
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** Default none; text as UTF-8. */
  readonly payload?: Uint8Array | string;
  /** TTL or hop limit; default 64. */
  readonly ttl?: number;
  /** IPv4 identification; default 0. */
  readonly identification?: number;
  /**
   * The UDP checksum: computed (`'full'`, the default), none (`'zero'`), the pseudo-header's sum as with checksum
   * offload (`'partial'`), or one that is neither right nor one of these (`'bad'`).
   */
  readonly checksum?: 'full' | 'zero' | 'partial' | 'bad';
  /** Pads the frame with zeros to the shortest length on the wire, 60 bytes; default false. */
  readonly pad?: boolean;
}

const OPTION_NAMES = [
  'sourceMac',
  'destinationMac',
  'vlans',
  'source',
  'destination',
  'sourcePort',
  'destinationPort',
  'payload',
  'ttl',
  'identification',
  'checksum',
  'pad',
] as const;

/** A whole frame with a UDP datagram, a new array of exactly its length. Throws an OptionError for invalid options. */
export function buildUdpFrame(options: UdpFrameOptions): Uint8Array {
  checkKnown(options, OPTION_NAMES);
  const source = ipBytes('source', options.source);
  const destination = ipBytes('destination', options.destination);
  if (source.length !== destination.length) {
    throw new OptionError('destination', 'must be of the same IP version as source');
  }
  const payload = payloadBytes(options.payload);
  const vlans = checkVlans('vlans', options.vlans);
  const isIpv4 = source.length === 4;
  const ipOffset = ethernetHeaderLength(vlans.length);
  const udpOffset = ipOffset + (isIpv4 ? IPV4_HEADER_LENGTH : IPV6_HEADER_LENGTH);
  const length = udpOffset + UDP_HEADER_LENGTH + payload.length;
  const u8 = new Uint8Array(options.pad ? Math.max(length, ETHERNET_MIN_LENGTH) : length);

  emitEthernet(u8, 0, {
    destination: macBytes('destinationMac', options.destinationMac),
    source: macBytes('sourceMac', options.sourceMac),
    vlans,
    etherType: isIpv4 ? EtherType.IPV4 : EtherType.IPV6,
  });
  const ttl = checkInteger('ttl', options.ttl, 0, 255, 64);
  const payloadLength = UDP_HEADER_LENGTH + payload.length;
  if (isIpv4) {
    const identification = checkInteger('identification', options.identification, 0, 0xffff, 0);
    emitIpv4(u8, ipOffset, {
      source,
      destination,
      protocol: IpProtocol.UDP,
      payloadLength,
      ttl,
      identification,
    });
  } else {
    emitIpv6(u8, ipOffset, { source, destination, nextHeader: IpProtocol.UDP, payloadLength, hopLimit: ttl });
  }
  const { sourcePort, destinationPort } = options;
  const payloadOffset = emitUdp(u8, udpOffset, {
    sourcePort,
    destinationPort,
    payloadLength: payload.length,
  });
  u8.set(payload, payloadOffset);
  writeChecksum(u8, udpOffset, ipOffset, isIpv4, options.checksum);
  return u8;
}

function writeChecksum(
  u8: Uint8Array,
  udp: number,
  ip: number,
  isIpv4: boolean,
  checksum: UdpFrameOptions['checksum'],
): void {
  const kind = checkOneOf('checksum', checksum, ['full', 'zero', 'partial', 'bad'], 'full');
  if (kind === 'zero') return;
  const version = isIpv4 ? 4 : 6;
  const source = ip + (isIpv4 ? IPV4_SOURCE : IPV6_SOURCE);
  const destination = ip + (isIpv4 ? IPV4_DESTINATION : IPV6_DESTINATION);
  const partial = partialUdpChecksum(u8, udp, version, source, destination);
  fillUdpChecksum(u8, udp, version, source, destination);
  if (kind === 'partial') writeU16(u8, udp + UDP_CHECKSUM, partial);
  if (kind === 'bad') {
    const good = udpChecksum(u8, udp);
    // Two candidates that differ from the right one, of which at most one is the partial one.
    let bad = (good % 0xfffe) + 1;
    if (bad === partial) bad = ((good + 1) % 0xfffe) + 1;
    writeU16(u8, udp + UDP_CHECKSUM, bad);
  }
}

function macBytes(name: string, value: string | Uint8Array): Uint8Array {
  return typeof value === 'string' ? parseMac(value, name) : checkBytes(name, value, MAC_LENGTH);
}

function ipBytes(name: string, value: string | Uint8Array): Uint8Array {
  if (typeof value === 'string') return parseIp(value, name);
  return checkBytes(name, value, value?.length === 4 ? 4 : 16);
}

function payloadBytes(value: Uint8Array | string | undefined): Uint8Array {
  if (value === undefined) return new Uint8Array(0);
  if (typeof value === 'string') return encoder.encode(value);
  if (!(value instanceof Uint8Array))
    throw new OptionError('payload', `must be bytes or text, got ${typeof value}`);
  return value;
}
