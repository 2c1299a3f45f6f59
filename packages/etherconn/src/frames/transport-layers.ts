import { DHCPV4_CLIENT_PORT, DHCPV4_SERVER_PORT, Dhcpv4Op } from '../wire/dhcpv4.ts';
import { IpProtocol } from '../wire/protocol.ts';
import {
  emitSctp,
  fillSctpChecksum,
  SCTP_CHECKSUM,
  SCTP_DESTINATION_PORT,
  SCTP_HEADER_LENGTH,
  SCTP_SOURCE_PORT,
  SCTP_VERIFICATION_TAG,
} from '../wire/sctp.ts';
import {
  emitTcp,
  TCP_ACKNOWLEDGMENT,
  TCP_CHECKSUM,
  TCP_DESTINATION_PORT,
  TCP_FLAGS,
  TCP_HEADER_LENGTH,
  TCP_OPTIONS,
  TCP_SEQUENCE,
  TCP_SOURCE_PORT,
  TCP_URGENT,
  TCP_WINDOW,
  TcpFlag,
  tcpHeaderLength,
} from '../wire/tcp.ts';
import {
  emitUdp,
  UDP_CHECKSUM,
  UDP_DESTINATION_PORT,
  UDP_HEADER_LENGTH,
  UDP_LENGTH,
  UDP_PAYLOAD_MAX,
  UDP_SOURCE_PORT,
  udpDestinationPort,
  udpLength,
  udpSourcePort,
} from '../wire/udp.ts';
import { type Definition, type Fields, type LayerFunction, layerFunction } from './definition.ts';
import { bits, FILLED, FILLED_HEX, littleEndian, uint } from './field.ts';
import { optionBytes } from './payload-layers.ts';
import { fillWithPseudoHeader } from './pseudo-header.ts';

/** UDP header (RFC 768). */
export interface UdpLayer {
  readonly layer: 'udp';
  /** Default 0; before `dhcpv4` 68, in replies 67. */
  readonly sourcePort?: number;
  /** Default 0; before `dhcpv4` 67, in replies 68. */
  readonly destinationPort?: number;
  /** Header and payload. Filled. */
  readonly length?: number;
  /** Filled; 0 is none. */
  readonly checksum?: number;
}

/** TCP header with options (RFC 9293, 3.1). */
export interface TcpLayer {
  readonly layer: 'tcp';
  /** Default 0. */
  readonly sourcePort?: number;
  /** Default 0. */
  readonly destinationPort?: number;
  /** Default 0. */
  readonly sequence?: number;
  /** Default 0. */
  readonly acknowledgment?: number;
  /** Bytes of the header, with options. Filled. */
  readonly headerLength?: number;
  /** Filled: 0. */
  readonly reserved?: number;
  /** Bits of `TcpFlag` of etherconn/wire; default SYN. */
  readonly flags?: number;
  /** Default 65535. */
  readonly window?: number;
  /** Filled. */
  readonly checksum?: number;
  /** Default 0. */
  readonly urgent?: number;
  /** As they stand in the header, up to 40 bytes; zeros fill them up to a multiple of 4. Default none. */
  readonly options?: Uint8Array;
}

/** The common header; chunks are its payload. */
export interface SctpLayer {
  readonly layer: 'sctp';
  /** Default 0. */
  readonly sourcePort?: number;
  /** Default 0. */
  readonly destinationPort?: number;
  /** Default 0. */
  readonly verificationTag?: number;
  /** CRC32c, as `crc32c` of etherconn/wire returns it. Filled. */
  readonly checksum?: number;
}

function isPortsAnswer(answer: Fields, request: Fields): boolean {
  return answer.sourcePort === request.destinationPort && answer.destinationPort === request.sourcePort;
}

function replyPorts({ sourcePort, destinationPort }: Fields): Readonly<Record<string, unknown>> {
  return { sourcePort: destinationPort, destinationPort: sourcePort };
}

