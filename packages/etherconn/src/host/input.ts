import { FrameFlag } from '../link/link.ts';
import { type BatchSequel, BatchStore } from '../relay/batch-store.ts';
import { ChecksumState } from '../wire/checksum.ts';
import { ChecksumVerdict, transportChecksumVerdict } from '../wire/checksum-policy.ts';
import { EtherType } from '../wire/ethertype.ts';
import { isInterfaceLocalGroup, isIpv4Mapped } from '../wire/ip.ts';
import { IPV4_HEADER_LENGTH, ipv4ChecksumState } from '../wire/ipv4.ts';
import { findIpv6Extension, IPV6_HEADER_LENGTH } from '../wire/ipv6.ts';
import { isMld } from '../wire/mld.ts';
import { isNd, isValidNd, NdType } from '../wire/nd.ts';
import { parseFrame } from '../wire/parse.ts';
import { ParseError } from '../wire/parse-error.ts';
import { plainUdpIsGood } from '../wire/plain-udp.ts';
import { IpProtocol } from '../wire/protocol.ts';
import { Fragment, FrameRecord } from '../wire/record.ts';
import type { Output } from './egress/output.ts';
import type { HostReceiver } from './host-ethernet.ts';
import type { Icmp } from './icmp/icmp.ts';
import { AddressKind } from './ip/addresses.ts';
import { ipv4OptionProblem } from './ip/ipv4-options.ts';
import { ipv6ExtensionProblem } from './ip/ipv6-extensions.ts';
import { Problem } from './ip/problem.ts';
import { Reassembly } from './ip/reassembly.ts';
import type { ReassembledFrame } from './ip/reassembly-datagram.ts';
import type { HostGroups } from './multicast/host-groups.ts';
import type { Interface } from './multicast/memberships.ts';
import type { Arp } from './neighbor/arp.ts';
import type { Nd } from './neighbor/nd.ts';
import type { HostState } from './state.ts';
import type { HostTcp } from './tcp/host-tcp.ts';
import type { UdpPorts } from './udp/udp-ports.ts';

/** Reassembled packets are delivered one by one. */
const wholeRecord = new FrameRecord();

/** The receiving side of a host: what a frame is, whether it is for the host, and which room takes it. */
export class Input implements HostReceiver, BatchSequel {
  readonly #state: HostState;
  readonly #arp: Arp;
  readonly #nd: Nd;
  readonly #groups: HostGroups;
  readonly #ports: UdpPorts;
  readonly #icmp: Icmp;
  readonly #tcp: HostTcp;
  #reassembly: Reassembly | null = null;
  /** Created with the first reassembled packet. */
  #wholeStore: BatchStore | null = null;
  /** Packets reassembled in the current batch. */
  #whole: ReassembledFrame[] | null = null;
  /** Whether the current packet came in fragments. */
  #isReassembled = false;

  constructor(
    state: HostState,
    { arp, nd }: Output,
    groups: HostGroups,
    ports: UdpPorts,
    tcp: HostTcp,
    icmp: Icmp,
  ) {
    this.#state = state;
    this.#tcp = tcp;
    this.#arp = arp;
    this.#nd = nd;
    this.#groups = groups;
    this.#ports = ports;
    this.#icmp = icmp;
  }

