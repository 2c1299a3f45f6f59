import {
  buildUdpFrame,
  checksumOf,
  DHCPV4_CLIENT_PORT,
  DHCPV4_SERVER_PORT,
  Dhcpv4Op,
  Dhcpv4Option,
  Dhcpv4Type,
  emitDhcpv4,
  ethernetHeaderLength,
  IPV4_CHECKSUM,
  IPV4_DESTINATION,
  IPV4_HEADER_LENGTH,
  IPV4_SOURCE,
  IpProtocol,
  internetSum,
  internetSumWords,
  pseudoSumIpv4,
  UDP_CHECKSUM,
  UDP_HEADER_LENGTH,
  udpChecksumOf,
} from 'etherconn/wire';
import { addressBytes } from './address-number.ts';
import type { ClientOption } from './client-options.ts';
import type { Members } from './fleet-plan.ts';

const BROADCAST_MAC = new Uint8Array(6).fill(0xff);
const BROADCAST = 0xffffffff;
/** What a client wants to know: mask, routers, name servers, domain, times. */
const PARAMETERS = Uint8Array.of(1, 3, 6, 15, 51, 54, 58, 59);
/** What fits in an Ethernet frame. */
const LENGTH_MAX = 1472;
/** Offsets in a message. */
const XID = 4;
const SECS = 8;
const CIADDR = 12;
const CHADDR = 28;
const OPTIONS = 240;

/** What a message of a client is about: RFC 2131 table 5. Addresses are 32-bit numbers; 0 is none. */
export interface ClientMessage {
  type: number;
  xid: number;
  /** Milliseconds since the client began. */
  since: number;
  /** ciaddr: the client has it, and sends from it. */
  clientAddress: number;
  /** Option 50. */
  requestedAddress: number;
  /** Option 54. */
  serverId: number;
  /** Where it goes: an address, and the MAC address at `macAt` of `macs`; 0 is broadcast. */
  to: number;
  macs: Uint8Array;
  macAt: number;
}

/**
 * Whole frames of the clients' messages. Frames that differ in addresses, times and transaction alone are of one template,
 * in which these are changed in place.
 */
export class ClientFrames {
  readonly #members: Members;
  readonly #options: readonly ClientOption[];
  readonly #broadcast: boolean;
  /** Whether some option is another one for each client. */
  readonly #isPersonal: boolean;
  readonly #templates = new Map<number, Template>();

  constructor(members: Members, options: readonly ClientOption[], broadcast: boolean) {
    this.#members = members;
    this.#options = options;
    this.#broadcast = broadcast;
    this.#isPersonal = options.some((option) => option.isPersonal);
  }

