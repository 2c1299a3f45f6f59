import { readU32, sameBytes } from '../../wire/bytes.ts';
import { type GroupRecord, GroupRecordType } from '../../wire/group-record.ts';

/** A source that somebody has joined, or one whose change is still to be told. */
interface CountedSource {
  readonly address: Uint8Array;
  count: number;
}

/**
 * Sources of queries that are remembered until the answer. Beyond them the answer is about the whole group, which says
 * no less.
 */
const QUERY_SOURCES_MAX = 64;

/**
 * What a host's sockets want of one group, and what of it routers have yet to be told. The interface's filter
 * (RFC 3376 §3.2) is EXCLUDE {} when a socket has joined for any source, else INCLUDE with the sources that sockets
 * have joined: there is no way here to block a source.
 */
export class GroupState {
  /** 4 or 16 bytes. */
  readonly address: Uint8Array;
  /** Of the address: what is compared first. */
  readonly hash: number;
  /** When to answer a query; Infinity when none waits. */
  responseAt: number = Infinity;
  /** Older versions: unsolicited reports still to be sent, and when. */
  repeats = 0;
  repeatAt: number = Infinity;
  /** Older versions: we were the last to report, so it is up to us to say that we leave. */
  lastReporter = false;

  /** Sockets that have joined for any source. */
  #any = 0;
  #sources: CountedSource[] = [];
  /** Reports that still have to tell the change of the filter mode. */
  #modeReports = 0;
  /** Sources whose coming or going still has to be told, `count` times. */
  #changes: CountedSource[] = [];
  /** Sources that were asked for; null: the whole group was. */
  #asked: Uint8Array[] | null = null;

  constructor(address: Uint8Array, hash: number) {
    this.address = address;
    this.hash = hash;
  }

  get isMember(): boolean {
    return this.#any > 0 || this.#sources.length > 0;
  }

  /** Whether routers have yet to be told something. */
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

  /** Counts a join; returns whether the interface's filter has changed. `reports`: how often to tell it. */
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

  /** Counts a leave; as of {@link join}. Leaving what nobody joined changes nothing. */
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

  /** All sockets leave at once. */
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

  /** The state is told again as if it were new. */
  announce(reports: number): void {
    if (this.isMember) this.#changeMode(reports);
  }

  /** Nothing is told, nor answered, any more. */
  cancelReports(): void {
    this.#modeReports = 0;
    this.#changes = [];
    this.repeats = 0;
    this.repeatAt = Infinity;
    this.cancelResponse();
  }

  /** Adds the records of the next state change report; each change is told once more by it (RFC 3376 §5.1). */
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

  /** Adds the record of the state as it is. */
  addCurrent(into: GroupRecord[]): void {
    if (!this.isMember) return;
    const { MODE_IS_EXCLUDE, MODE_IS_INCLUDE } = GroupRecordType;
    into.push(this.#record(this.#any > 0 ? MODE_IS_EXCLUDE : MODE_IS_INCLUDE, this.#filter()));
  }

  /** A query wants an answer at `at`: about these sources, or (none) the whole group (RFC 3376 §5.2). */
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

  /** Adds the record that answers what was asked, and forgets the question. */
  answer(into: GroupRecord[]): void {
    const asked = this.#asked;
    this.cancelResponse();
    if (asked === null) {
      this.addCurrent(into);
      return;
    }
    // What was asked for may have been left meanwhile.
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

/** A number that tells groups apart quickly. */
export function groupHash(u8: Uint8Array, offset: number, length: number): number {
  return readU32(u8, offset) ^ (readU32(u8, offset + length - 4) << 1);
}
