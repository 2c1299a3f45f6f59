import { OptionError } from '../errors.ts';
import { requireArray, requireBytes, requireInteger, show } from '../options.ts';
import { ETHERNET_HEADER_LENGTH } from '../wire/ethernet.ts';
import { EtherType } from '../wire/ethertype.ts';
import { formatIp } from '../wire/ip.ts';
import { IpProtocol } from '../wire/protocol.ts';
import { FrameRecord } from '../wire/record.ts';
import { frameVlans, L2Endpoint } from './l2-endpoint.ts';

/** The default EtherTypes whose payload a response carries, as in the Go package. */
export const DEFAULT_PAYLOAD_ETHER_TYPES: readonly number[] = [EtherType.IPV4, EtherType.IPV6];

/**
 * A copied and parsed frame, which a relay passes to the owner of a {@link Registration}. The fields of layers that
 * are missing or incomplete are null, 0 or undefined, as each field describes.
 */
export class EthernetResponse {
  readonly localEndpoint: L2Endpoint;
  readonly remoteEndpoint: L2Endpoint;
  /** The Ethernet frame, without FCS. */
  readonly etherBytes: Buffer;
  /**
   * The payload, limited by its own length field, if its EtherType is one of the relay's `ethernetTypes`; otherwise
   * null.
   */
  readonly etherPayloadBytes: Buffer | null;
  /** Payload of UDP, TCP or SCTP; null for other protocols, later fragments and malformed headers. */
  readonly transportPayloadBytes: Buffer | null;
  /** Canonical text, null without IP. */
  readonly remoteIP: string | null;
  /** 0 without ports. */
  readonly remotePort: number;
  /** IP protocol number (for IPv6 the one after the extension headers), 0 without IP. */
  readonly protocol: number;
  readonly localIP: string | null;
  readonly localPort: number;
  /** Whether the link could receive only the beginning of the frame. */
  readonly truncated: boolean;

  /** Copies the frame that `record` describes out of `u8`. */
  constructor(
    u8: Uint8Array,
    record: FrameRecord,
    payloadEtherTypes: readonly number[] = DEFAULT_PAYLOAD_ETHER_TYPES,
    truncated = false,
  ) {
    requireBytes('u8', u8);
    if (!(record instanceof FrameRecord))
      throw new OptionError('record', `must be a FrameRecord, got ${show(record)}`);
    requireArray('payloadEtherTypes', payloadEtherTypes);
    requireInteger('record.end', record.end, record.start + ETHERNET_HEADER_LENGTH, u8.length);
    this.truncated = truncated;
    const bytes = Buffer.from(u8.subarray(record.start, record.end));
    const cut = (from: number, to: number) => bytes.subarray(from - record.start, to - record.start);
    const vlans = frameVlans(u8, record.start, record.l3 === 0 ? 0 : record.vlanCount);
    this.etherBytes = bytes;
    this.localEndpoint = new L2Endpoint(bytes.subarray(0, 6), record.etherType, vlans);
    this.remoteEndpoint = new L2Endpoint(bytes.subarray(6, 12), record.etherType, vlans);
    this.etherPayloadBytes =
      record.l3 > 0 && payloadEtherTypes.includes(record.etherType) ? cut(record.l3, record.l3End) : null;
    const hasPorts = record.sourcePort >= 0;
    const transport = hasPorts && PORT_PROTOCOLS.includes(record.protocol);
    this.transportPayloadBytes =
      transport && record.payload > 0 ? cut(record.payload, record.payloadEnd) : null;
    this.remoteIP = record.ipVersion > 0 ? formatIp(u8, record.ipSource, record.ipVersion as 4 | 6) : null;
    this.localIP =
      record.ipVersion > 0 ? formatIp(u8, record.ipDestination, record.ipVersion as 4 | 6) : null;
    this.protocol = Math.max(0, record.protocol);
    this.remotePort = hasPorts ? record.sourcePort : 0;
    this.localPort = hasPorts ? record.destinationPort : 0;
  }
}

const PORT_PROTOCOLS = [IpProtocol.UDP, IpProtocol.TCP, IpProtocol.SCTP] as readonly number[];
