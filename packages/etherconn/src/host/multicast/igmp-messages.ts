import type { GroupRecord } from '../../wire/group-record.ts';
import { emitIgmp, emitIgmpV3Report, IGMP_LENGTH, IgmpType, igmpRecordLength } from '../../wire/igmp.ts';
import { isAllHostsIp } from '../../wire/ip.ts';
import { emitIpv4, IPV4_HEADER_LENGTH } from '../../wire/ipv4.ts';
import { IpProtocol } from '../../wire/protocol.ts';
import { type GroupMessages, type GroupStats, packRecords } from './group-reporter.ts';

/** 224.0.0.22, destination of version 3 reports, and 224.0.0.2, destination of leaves. */
const V3_ROUTERS = Uint8Array.of(224, 0, 0, 22);
const ALL_ROUTERS = Uint8Array.of(224, 0, 0, 2);
const UNSPECIFIED = new Uint8Array(4);
/** RFC 2113: routers examine the packet although it is not addressed to them. */
const ROUTER_ALERT = Uint8Array.of(0x94, 4, 0, 0);
/** Internetwork control, RFC 3376 §4. */
const TOS = 0xc0;
const HEADER_LENGTH = IPV4_HEADER_LENGTH + ROUTER_ALERT.length;
/** Maximum bytes of records in one report: with headers less than any real MTU. */
const RECORDS_MAX = 1200;

/** What IGMP needs of the host. */
export interface IgmpCarrier {
  /** An address of the host. Null: reports come from 0.0.0.0 (RFC 3376 §4.2.13). */
  sourceIpv4(): Uint8Array | null;
  sendGroupPacket(packet: Uint8Array): void;
}

/** Builds and sends the IGMP messages of a host as whole IPv4 packets. */
export class IgmpMessages implements GroupMessages {
  /** RFC 2236 §8.10. */
  readonly oldReportInterval = 10_000;
  readonly #carrier: IgmpCarrier;
  readonly #stats: GroupStats;

  constructor(carrier: IgmpCarrier, stats: GroupStats) {
    this.#carrier = carrier;
    this.#stats = stats;
  }

  /** All but the all-systems group, 224.0.0.1. */
  isReported(group: Uint8Array): boolean {
    return !isAllHostsIp(group, 0, 4);
  }

  sendReport(records: readonly GroupRecord[]): void {
    packRecords(records, igmpRecordLength, RECORDS_MAX, (packed, bytes) => {
      const packet = this.#packet(V3_ROUTERS, IGMP_LENGTH + bytes);
      emitIgmpV3Report(packet, HEADER_LENGTH, packed);
      this.#send(packet);
    });
  }

  sendOldReport(group: Uint8Array, age: number): void {
    this.#sendOld(group, age === 1 ? IgmpType.V2_REPORT : IgmpType.V1_REPORT, group);
  }

  sendLeave(group: Uint8Array): void {
    this.#sendOld(ALL_ROUTERS, IgmpType.V2_LEAVE, group);
  }

  #sendOld(destination: Uint8Array, type: number, group: Uint8Array): void {
    const packet = this.#packet(destination, IGMP_LENGTH);
    emitIgmp(packet, HEADER_LENGTH, type, group);
    this.#send(packet);
  }

  #send(packet: Uint8Array): void {
    this.#stats.reportsSent++;
    this.#carrier.sendGroupPacket(packet);
  }

  #packet(destination: Uint8Array, payloadLength: number): Uint8Array {
    const packet = new Uint8Array(HEADER_LENGTH + payloadLength);
    emitIpv4(packet, 0, {
      source: this.#carrier.sourceIpv4() ?? UNSPECIFIED,
      destination,
      protocol: IpProtocol.IGMP,
      payloadLength,
      ttl: 1,
      tos: TOS,
      options: ROUTER_ALERT,
    });
    return packet;
  }
}