  /** The frame of a message of client `n`; it is the same memory again with the next call. */
  frame(n: number, message: ClientMessage): Uint8Array {
    const template = this.#template(n, message);
    template.fill(this.#members.macs, 6 * n, message);
    return template.bytes;
  }

  #template(n: number, message: ClientMessage): Template {
    if (this.#isPersonal) return this.#build(n, message);
    const { type, clientAddress, requestedAddress, serverId } = message;
    const fields =
      (clientAddress === 0 ? 0 : 1) | (requestedAddress === 0 ? 0 : 2) | (serverId === 0 ? 0 : 4);
    const key = (this.#members.vlanOf[n] << 6) | (type << 3) | fields;
    let template = this.#templates.get(key);
    if (template === undefined) {
      template = this.#build(n, message);
      this.#templates.set(key, template);
    }
    return template;
  }

  #build(n: number, message: ClientMessage): Template {
    const members = this.#members;
    const mac = members.mac(n);
    const vlans = members.vlans[members.vlanOf[n]];
    const { type, xid, clientAddress, requestedAddress, serverId } = message;
    const options = new Map<number, Uint8Array>([[Dhcpv4Option.MESSAGE_TYPE, Uint8Array.of(type)]]);
    if (requestedAddress !== 0) options.set(Dhcpv4Option.REQUESTED_ADDRESS, addressBytes(requestedAddress));
    if (serverId !== 0) options.set(Dhcpv4Option.SERVER_ID, addressBytes(serverId));
    const asks = type === Dhcpv4Type.DISCOVER || type === Dhcpv4Type.REQUEST;
    if (asks) options.set(Dhcpv4Option.PARAMETER_LIST, PARAMETERS);
    const names = { n: members.first + n, mac: members.macText(n), vlan: members.vlanText(n) };
    for (const option of this.#options) options.set(option.code, option.bytes(names));
    const broadcast = this.#broadcast && clientAddress === 0 && asks;
    const fields = { op: Dhcpv4Op.REQUEST, xid, broadcast, hardwareAddress: mac, options };
    const frame = buildUdpFrame({
      sourceMac: mac,
      destinationMac: BROADCAST_MAC,
      vlans,
      source: addressBytes(0),
      destination: addressBytes(BROADCAST),
      sourcePort: DHCPV4_CLIENT_PORT,
      destinationPort: DHCPV4_SERVER_PORT,
      payload: emitDhcpv4(fields, LENGTH_MAX),
    });
    return new Template(frame, ethernetHeaderLength(vlans.length));
  }
}

/** A frame in which what messages differ in is changed in place. */
class Template {
  readonly bytes: Uint8Array;
  readonly #words: Uint32Array;
  readonly #ip: number;
  /** Offsets of the values of options 50 and 54; 0 without. */
  readonly #requested: number;
  readonly #server: number;

  constructor(frame: Uint8Array, ip: number) {
    const words = new Uint32Array(Math.ceil(frame.length / 4));
    this.bytes = new Uint8Array(words.buffer, 0, frame.length);
    this.bytes.set(frame);
    this.#words = words;
    this.#ip = ip;
    this.#requested = offsetOf(frame, this.#message + OPTIONS, Dhcpv4Option.REQUESTED_ADDRESS);
    this.#server = offsetOf(frame, this.#message + OPTIONS, Dhcpv4Option.SERVER_ID);
  }

  get #message(): number {
    return this.#ip + IPV4_HEADER_LENGTH + UDP_HEADER_LENGTH;
  }

  fill(macs: Uint8Array, macAt: number, message: ClientMessage): void {
    const { bytes } = this;
    const ip = this.#ip;
    const udp = ip + IPV4_HEADER_LENGTH;
    const dhcp = udp + UDP_HEADER_LENGTH;
    const { to } = message;
    for (let i = 0; i < 6; i++) {
      bytes[i] = to === 0 ? 0xff : message.macs[message.macAt + i];
      bytes[6 + i] = macs[macAt + i];
      bytes[dhcp + CHADDR + i] = macs[macAt + i];
    }
    writeU32(bytes, ip + IPV4_SOURCE, message.clientAddress);
    writeU32(bytes, ip + IPV4_DESTINATION, to === 0 ? BROADCAST : to);
    writeU32(bytes, dhcp + XID, message.xid);
    writeU16(bytes, dhcp + SECS, Math.min(0xffff, Math.floor(message.since / 1000)));
    writeU32(bytes, dhcp + CIADDR, message.clientAddress);
    if (this.#requested !== 0) writeU32(bytes, this.#requested, message.requestedAddress);
    if (this.#server !== 0) writeU32(bytes, this.#server, message.serverId);
    writeU16(bytes, ip + IPV4_CHECKSUM, 0);
    writeU16(bytes, ip + IPV4_CHECKSUM, checksumOf(internetSum(bytes, ip, udp)));
    writeU16(bytes, udp + UDP_CHECKSUM, 0);
    const length = bytes.length - udp;
    const pseudo = pseudoSumIpv4(bytes, ip + IPV4_SOURCE, ip + IPV4_DESTINATION, IpProtocol.UDP, length);
    const sum = pseudo + internetSumWords(bytes, this.#words, udp, bytes.length);
    writeU16(bytes, udp + UDP_CHECKSUM, udpChecksumOf(sum));
  }
}

/** Where the value of an option is that we have written ourselves; 0 when there is none. */
function offsetOf(bytes: Uint8Array, options: number, code: number): number {
  for (let at = options; at < bytes.length && bytes[at] !== Dhcpv4Option.END; at += 2 + bytes[at + 1])
    if (bytes[at] === code) return at + 2;
  return 0;
}

function writeU16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

function writeU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}