export const udpDefinition: Definition = {
  name: 'udp',
  length: UDP_HEADER_LENGTH,
  fields: {
    sourcePort: uint(UDP_SOURCE_PORT, 2),
    destinationPort: uint(UDP_DESTINATION_PORT, 2),
    length: uint(UDP_LENGTH, 2, FILLED),
    checksum: uint(UDP_CHECKSUM, 2, FILLED_HEX),
  },
  number: { ipProtocol: IpProtocol.UDP },
  contentMax: UDP_PAYLOAD_MAX,
  emit(u8, { at, content, end, next }) {
    const dhcp = next?.layer.layer === 'dhcpv4' ? next.layer : undefined;
    const [sourcePort, destinationPort] =
      dhcp === undefined
        ? [0, 0]
        : dhcp.op === Dhcpv4Op.REPLY
          ? [DHCPV4_SERVER_PORT, DHCPV4_CLIENT_PORT]
          : [DHCPV4_CLIENT_PORT, DHCPV4_SERVER_PORT];
    emitUdp(u8, at, { sourcePort, destinationPort, payloadLength: Math.min(end - content, UDP_PAYLOAD_MAX) });
  },
  checksum(u8, place) {
    const length = udpLength(u8, place.at);
    const end = Math.min(place.at + length, place.end);
    fillWithPseudoHeader(u8, place, UDP_CHECKSUM, IpProtocol.UDP, end, length);
  },
  behind(u8, at) {
    const ports = [udpSourcePort(u8, at), udpDestinationPort(u8, at)];
    return ports.includes(DHCPV4_CLIENT_PORT) || ports.includes(DHCPV4_SERVER_PORT) ? ['dhcpv4'] : [];
  },
  isAnswerTo: isPortsAnswer,
  reply: replyPorts,
};

export const tcpDefinition: Definition = {
  name: 'tcp',
  length: TCP_HEADER_LENGTH,
  fields: {
    sourcePort: uint(TCP_SOURCE_PORT, 2),
    destinationPort: uint(TCP_DESTINATION_PORT, 2),
    sequence: uint(TCP_SEQUENCE, 4),
    acknowledgment: uint(TCP_ACKNOWLEDGMENT, 4),
    headerLength: bits(96, 4, { unit: 4, ...FILLED }),
    reserved: bits(100, 4, FILLED),
    flags: uint(TCP_FLAGS, 1, { hexDigits: 2 }),
    window: uint(TCP_WINDOW, 2),
    checksum: uint(TCP_CHECKSUM, 2, FILLED_HEX),
    urgent: uint(TCP_URGENT, 2),
  },
  tail: optionBytes((u8, at, end) => {
    const options = at + tcpHeaderLength(u8, at);
    return options < at + TCP_OPTIONS || options > end ? at + TCP_OPTIONS : options;
  }),
  number: { ipProtocol: IpProtocol.TCP },
  emit(u8, { at, tail }) {
    emitTcp(u8, at, { sourcePort: 0, destinationPort: 0, flags: TcpFlag.SYN, options: tail });
  },
  checksum: (u8, place) => fillWithPseudoHeader(u8, place, TCP_CHECKSUM, IpProtocol.TCP),
  isAnswerTo: isPortsAnswer,
  reply(request, content) {
    const { sequence, acknowledgment, flags } = request as unknown as Required<TcpLayer>;
    const isSyn = (flags & TcpFlag.SYN) !== 0;
    const counted = content + (isSyn ? 1 : 0) + ((flags & TcpFlag.FIN) !== 0 ? 1 : 0);
    return {
      ...replyPorts(request),
      sequence: acknowledgment,
      acknowledgment: (sequence + counted) % 2 ** 32,
      flags: TcpFlag.ACK | (isSyn ? TcpFlag.SYN : 0),
      options: undefined,
    };
  },
};

export const sctpDefinition: Definition = {
  name: 'sctp',
  length: SCTP_HEADER_LENGTH,
  fields: {
    sourcePort: uint(SCTP_SOURCE_PORT, 2),
    destinationPort: uint(SCTP_DESTINATION_PORT, 2),
    verificationTag: uint(SCTP_VERIFICATION_TAG, 4, { hexDigits: 8 }),
    checksum: littleEndian(SCTP_CHECKSUM, { filled: true, hexDigits: 8 }),
  },
  number: { ipProtocol: IpProtocol.SCTP },
  emit: (u8, { at }) => emitSctp(u8, at, { sourcePort: 0, destinationPort: 0 }),
  checksum: (u8, { at, end }) => fillSctpChecksum(u8, at, end),
  isAnswerTo: isPortsAnswer,
  reply: replyPorts,
};

/** A UDP header. `udp({ sourcePort: 1000, destinationPort: 53 })` */
export const udp: LayerFunction<UdpLayer> = layerFunction<UdpLayer>(udpDefinition);

/** A TCP header; default a SYN. */
export const tcp: LayerFunction<TcpLayer> = layerFunction<TcpLayer>(tcpDefinition);

/** An SCTP common header. */
export const sctp: LayerFunction<SctpLayer> = layerFunction<SctpLayer>(sctpDefinition);