  frame(store: BatchStore, record: FrameRecord, flags: number): void {
    const { counters } = this.#state;
    counters.received++;
    if ((flags & FrameFlag.TRUNCATED) !== 0) {
      counters.truncated++;
    } else if (record.error !== 0 && !isFaultyAboveOptions(record)) {
      counters.malformed++;
    } else if (record.etherType === EtherType.ARP) {
      counters.arp++;
      if (!this.#arp.input(store.memory!.u8, record)) counters.ignored++;
    } else {
      this.#packet(store, record, flags);
    }
  }

  localFrame(store: BatchStore, record: FrameRecord, flags: number): void {
    if (this.#state.closed !== null) return;
    this.#state.counters.receivedLocally++;
    if (this.#state.claims?.frame(store, record, flags) === true) {
      this.#state.counters.claimed++;
      return;
    }
    const u8 = store.memory!.u8;
    const kind = this.#state.addresses.kindOf(u8, record.ipDestination, record.ipVersion);
    // Packets to a group on the loopback interface are addressed to the host's own MAC address.
    const on = (u8[record.start] & 1) === 1 ? 'link' : 'loopback';
    if (kind === AddressKind.MULTICAST && !this.#isWanted(u8, record, on)) this.#state.counters.notMember++;
    else this.#transport(store, record, flags, kind, false, on);
  }

  #packet(store: BatchStore, record: FrameRecord, flags: number): void {
    const { counters, addresses } = this.#state;
    const u8 = store.memory!.u8;
    const version = record.ipVersion;
    // While the host closes, it takes only what it needs to send the last datagrams.
    if (this.#state.closed !== null && !isNd(u8, record)) {
      counters.ignored++;
      return;
    }
    // The common case: verify both headers at once.
    const isGood = record.fragment === Fragment.NONE && isGoodUdp(store, record);
    if (!isGood && ipv4ChecksumState(u8, record) === ChecksumState.BAD) {
      counters.badChecksum++;
      return;
    }
    const from = addresses.kindOf(u8, record.ipSource, version);
    if (from !== AddressKind.OTHER && from !== AddressKind.UNSPECIFIED) {
      // A station that defends an own address of this host does so from that address.
      if (from === AddressKind.OWN && isNd(u8, record)) this.#icmp6(store, record, flags, AddressKind.OWN);
      else counters.martian++;
      return;
    }
    const kind = addresses.kindOf(u8, record.ipDestination, version);
    const isForeign = kind === AddressKind.OTHER;
    const isMartian =
      kind === AddressKind.LOOPBACK || kind === AddressKind.UNSPECIFIED || isNeverOnWire(u8, record);
    const isNonMember = kind === AddressKind.MULTICAST && !this.#isWanted(u8, record, 'link');
    // A station without an address asks all, not one (RFC 1122 §3.2.1.3). An answer to it would go to this host
    // itself.
    if (isMartian || (kind === AddressKind.OWN && from === AddressKind.UNSPECIFIED)) {
      counters.martian++;
    } else if (hasOptions(record) && !isForeign && !isNonMember && this.#refuses(u8, record, kind)) {
      counters.badOptions++;
    } else if (record.error !== 0) {
      counters.malformed++;
    } else if (
      this.#state.claims !== null &&
      record.fragment === Fragment.NONE &&
      this.#state.claims.frame(store, record, flags)
    ) {
      counters.claimed++;
    } else if (isForeign && !this.#isForUnconfigured(record)) {
      counters.notOurs++;
    } else if (isNonMember) {
      counters.notMember++;
    } else if (record.fragment === Fragment.NONE) {
      this.#transport(store, record, flags, isForeign ? AddressKind.BROADCAST : kind, isGood, 'link');
    } else {
      this.#fragment(store, record, flags);
    }
  }

  /**
   * Whether to drop a packet for its options or extension headers. Tells the sender where the standards require it.
   */
  #refuses(u8: Uint8Array, record: FrameRecord, kind: number): boolean {
    const found =
      record.ipVersion === 4
        ? ipv4OptionProblem(u8, record.l3)
        : ipv6ExtensionProblem(u8, record, kind === AddressKind.MULTICAST);
    if (found >= 0) this.#icmp.errors.parameterProblem(u8, record, found);
    return found !== Problem.NONE;
  }

  /** Whether the host takes a packet to a group. Messages about groups are taken from any source. */
  #isWanted(u8: Uint8Array, record: FrameRecord, on: Interface): boolean {
    const groups = this.#groups;
    const version = record.ipVersion;
    const isAsking = version === 4 ? record.protocol === IpProtocol.IGMP : isMld(u8, record);
    return isAsking
      ? groups.isMember(u8, record.ipDestination, version)
      : groups.accepts(u8, record.ipDestination, record.ipSource, version, on);
  }

