import type { Clock, ClockTimer } from '../../clock.ts';
import { sameBytes } from '../../wire/bytes.ts';
import type { GroupRecord } from '../../wire/group-record.ts';
import { GroupState, groupHash } from './group-state.ts';

/** What differs between IGMP and MLD: packets, and groups that are never reported. */
export interface GroupMessages {
  /** Whether the group is reported to routers. */
  isReported(group: Uint8Array): boolean;
  /** Sends a report of the newest version, split if it is too long for one packet. */
  sendReport(records: readonly GroupRecord[]): void;
  /** Sends a report of an older version: `age` 1 for the second newest, 2 for the one before. */
  sendOldReport(group: Uint8Array, age: number): void;
  /** Sends a leave, in the second newest version. */
  sendLeave(group: Uint8Array): void;
  /** Longest time between unsolicited reports of older versions, milliseconds. */
  readonly oldReportInterval: number;
}

/** The relevant fields of a query. */
export interface GroupQuery {
  /** 0 for the newest version, 1 for the one before, 2 for IGMPv1. */
  readonly age: number;
  /** Null in a general query. */
  readonly group: Uint8Array | null;
  readonly sources: readonly Uint8Array[];
  /** Milliseconds. */
  readonly maxResponseTime: number;
  /** The querier's robustness variable, 0 if it does not tell. */
  readonly robustness: number;
  /** The querier's query interval in seconds, 0 if it does not tell. */
  readonly queryInterval: number;
}

export interface GroupTiming {
  readonly clock: Clock;
  /** A number from 0 to below 1. */
  random(): number;
}

/** Counters of IGMP and MLD together. */
export interface GroupStats {
  /** Packets sent: reports, leaves and dones. */
  reportsSent: number;
  queriesReceived: number;
  /** Reports and dones of other hosts. */
  reportsReceived: number;
  /** Messages that are incomplete, have a bad checksum, or are invalid from a router; dropped. */
  malformed: number;
}

/** RFC 3376 §8.1, §8.2, §8.11; RFC 3810 §9.1, §9.2, §9.11. */
const ROBUSTNESS = 2;
const QUERY_INTERVAL = 125_000;
const UNSOLICITED_INTERVAL = 1000;

/**
 * Reports to routers the groups that a host listens to: the host's part of IGMPv3 (RFC 3376 §5, §7.2) and of MLDv2
 * (RFC 3810 §6, §8.2), which differ only in their packets, and of older versions while routers use them.
 *
 * There is one timer. It does not run while there is nothing to report.
 */
export class GroupReporter {
  readonly #messages: GroupMessages;
  readonly #clock: Clock;
  readonly #timing: GroupTiming;
  #groups: GroupState[] = [];
  /** Groups with a change still to report: few, even on a host that has joined thousands. */
  readonly #changing: Set<GroupState> = new Set();
  /** Whether a group may have a pending time of its own. */
  #hasTimes = false;
  #robustness = ROBUSTNESS;
  #queryInterval = QUERY_INTERVAL;
  /** Until when a querier of age 1 and 2 counts as present. */
  readonly #olderUntil: number[] = [0, -Infinity, -Infinity];
  #age = 0;
  #generalAt = Infinity;
  #changesAt = Infinity;
  #timer: ClockTimer | null = null;
  #timerAt = Infinity;

  constructor(messages: GroupMessages, timing: GroupTiming) {
    this.#messages = messages;
    this.#timing = timing;
    this.#clock = timing.clock;
  }

  /** Whether a socket has joined the group at `offset`. */
  isMember(u8: Uint8Array, offset: number): boolean {
    const groups = this.#groups;
    if (groups.length === 0) return false;
    const length = groups[0].address.length;
    const hash = groupHash(u8, offset, length);
    for (let i = 0; i < groups.length; i++) {
      const group = groups[i];
      if (group.hash === hash && group.isMember && sameBytes(group.address, 0, u8, offset, length))
        return true;
    }
    return false;
  }

  /** Whether a socket has joined the group at `offset` for the sender at `source`. */
  accepts(u8: Uint8Array, offset: number, source: number): boolean {
    const groups = this.#groups;
    for (let i = 0; i < groups.length; i++)
      if (groups[i].isAt(u8, offset)) return groups[i].accepts(u8, source);
    return false;
  }

  /** Number of joined groups. */
  get size(): number {
    return this.#groups.reduce((sum, group) => sum + (group.isMember ? 1 : 0), 0);
  }

