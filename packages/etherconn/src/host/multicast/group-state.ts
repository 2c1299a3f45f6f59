import { readU32, sameBytes } from '../../wire/bytes.ts';
import { type GroupRecord, GroupRecordType } from '../../wire/group-record.ts';

/** A source that a socket has joined, or one with a change still to report. */
interface CountedSource {
  readonly address: Uint8Array;
  count: number;
}

/**
 * Maximum number of queried sources kept until the answer. Beyond that, the answer covers the whole group, which
 * includes them.
 */
const QUERY_SOURCES_MAX = 64;

/**
 * The state of one group: what the host's sockets want of it, and what is still to be reported. The interface's
 * filter (RFC 3376 §3.2) is EXCLUDE {} if a socket has joined for any source, otherwise INCLUDE with the joined
 * sources. Blocking a source is not supported.
 */
export class GroupState {
  /** 4 or 16 bytes. */
  readonly address: Uint8Array;
  /** Hash of the address, compared first. */
  readonly hash: number;
  /** When to answer a query. Infinity if none waits. */
  responseAt: number = Infinity;
  /** Older versions: number and time of unsolicited reports still to send. */
  repeats = 0;
  repeatAt: number = Infinity;
  /** Older versions: whether this host was the last to report the group, so it has to send the leave. */
  lastReporter = false;

  /** Number of sockets that have joined for any source. */
  #any = 0;
  #sources: CountedSource[] = [];
  /** Number of reports that still have to tell the change of the filter mode. */
  #modeReports = 0;
  /** Sources with a change that has to be reported `count` more times. */
  #changes: CountedSource[] = [];
  /** Queried sources. Null if the whole group was queried. */
  #asked: Uint8Array[] | null = null;

  constructor(address: Uint8Array, hash: number) {
    this.address = address;
    this.hash = hash;
  }

  get isMember(): boolean {
    return this.#any > 0 || this.#sources.length > 0;
  }

  /** Whether a change is still to be reported. */
  get hasChanges(): boolean {
    return this.#modeReports > 0 || this.#changes.length > 0;
  }

  /** Whether it is the group whose address is at `offset`. */
  isAt(u8: Uint8Array, offset: number): boolean {
    const { length } = this.address;
    return this.hash === groupHash(u8, offset, length) && sameBytes(this.address, 0, u8, offset, length);
  }