  #transport(
    store: BatchStore,
    record: FrameRecord,
    flags: number,
    kind: number,
    isGood: boolean,
    on: Interface,
  ): void {
    const { counters } = this.#state;
    const u8 = store.memory!.u8;
    if (record.protocol === IpProtocol.UDP) {
      if (!isGood && !this.#verified(store, record, flags)) return;
      if (this.#ports.deliver(store, record, flags, kind, on)) {
        counters.udp++;
      } else if (kind === AddressKind.MULTICAST) {
        counters.notMember++;
      } else {
        counters.noPort++;
        if (kind !== AddressKind.BROADCAST) this.#icmp.errors.portUnreachable(u8, record);
      }
    } else if (record.protocol === IpProtocol.TCP) {
      this.#segment(store, record, flags, kind);
    } else if (record.protocol === IpProtocol.ICMPV6 && record.ipVersion === 6) {
      this.#icmp6(store, record, flags, kind);
    } else if (record.protocol === IpProtocol.ICMP && record.ipVersion === 4) {
      if (this.#verified(store, record, flags)) this.#icmp.input4(store, record, kind);
    } else if (record.protocol === IpProtocol.IGMP && record.ipVersion === 4) {
      this.#groupMessage(u8, record);
    } else {
      counters.noProtocol++;
      if (record.protocol !== IpProtocol.NO_NEXT_HEADER) this.#icmp.errors.protocolUnreachable(u8, record);
    }
  }

  #segment(store: BatchStore, record: FrameRecord, flags: number, kind: number): void {
    if (!this.#verified(store, record, flags)) return;
    const { counters } = this.#state;
    // RFC 9293 §3.9.2.3: a connection has one host at each end.
    const isToGroup = (store.memory!.u8[record.start] & 1) === 1;
    if (
      isToGroup ||
      record.payload === 0 ||
      kind === AddressKind.MULTICAST ||
      kind === AddressKind.BROADCAST
    ) {
      counters.noProtocol++;
    } else {
      counters.tcp++;
      this.#tcp.input(store, record);
    }
  }

  #icmp6(store: BatchStore, record: FrameRecord, flags: number, kind: number): void {
    const { counters } = this.#state;
    const u8 = store.memory!.u8;
    if (!this.#verified(store, record, flags)) return;
    if (isMld(u8, record)) {
      this.#groupMessage(u8, record);
      return;
    }
    if (!isNd(u8, record)) {
      this.#icmp.input6(store, record, kind);
      return;
    }
    counters.neighborDiscovery++;
    // RFC 6980 §5: fragmented neighbor discovery messages are dropped.
    if (this.#isReassembled || findIpv6Extension(u8, record, IpProtocol.FRAGMENT) >= 0) {
      counters.ignored++;
      return;
    }
    // A router cannot have an address of this host.
    const isAdvertisement = u8[record.l4] === NdType.ROUTER_ADVERTISEMENT && !this.#isFromUs(u8, record);
    if (isAdvertisement && this.#state.routerListener !== null && isValidNd(u8, record)) {
      this.#state.routerListener.routerAdvertisement(u8, record);
    } else if (!this.#nd.input(u8, record)) {
      counters.ignored++;
    }
  }

  #groupMessage(u8: Uint8Array, record: FrameRecord): void {
    this.#state.counters.groupMessages++;
    if (!this.#groups.receive(u8, record)) this.#state.counters.ignored++;
  }

  #fragment(store: BatchStore, record: FrameRecord, flags: number): void {
    this.#state.counters.fragments++;
    this.#reassembly ??= new Reassembly(this.#state.clock, (memory, offset, length) => {
      parseFrame(memory.u8, offset, length, wholeRecord);
      // Time exceeded, code 1: "fragment reassembly time exceeded", of both versions.
      this.#icmp.errors.sendError(memory.u8, wholeRecord, wholeRecord.ipVersion === 4 ? 11 : 3, 1, 0);
    });
    const whole = this.#reassembly.add(store.memory!, record, flags);
    if (whole !== null) {
      if (this.#whole === null) store.afterwards(this);
      this.#whole ??= [];
      this.#whole.push(whole);
    }
    const { problem } = this.#reassembly;
    if (problem >= 0) this.#icmp.errors.parameterProblem(store.memory!.u8, record, problem);
  }

  /** Only now may user code run. A reassembled packet has its own memory. */
  batchTold(): void {
    const frames = this.#whole ?? [];
    this.#whole = null;
    if (this.#wholeStore === null) {
      this.#wholeStore = new BatchStore(this.#state.relay.lists);
      this.#wholeStore.local = true;
    }
    const wholeStore = this.#wholeStore;
    for (const frame of frames) {
      // The receiver of the previous packet may have closed the host, and these packets with it.
      if (this.#state.closed !== null) {
        this.#reassembly?.release(frame);
        continue;
      }
      const memory = frame.memory!;
      parseFrame(memory.u8, frame.offset, frame.length, wholeRecord);
      wholeStore.begin(memory);
      this.#state.counters.reassembled++;
      this.#isReassembled = true;
      this.#packet(wholeStore, wholeRecord, 0);
      this.#isReassembled = false;
      wholeStore.tellTakers();
      wholeStore.end();
      this.#reassembly?.release(frame);
    }
  }

  #verified(store: BatchStore, record: FrameRecord, flags: number): boolean {
    const { counters, relay } = this.#state;
    const isVerified = (flags & FrameFlag.CHECKSUM_VALID) !== 0;
    const mayBePartial = relay.partialChecksums || (flags & FrameFlag.CHECKSUM_PARTIAL) !== 0;
    const verdict = transportChecksumVerdict(store.memory!, record, isVerified, mayBePartial);
    if (verdict === ChecksumVerdict.REFUSED) counters.badChecksum++;
    else if (verdict === ChecksumVerdict.ACCEPTED_PARTIAL) counters.partialChecksum++;
    return verdict !== ChecksumVerdict.REFUSED;
  }

  #isFromUs(u8: Uint8Array, record: FrameRecord): boolean {
    return this.#state.addresses.find(u8, record.ipSource, 6) !== null;
  }

  #isForUnconfigured(record: FrameRecord): boolean {
    return record.protocol === IpProtocol.UDP && record.destinationPort === this.#state.unconfiguredPort;
  }

  /** Datagrams that still lack fragments. */
  get reassembling(): number {
    return this.#reassembly === null ? 0 : this.#reassembly.gathering;
  }

  close(): void {
    for (const frame of this.#whole ?? []) this.#reassembly?.release(frame);
    this.#whole = null;
    this.#reassembly?.close();
  }
}

