import {
  EtherType,
  Fragment,
  FrameRecord,
  fillIpv4Checksum,
  fillTransportChecksum,
  ICMPV6_CHECKSUM,
  IPV4_CHECKSUM,
  IpProtocol,
  parseFrame,
  TCP_CHECKSUM,
  UDP_CHECKSUM,
  updateChecksum,
} from 'etherconn/wire';
import type { IpMapping, MacMapping, VlanMapping } from './address-map.ts';

/** What becomes of frames before they are sent. */
export interface RewritePlan {
  readonly sourceMac?: Uint8Array | undefined;
  readonly destinationMac?: Uint8Array | undefined;
  readonly macs: readonly MacMapping[];
  /** Tags are taken away, all of them. */
  readonly stripVlans: boolean;
  /** Tags in place of those that the frame has; outermost first. */
  readonly setVlans?: readonly number[] | undefined;
  /** Tags around those that the frame has. */
  readonly pushVlans?: readonly number[] | undefined;
  readonly vlans: readonly VlanMapping[];
  readonly ips: readonly IpMapping[];
  /** All checksums are computed again, not only kept right. */
  readonly fixChecksums: boolean;
}

const TAG = 4;
const TYPE = 12;
const TAG_TYPES: readonly number[] = [0x8100, 0x88a8, 0x9100];
/** ARP: addresses of the sender and of the target, behind the header. */
const ARP_SENDER_MAC = 8;
const ARP_SENDER_IP = 14;
const ARP_TARGET_MAC = 18;
const ARP_TARGET_IP = 24;
const ARP_LENGTH = 28;
/** Neighbor solicitation, advertisement and redirect, and where their addresses are. */
const ND_TARGETS: Readonly<Record<number, readonly number[]>> = { 135: [8], 136: [8], 137: [8, 24] };

/**
 * Rewrites MAC addresses, VLAN tags and IP addresses of frames, also those in ARP and neighbor discovery. Checksums change by as
 * much as the addresses (RFC 1624): what was wrong before stays wrong.
 */
export class Rewriter {
  readonly #plan: RewritePlan;
  readonly #record = new FrameRecord();
  readonly #isIdle: boolean;

  constructor(plan: RewritePlan) {
    this.#plan = plan;
    const { stripVlans, setVlans, pushVlans, fixChecksums } = plan;
    this.#isIdle =
      !stripVlans && !fixChecksums && setVlans === undefined && pushVlans === undefined && !this.#addresses;
  }

  /** The frame as it is to be sent: `frame` itself, changed, or another one. It has an Ethernet header. */
  apply(frame: Uint8Array): Uint8Array {
    if (this.#isIdle) return frame;
    const tagged = this.#tag(frame);
    const record = this.#record;
    parseFrame(tagged, 0, tagged.length, record);
    if (this.#addresses) this.#address(tagged, record);
    if (this.#plan.fixChecksums && record.ipVersion !== 0) {
      if (record.ipVersion === 4) fillIpv4Checksum(tagged, record.l3);
      fillTransportChecksum(tagged, record);
    }
    return tagged;
  }

  get #addresses(): boolean {
    const { sourceMac, destinationMac, macs, vlans, ips } = this.#plan;
    const isSet = sourceMac !== undefined || destinationMac !== undefined;
    return isSet || macs.length > 0 || vlans.length > 0 || ips.length > 0;
  }

  #tag(frame: Uint8Array): Uint8Array {
    const { stripVlans, setVlans, pushVlans } = this.#plan;
    const behind = stripVlans || setVlans !== undefined ? endOfTags(frame) : TYPE;
    const tags = [...(pushVlans ?? []), ...(setVlans ?? [])];
    if (behind === TYPE && tags.length === 0) return frame;
    const start = TYPE + TAG * tags.length;
    const tagged = new Uint8Array(start + frame.length - behind);
    tagged.set(frame.subarray(0, TYPE));
    for (const [i, id] of tags.entries()) {
      tagged.set([0x81, 0x00, id >> 8, id & 0xff], TYPE + TAG * i);
    }
    tagged.set(frame.subarray(behind), start);
    return tagged;
  }

  #address(u8: Uint8Array, record: FrameRecord): void {
    const { vlans } = this.#plan;
    if (vlans.length > 0 && TAG_TYPES.includes(u16(u8, TYPE))) {
      const tci = u16(u8, TYPE + 2);
      const mapping = vlans.find(({ from }) => from === (tci & 0xfff));
      if (mapping !== undefined) setU16(u8, TYPE + 2, (tci & 0xf000) | mapping.to);
    }
    if (record.etherType === EtherType.ARP && record.end - record.l3 >= ARP_LENGTH) this.#arp(u8, record.l3);
    this.#macs(u8);
    if (this.#plan.ips.length > 0 && record.ipVersion !== 0) this.#ips(u8, record);
  }