  /** Whether a socket wants what the sender at `source` sends to the group. */
  accepts(u8: Uint8Array, source: number): boolean {
    if (this.#any > 0) return true;
    const sources = this.#sources;
    for (let i = 0; i < sources.length; i++) {
      const { address } = sources[i];
      if (sameBytes(address, 0, u8, source, address.length)) return true;
    }
    return false;
  }

  /**
   * Counts a join. Returns whether the interface's filter has changed. `reports`: how many reports have to tell it.
   */
  join(source: Uint8Array | null, reports: number): boolean {
    if (source === null) {
      if (this.#any++ > 0) return false;
      this.#changeMode(reports);
      return true;
    }
    const known = find(this.#sources, source);
    if (known !== undefined) {
      known.count++;
      return false;
    }
    this.#sources.push({ address: source.slice(), count: 1 });
    return this.#changeSource(source, reports);
  }

  /** Counts a leave, as {@link join}. A leave without a join changes nothing. */
  leave(source: Uint8Array | null, reports: number): boolean {
    if (source === null) {
      if (this.#any === 0 || --this.#any > 0) return false;
      this.#changeMode(reports);
      return true;
    }
    const known = find(this.#sources, source);
    if (known === undefined || --known.count > 0) return false;
    this.#sources = this.#sources.filter((one) => one !== known);
    return this.#changeSource(source, reports);
  }

  /** All sockets leave. */
  leaveAll(): void {
    this.#any = 0;
    this.#sources = [];
    this.#changeMode(1);
  }

  #changeMode(reports: number): void {
    this.#modeReports = reports;
    this.#changes = [];
  }

  #changeSource(source: Uint8Array, reports: number): boolean {
    if (this.#any > 0) return false;
    const pending = find(this.#changes, source);
    if (pending === undefined) this.#changes.push({ address: source.slice(), count: reports });
    else pending.count = reports;
    return true;
  }

  /** Reports the state again, as if it were new. */
  announce(reports: number): void {
    if (this.isMember) this.#changeMode(reports);
  }

  /** Cancels all reports and answers. */
  cancelReports(): void {
    this.#modeReports = 0;
    this.#changes = [];
    this.repeats = 0;
    this.repeatAt = Infinity;
    this.cancelResponse();
  }

  /** Adds the records of the next state change report. Each change counts as told once more (RFC 3376 §5.1). */
  takeChanges(into: GroupRecord[]): void {
    const { CHANGE_TO_EXCLUDE, CHANGE_TO_INCLUDE, ALLOW_NEW_SOURCES, BLOCK_OLD_SOURCES } = GroupRecordType;
    if (this.#modeReports > 0) {
      this.#modeReports--;
      into.push(this.#record(this.#any > 0 ? CHANGE_TO_EXCLUDE : CHANGE_TO_INCLUDE, this.#filter()));
    } else if (this.#changes.length > 0) {
      const addresses = this.#changes.map((change) => change.address);
      const isNew = (address: Uint8Array) => find(this.#sources, address) !== undefined;
      const allowed = addresses.filter(isNew);
      const blocked = addresses.filter((address) => !isNew(address));
      if (allowed.length > 0) into.push(this.#record(ALLOW_NEW_SOURCES, allowed));
      if (blocked.length > 0) into.push(this.#record(BLOCK_OLD_SOURCES, blocked));
    }
    this.#changes = this.#changes.filter((change) => --change.count > 0);
  }

  /** Adds the record of the current state. */
  addCurrent(into: GroupRecord[]): void {
    if (!this.isMember) return;
    const { MODE_IS_EXCLUDE, MODE_IS_INCLUDE } = GroupRecordType;
    into.push(this.#record(this.#any > 0 ? MODE_IS_EXCLUDE : MODE_IS_INCLUDE, this.#filter()));
  }

  /** A query about these sources, or (none) the whole group, is to be answered at `at` (RFC 3376 §5.2). */
  ask(at: number, sources: readonly Uint8Array[]): void {
    const isPending = this.responseAt !== Infinity;
    this.responseAt = Math.min(this.responseAt, at);
    if (sources.length === 0 || (isPending && this.#asked === null)) {
      this.#asked = null;
      return;
    }
    const asked = isPending ? this.#asked! : [];
    for (const source of sources) {
      const isOurs = this.#any > 0 || find(this.#sources, source) !== undefined;
      if (isOurs && !asked.some((one) => same(one, source))) asked.push(source.slice());
    }
    this.#asked = asked.length > QUERY_SOURCES_MAX ? null : asked;
  }

  cancelResponse(): void {
    this.responseAt = Infinity;
    this.#asked = null;
  }

  /** Adds the record that answers the query, and forgets the query. */
  answer(into: GroupRecord[]): void {
    const asked = this.#asked;
    this.cancelResponse();
    if (asked === null) {
      this.addCurrent(into);
      return;
    }
    // The host may have left meanwhile.
    const wanted = this.#any > 0 ? asked : asked.filter((one) => find(this.#sources, one) !== undefined);
    if (wanted.length > 0) into.push(this.#record(GroupRecordType.MODE_IS_INCLUDE, wanted));
  }

  /** The source list of the interface's filter. */
  #filter(): Uint8Array[] {
    return this.#any > 0 ? [] : this.#sources.map((source) => source.address);
  }

  #record(type: number, sources: Uint8Array[]): GroupRecord {
    return { type, group: this.address, sources };
  }
}

function find(list: readonly CountedSource[], address: Uint8Array): CountedSource | undefined {
  return list.find((one) => same(one.address, address));
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return sameBytes(a, 0, b, 0, a.length);
}

/** A hash that tells groups apart quickly. */
export function groupHash(u8: Uint8Array, offset: number, length: number): number {
  return readU32(u8, offset) ^ (readU32(u8, offset + length - 4) << 1);
}
