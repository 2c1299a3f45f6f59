import type { GroupRecord } from '../../wire/group-record.ts';
import { fillIcmpv6Checksum } from '../../wire/icmpv6.ts';
import { isAllHostsIp } from '../../wire/ip.ts';
import {
  emitIpv6,
  emitIpv6Extension,
  IPV6_DESTINATION,
  IPV6_HEADER_LENGTH,
  IPV6_SOURCE,
} from '../../wire/ipv6.ts';
import { emitMld, emitMldV2Report, MLD_LENGTH, MldType, mldRecordLength } from '../../wire/mld.ts';
import { IpProtocol } from '../../wire/protocol.ts';
import { type GroupMessages, type GroupStats, packRecords } from './group-reporter.ts';

/** ff02::16, destination of version 2 reports, and ff02::2, destination of dones. */
const V2_ROUTERS = linkLocalGroup(0x16);
const ALL_ROUTERS = linkLocalGroup(0x02);
const UNSPECIFIED = new Uint8Array(16);
/** Router alert for MLD (RFC 2711), and two bytes of padding. */
const HOP_BY_HOP_BODY = Uint8Array.of(5, 2, 0, 0, 1, 0);
const MLD_OFFSET = IPV6_HEADER_LENGTH + 8;
/** Maximum bytes of records in one report: with headers less than 1,280. */
const RECORDS_MAX = 1200;
const REPORT_LENGTH = 8;

/** What MLD needs of the host. */
export interface MldCarrier {
  /** The host's link-local address. Null while it has none: reports come from :: (RFC 3590). */
  linkLocalIpv6(): Uint8Array | null;
  sendGroupPacket(packet: Uint8Array): void;
}

/** Builds and sends the MLD messages of a host as whole IPv6 packets. */
export class MldMessages implements GroupMessages {
  /** RFC 2710 §7.10. */
  readonly oldReportInterval = 10_000;
  readonly #carrier: MldCarrier;
  readonly #stats: GroupStats;

  constructor(carrier: MldCarrier, stats: GroupStats) {
    this.#carrier = carrier;
    this.#stats = stats;
  }

  /** All but ff02::1, and groups of scope 0 or 1, which do not leave the host (RFC 3810 §6). */
  isReported(group: Uint8Array): boolean {
    return (group[1] & 0x0f) >= 2 && !isAllHostsIp(group, 0, 6);
  }

  sendReport(records: readonly GroupRecord[]): void {
    packRecords(records, mldRecordLength, RECORDS_MAX, (packed, bytes) => {
      const packet = this.#packet(V2_ROUTERS, REPORT_LENGTH + bytes);
      emitMldV2Report(packet, MLD_OFFSET, packed);
      this.#send(packet);
    });
  }

  sendOldReport(group: Uint8Array, _age: number): void {
    const packet = this.#packet(group, MLD_LENGTH);
    emitMld(packet, MLD_OFFSET, MldType.V1_REPORT, group);
    this.#send(packet);
  }

  sendLeave(group: Uint8Array): void {
    const packet = this.#packet(ALL_ROUTERS, MLD_LENGTH);
    emitMld(packet, MLD_OFFSET, MldType.V1_DONE, group);
    this.#send(packet);
  }

  #packet(destination: Uint8Array, length: number): Uint8Array {
    const packet = new Uint8Array(MLD_OFFSET + length);
    emitIpv6(packet, 0, {
      source: this.#carrier.linkLocalIpv6() ?? UNSPECIFIED,
      destination,
      nextHeader: IpProtocol.HOP_BY_HOP,
      payloadLength: packet.length - IPV6_HEADER_LENGTH,
      hopLimit: 1,
    });
    emitIpv6Extension(packet, IPV6_HEADER_LENGTH, IpProtocol.ICMPV6, HOP_BY_HOP_BODY);
    return packet;
  }

  #send(packet: Uint8Array): void {
    fillIcmpv6Checksum(packet, MLD_OFFSET, packet.length, IPV6_SOURCE, IPV6_DESTINATION);
    this.#stats.reportsSent++;
    this.#carrier.sendGroupPacket(packet);
  }
}

function linkLocalGroup(last: number): Uint8Array {
  const group = new Uint8Array(16);
  group[0] = 0xff;
  group[1] = 0x02;
  group[15] = last;
  return group;
}