/** Whether it is a UDP datagram with correct checksums. False proves nothing. */
function isGoodUdp(store: BatchStore, record: FrameRecord): boolean {
  return record.protocol === IpProtocol.UDP && plainUdpIsGood(store.memory!, record);
}

/** Whether there are options or extension headers, or the packet ends before its payload. */
function hasOptions(record: FrameRecord): boolean {
  return record.l4 - record.l3 !== (record.ipVersion === 4 ? IPV4_HEADER_LENGTH : IPV6_HEADER_LENGTH);
}

/** Whether only the transport header is faulty. Options before it must be answered all the same. */
function isFaultyAboveOptions(record: FrameRecord): boolean {
  return record.error >= ParseError.UDP_TRUNCATED && hasOptions(record);
}

/**
 * Whether an IPv6 packet has IPv4-mapped addresses (RFC 4291 §2.5.5.2), or a destination group that other stations
 * cannot mean.
 */
function isNeverOnWire(u8: Uint8Array, record: FrameRecord): boolean {
  if (record.ipVersion !== 6) return false;
  const { ipSource, ipDestination } = record;
  return (
    isIpv4Mapped(u8, ipSource) || isIpv4Mapped(u8, ipDestination) || isInterfaceLocalGroup(u8, ipDestination)
  );
}
