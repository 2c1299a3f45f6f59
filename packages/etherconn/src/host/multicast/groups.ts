import { icmpv6Type } from '../../wire/icmpv6.ts';
import {
  IGMP_GROUP,
  IgmpType,
  igmpMaxResponseTime,
  igmpQueryInterval,
  igmpQueryVersion,
  igmpRobustness,
  igmpSource,
  igmpSourceCount,
  igmpType,
  isIgmp,
} from '../../wire/igmp.ts';
import { isAllHostsIp, isMulticastIp, isUnspecifiedIp } from '../../wire/ip.ts';
import {
  isValidMld,
  MLD_GROUP,
  MldType,
  mldMaxResponseTime,
  mldQueryInterval,
  mldQueryVersion,
  mldRobustness,
  mldSource,
  mldSourceCount,
} from '../../wire/mld.ts';
import type { FrameRecord } from '../../wire/record.ts';
import { type GroupQuery, GroupReporter, type GroupStats, type GroupTiming } from './group-reporter.ts';
import { type IgmpCarrier, IgmpMessages } from './igmp-messages.ts';
import { type MldCarrier, MldMessages } from './mld-messages.ts';

/**
 * What the groups need of their host. `sendGroupPacket` gets a whole IP packet to a multicast address, and its
 * memory.
 */
export interface GroupCarrier extends GroupTiming, IgmpCarrier, MldCarrier {}

/**
 * The groups that a host listens to for all of its sockets. Reports them to routers by IGMPv3 and MLDv2 (older
 * versions: see {@link GroupReporter}). Joins are counted: two joins need two leaves.
 */
export class Groups {
  // Created on first use: most hosts have groups of one IP version, or of none.
  #ipv4: GroupReporter | null = null;
  #ipv6: GroupReporter | null = null;
  readonly #carrier: GroupCarrier;
  readonly #stats: GroupStats = { reportsSent: 0, queriesReceived: 0, reportsReceived: 0, malformed: 0 };

  constructor(carrier: GroupCarrier) {
    this.#carrier = carrier;
  }

  /** Number of joined groups of both versions. */
  get size(): number {
    return (this.#ipv4?.size ?? 0) + (this.#ipv6?.size ?? 0);
  }

  /** Joins a group (4 or 16 bytes) for any source, or (RFC 4607) for one. */
  join(group: Uint8Array, source: Uint8Array | null = null): void {
    this.#reporter(group).join(group, source);
  }

  /** Reverts one join. Harmless if there is none. */
  leave(group: Uint8Array, source: Uint8Array | null = null): void {
    this.#reporter(group).leave(group, source);
  }

  /**
   * Whether the host takes packets to the multicast address of `version` 4 or 6 at `offset`: it has joined the group,
   * or every host listens to it.
   */
  isMember(u8: Uint8Array, offset: number, version: number): boolean {
    if (version === 4) return isAllHostsIp(u8, offset, 4) || this.#ipv4?.isMember(u8, offset) === true;
    return isAllHostsIp(u8, offset, 6) || this.#ipv6?.isMember(u8, offset) === true;
  }

  /** As {@link isMember}, for what the sender at `source` sends. */
  accepts(u8: Uint8Array, offset: number, source: number, version: number): boolean {
    if (version === 4) return isAllHostsIp(u8, offset, 4) || this.#ipv4?.accepts(u8, offset, source) === true;
    return isAllHostsIp(u8, offset, 6) || this.#ipv6?.accepts(u8, offset, source) === true;
  }

  /** Reports all groups of a version again: the interface came up, or the host has got an address. */
  announce(version: 4 | 6): void {
    (version === 4 ? this.#ipv4 : this.#ipv6)?.announce();
  }

  /**
   * Takes a parsed packet of IGMP, or of ICMPv6 with a {@link MldType}. False if it is malformed and was dropped. The
   * caller has verified the ICMPv6 checksum; IGMP's is verified here.
   */
  receive(u8: Uint8Array, record: FrameRecord): boolean {
    const isGood = record.ipVersion === 4 ? this.#receiveIgmp(u8, record) : this.#receiveMld(u8, record);
    if (!isGood) this.#stats.malformed++;
    return isGood;
  }

  stats(): GroupStats {
    return { ...this.#stats };
  }

  /** Leaves all groups. `tell`: reports it once. */
  close(tell: boolean): void {
    this.#ipv4?.close(tell);
    this.#ipv6?.close(tell);
  }

  #reporter(group: Uint8Array): GroupReporter {
    return group.length === 4 ? this.#reporter4() : this.#reporter6();
  }

  #reporter4(): GroupReporter {
    this.#ipv4 ??= new GroupReporter(new IgmpMessages(this.#carrier, this.#stats), this.#carrier);
    return this.#ipv4;
  }

  #reporter6(): GroupReporter {
    this.#ipv6 ??= new GroupReporter(new MldMessages(this.#carrier, this.#stats), this.#carrier);
    return this.#ipv6;
  }