  join(address: Uint8Array, source: Uint8Array | null): void {
    this.#followQuerier();
    let group = this.#find(address);
    if (group === null) {
      group = new GroupState(address.slice(), groupHash(address, 0, address.length));
      this.#groups.push(group);
    }
    const wasMember = group.isMember;
    if (group.join(source, this.#robustness)) this.#changed(group, !wasMember);
  }

  leave(address: Uint8Array, source: Uint8Array | null): void {
    this.#followQuerier();
    const group = this.#find(address);
    if (group?.leave(source, this.#robustness)) this.#changed(group, false);
  }

  /** Reports everything again, for example after the interface came up or the host got its first address. */
  announce(): void {
    this.#followQuerier();
    for (const group of [...this.#groups]) {
      group.announce(this.#robustness);
      if (group.isMember) this.#changed(group, true);
    }
  }

  receiveQuery(query: GroupQuery): void {
    const now = this.#clock.now();
    if (query.age > 0) {
      // "Older version querier present timeout", RFC 3376 §8.12.
      const present = this.#robustness * this.#queryInterval + query.maxResponseTime;
      this.#olderUntil[query.age] = now + present;
    } else {
      this.#robustness = query.robustness || ROBUSTNESS;
      this.#queryInterval = query.queryInterval * 1000 || QUERY_INTERVAL;
    }
    this.#followQuerier();
    if (this.#age === 0) this.#queried(query, now);
    else this.#queriedOld(query, now);
    this.#arm();
  }

  /** Another host has reported a group in an older version, so this one need not (RFC 2236 §3). */
  receiveOldReport(u8: Uint8Array, offset: number): void {
    this.#followQuerier();
    if (this.#age === 0) return;
    const length = this.#groups[0]?.address.length ?? 0;
    const group = this.#groups.find((one) => sameBytes(one.address, 0, u8, offset, length));
    if (group === undefined) return;
    group.cancelResponse();
    group.repeats = 0;
    group.repeatAt = Infinity;
    group.lastReporter = false;
  }

  /** Leaves all groups. Reports it once if `tell`. */
  close(tell: boolean): void {
    this.#followQuerier();
    const members = this.#groups.filter(
      (group) => group.isMember && this.#messages.isReported(group.address),
    );
    this.#groups = [];
    this.#changing.clear();
    this.#timer?.cancel();
    this.#timer = null;
    if (!tell || members.length === 0) return;
    if (this.#age > 0) {
      for (const group of members) this.#leaveOld(group);
      return;
    }
    const records: GroupRecord[] = [];
    for (const group of members) {
      group.leaveAll();
      group.takeChanges(records);
    }
    this.#messages.sendReport(records);
  }

  #find(address: Uint8Array): GroupState | null {
    const hash = groupHash(address, 0, address.length);
    for (const group of this.#groups)
      if (group.hash === hash && sameBytes(group.address, 0, address, 0, address.length)) return group;
    return null;
  }

  /** Uses the version of the oldest querier present. A change of version cancels what was pending. */
  #followQuerier(): void {
    const now = this.#clock.now();
    const age = now < this.#olderUntil[2] ? 2 : now < this.#olderUntil[1] ? 1 : 0;
    if (age === this.#age) return;
    this.#age = age;
    this.#generalAt = Infinity;
    this.#changesAt = Infinity;
    for (const group of this.#groups) group.cancelReports();
    this.#changing.clear();
    this.#forget();
  }

  #changed(group: GroupState, isNew: boolean): void {
    if (!this.#messages.isReported(group.address)) group.cancelReports();
    else if (this.#age > 0) this.#changedOld(group, isNew);
    else {
      this.#changing.add(group);
      this.#sendChanges();
    }
    if (!group.isMember && !group.hasChanges) this.#forget();
    this.#arm();
  }

  /** Older versions know no sources: they report groups. */
  #changedOld(group: GroupState, isNew: boolean): void {
    if (isNew) {
      group.cancelReports();
      this.#messages.sendOldReport(group.address, this.#age);
      group.lastReporter = true;
      group.repeats = this.#robustness - 1;
      if (group.repeats > 0) {
        group.repeatAt = this.#clock.now() + this.#timing.random() * this.#messages.oldReportInterval;
        this.#hasTimes = true;
      }
    } else if (!group.isMember) {
      group.cancelReports();
      this.#leaveOld(group);
    }
  }

  #leaveOld(group: GroupState): void {
    // Version 1 has no such message.
    if (this.#age === 1 && group.lastReporter) this.#messages.sendLeave(group.address);
    group.lastReporter = false;
  }

  #sendChanges(): void {
    const records: GroupRecord[] = [];
    for (const group of this.#changing) {
      group.takeChanges(records);
      if (!group.hasChanges) this.#changing.delete(group);
    }
    if (records.length > 0) this.#messages.sendReport(records);
    const hasMore = this.#changing.size > 0;
    this.#changesAt = hasMore ? this.#clock.now() + this.#timing.random() * UNSOLICITED_INTERVAL : Infinity;
  }

  #queried(query: GroupQuery, now: number): void {
    const at = now + this.#timing.random() * query.maxResponseTime;
    // The pending answer to a general query comes sooner.
    if (this.#generalAt <= at) return;
    if (query.group === null) {
      if (this.#groups.some((group) => group.isMember && this.#messages.isReported(group.address)))
        this.#generalAt = at;
      return;
    }
    const group = this.#find(query.group);
    if (!group?.isMember || !this.#messages.isReported(group.address)) return;
    group.ask(at, query.sources);
    this.#hasTimes = true;
  }

  #queriedOld(query: GroupQuery, now: number): void {
    this.#hasTimes = true;
    for (const group of this.#groups) {
      if (!group.isMember || !this.#messages.isReported(group.address)) continue;
      if (query.group !== null && !sameBytes(group.address, 0, query.group, 0, query.group.length)) continue;
      const latest = now + query.maxResponseTime;
      if (group.responseAt > latest) group.responseAt = now + this.#timing.random() * query.maxResponseTime;
    }
  }

  /** Removes groups without members that have nothing left to report. */
  #forget(): void {
    if (this.#groups.some((group) => !group.isMember && !group.hasChanges))
      this.#groups = this.#groups.filter((group) => group.isMember || group.hasChanges);
  }

  #arm(): void {
    let at = Math.min(this.#generalAt, this.#changesAt);
    if (this.#hasTimes) {
      let first = Infinity;
      for (const group of this.#groups) first = Math.min(first, group.responseAt, group.repeatAt);
      this.#hasTimes = first !== Infinity;
      at = Math.min(at, first);
    }
    if (at === this.#timerAt) return;
    this.#timer?.cancel();
    this.#timer = null;
    this.#timerAt = at;
    if (at !== Infinity) this.#timer = this.#clock.setTimer(this.#due, at - this.#clock.now(), true);
  }

  readonly #due = (): void => {
    this.#timer = null;
    this.#timerAt = Infinity;
    this.#followQuerier();
    const now = this.#clock.now();
    if (this.#age > 0) this.#dueOld(now);
    else this.#dueNow(now);
    this.#forget();
    this.#arm();
  };

  #dueNow(now: number): void {
    const records: GroupRecord[] = [];
    if (this.#generalAt <= now) {
      this.#generalAt = Infinity;
      for (const group of this.#groups) {
        if (!this.#messages.isReported(group.address)) continue;
        group.cancelResponse();
        group.addCurrent(records);
      }
    }
    for (const group of this.#groups) if (group.responseAt <= now) group.answer(records);
    if (records.length > 0) this.#messages.sendReport(records);
    if (this.#changesAt <= now) this.#sendChanges();
  }

  #dueOld(now: number): void {
    for (const group of this.#groups) {
      const isRepeat = group.repeatAt <= now;
      if (!isRepeat && group.responseAt > now) continue;
      if (isRepeat) {
        group.repeats--;
        group.repeatAt =
          group.repeats > 0 ? now + this.#timing.random() * this.#messages.oldReportInterval : Infinity;
      }
      if (group.responseAt <= now) group.cancelResponse();
      group.lastReporter = true;
      this.#messages.sendOldReport(group.address, this.#age);
    }
  }
}

/**
 * Distributes records over reports with at most `limit` bytes of records each. Splits records with many sources (RFC
 * 3376 §4.2.16 allows it for included sources).
 */
export function packRecords(
  records: readonly GroupRecord[],
  lengthOf: (sources: number) => number,
  limit: number,
  send: (records: GroupRecord[], bytes: number) => void,
): void {
  let packed: GroupRecord[] = [];
  let bytes = 0;
  for (const record of records) {
    let from = 0;
    do {
      let count = record.sources.length - from;
      while (lengthOf(count) > limit) count--;
      const length = lengthOf(count);
      if (bytes + length > limit) {
        send(packed, bytes);
        packed = [];
        bytes = 0;
      }
      packed.push({ ...record, sources: record.sources.slice(from, from + count) });
      bytes += length;
      from += count;
    } while (from < record.sources.length);
  }
  if (packed.length > 0) send(packed, bytes);
}