  #macs(u8: Uint8Array): void {
    const { sourceMac, destinationMac } = this.#plan;
    if (destinationMac !== undefined) u8.set(destinationMac, 0);
    else this.#mapMac(u8, 0);
    if (sourceMac !== undefined) u8.set(sourceMac, 6);
    else this.#mapMac(u8, 6);
  }

  #mapMac(u8: Uint8Array, at: number): void {
    const mapping = this.#plan.macs.find(({ from }) => from.every((byte, i) => u8[at + i] === byte));
    if (mapping !== undefined) u8.set(mapping.to, at);
  }

  /** The sender's MAC address goes with the frame's source; there is no checksum. */
  #arp(u8: Uint8Array, l3: number): void {
    const { sourceMac } = this.#plan;
    const isSender = u8.subarray(6, 12).every((byte, i) => u8[l3 + ARP_SENDER_MAC + i] === byte);
    if (sourceMac !== undefined && isSender) u8.set(sourceMac, l3 + ARP_SENDER_MAC);
    else this.#mapMac(u8, l3 + ARP_SENDER_MAC);
    this.#mapMac(u8, l3 + ARP_TARGET_MAC);
    this.#mapIp(u8, l3 + ARP_SENDER_IP, 4, -1, -1);
    this.#mapIp(u8, l3 + ARP_TARGET_IP, 4, -1, -1);
  }

  #ips(u8: Uint8Array, record: FrameRecord): void {
    const { l3, l4, l3End, ipVersion, protocol } = record;
    const length = ipVersion === 4 ? 4 : 16;
    const header = ipVersion === 4 ? l3 + IPV4_CHECKSUM : -1;
    const transport = transportChecksumAt(u8, record);
    this.#mapIp(u8, record.ipSource, length, header, transport);
    this.#mapIp(u8, record.ipDestination, length, header, transport);
    if (transport < 0) return;
    // A checksum of UDP that comes out as 0 is sent as its other form: 0 says that there is none.
    if (protocol === IpProtocol.UDP && u16(u8, transport) === 0) setU16(u8, transport, 0xffff);
    if (protocol !== IpProtocol.ICMPV6) return;
    for (const at of ND_TARGETS[u8[l4]] ?? [])
      if (l4 + at + 16 <= l3End) this.#mapIp(u8, l4 + at, 16, -1, transport);
  }

  /** Maps the address at `at`; `header` and `transport` are where its checksums are, -1 for none. */
  #mapIp(u8: Uint8Array, at: number, length: number, header: number, transport: number): void {
    for (const { from, to, mask } of this.#plan.ips) {
      if (from.length !== length || !isIn(u8, at, from, mask)) continue;
      for (let i = 0; i < length; i += 2) {
        const before = u16(u8, at + i);
        const bits = u16(mask, i);
        const after = (before & ~bits & 0xffff) | (u16(to, i) & bits);
        if (before === after) continue;
        setU16(u8, at + i, after);
        if (header >= 0) setU16(u8, header, updateChecksum(u16(u8, header), before, after));
        if (transport >= 0) setU16(u8, transport, updateChecksum(u16(u8, transport), before, after));
      }
      return;
    }
  }
}

/** Where the checksum is that covers the addresses; -1 if there is none. */
function transportChecksumAt(u8: Uint8Array, record: FrameRecord): number {
  const { protocol, l4, l3End, fragment, ipVersion } = record;
  if (fragment === Fragment.LATER || l4 === 0) return -1;
  let at = -1;
  if (protocol === IpProtocol.TCP) at = l4 + TCP_CHECKSUM;
  else if (protocol === IpProtocol.UDP) at = l4 + UDP_CHECKSUM;
  else if (protocol === IpProtocol.ICMPV6 && ipVersion === 6) at = l4 + ICMPV6_CHECKSUM;
  if (at < 0 || at + 2 > l3End) return -1;
  // Over IPv4, 0 says that there is none.
  return protocol === IpProtocol.UDP && u16(u8, at) === 0 ? -1 : at;
}

function isIn(u8: Uint8Array, at: number, network: Uint8Array, mask: Uint8Array): boolean {
  for (let i = 0; i < network.length; i++) if (((u8[at + i] ^ network[i]) & mask[i]) !== 0) return false;
  return true;
}

function endOfTags(frame: Uint8Array): number {
  let at = TYPE;
  while (at + TAG + 2 <= frame.length && TAG_TYPES.includes(u16(frame, at))) at += TAG;
  return at;
}

function u16(u8: Uint8Array, at: number): number {
  return (u8[at] << 8) | u8[at + 1];
}

function setU16(u8: Uint8Array, at: number, value: number): void {
  u8[at] = value >> 8;
  u8[at + 1] = value & 0xff;
}