  #receiveIgmp(u8: Uint8Array, record: FrameRecord): boolean {
    if (!isIgmp(u8, record)) return false;
    const message = record.l4;
    const type = igmpType(u8, message);
    if (type !== IgmpType.QUERY) {
      this.#stats.reportsReceived++;
      if (type === IgmpType.V1_REPORT || type === IgmpType.V2_REPORT)
        this.#reporter4().receiveOldReport(u8, message + IGMP_GROUP);
      return true;
    }
    const group = queryGroup(u8, message + IGMP_GROUP, 4);
    if (group === undefined) return false;
    this.#stats.queriesReceived++;
    const version = igmpQueryVersion(u8, record);
    const isNew = version === 3;
    const query: GroupQuery = {
      age: 3 - version,
      group,
      sources: addresses(u8, isNew ? igmpSourceCount(u8, message) : 0, igmpSource(message, 0), 4),
      maxResponseTime: igmpMaxResponseTime(u8, record),
      robustness: isNew ? igmpRobustness(u8, message) : 0,
      queryInterval: isNew ? igmpQueryInterval(u8, message) : 0,
    };
    this.#reporter4().receiveQuery(query);
    return true;
  }

  #receiveMld(u8: Uint8Array, record: FrameRecord): boolean {
    if (!isValidMld(u8, record)) return false;
    const message = record.l4;
    const type = icmpv6Type(u8, message);
    if (type !== MldType.QUERY) {
      this.#stats.reportsReceived++;
      if (type === MldType.V1_REPORT) this.#reporter6().receiveOldReport(u8, message + MLD_GROUP);
      return true;
    }
    const group = queryGroup(u8, message + MLD_GROUP, 6);
    if (group === undefined) return false;
    this.#stats.queriesReceived++;
    const isNew = mldQueryVersion(record) === 2;
    const query: GroupQuery = {
      age: isNew ? 0 : 1,
      group,
      sources: addresses(u8, isNew ? mldSourceCount(u8, message) : 0, mldSource(message, 0), 16),
      maxResponseTime: mldMaxResponseTime(u8, record),
      robustness: isNew ? mldRobustness(u8, message) : 0,
      queryInterval: isNew ? mldQueryInterval(u8, message) : 0,
    };
    this.#reporter6().receiveQuery(query);
    return true;
  }
}

/** The queried group. Null in a general query, undefined if it is no group. */
function queryGroup(u8: Uint8Array, offset: number, version: 4 | 6): Uint8Array | null | undefined {
  if (isUnspecifiedIp(u8, offset, version)) return null;
  if (!isMulticastIp(u8, offset, version)) return undefined;
  return u8.slice(offset, offset + (version === 4 ? 4 : 16));
}

function addresses(u8: Uint8Array, count: number, offset: number, length: number): Uint8Array[] {
  return Array.from({ length: count }, (_, index) =>
    u8.slice(offset + index * length, offset + (index + 1) * length),
  );
}
