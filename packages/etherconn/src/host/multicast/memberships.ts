import { sameBytes } from '../../wire/bytes.ts';
import { ipEquals } from '../../wire/ip.ts';
import { hostError } from '../host-error.ts';

/** The interfaces of a host: link and loopback. */
export type Interface = 'link' | 'loopback';

/** A group that a port has joined on one interface. */
export interface Membership {
  /** 4 or 16 bytes. */
  readonly group: Uint8Array;
  readonly on: Interface;
  /** The only accepted senders, RFC 4607. Null for all. */
  sources: Uint8Array[] | null;
}

/** Told of each join and leave of a group, or of a source of a group. */
export interface MembershipCounter {
  join(group: Uint8Array, source: Uint8Array | null, on: Interface): void;
  leave(group: Uint8Array, source: Uint8Array | null, on: Interface): void;
}

/**
 * The memberships of one port: which of the group datagrams that the host receives it takes. As with Linux, a port
 * may join a group on each interface. Without a named interface, IPv4 uses the link. IPv6 uses any interface on which
 * the port is a member, otherwise the link.
 */
export class Memberships {
  readonly #list: Membership[] = [];
  readonly #counter: MembershipCounter;

  constructor(counter: MembershipCounter) {
    this.#counter = counter;
  }

  /** Throws a SystemError as Linux's setsockopt does: EADDRINUSE, EADDRNOTAVAIL. */
  join(group: Uint8Array, source: Uint8Array | null, on: Interface | null): void {
    const known = this.#find(group, on);
    if (known === undefined) {
      const made = { group, on: on ?? 'link', sources: source === null ? null : [source] };
      this.#counter.join(group, source, made.on);
      this.#list.push(made);
    } else if (source === null) {
      throw hostError('EADDRINUSE', 'addMembership', 'the port is a member of this group already');
    } else if (known.sources === null) {
      // From now on it takes this sender alone.
      known.sources = [source];
      this.#counter.join(group, source, known.on);
      this.#counter.leave(group, null, known.on);
    } else if (known.sources.some((one) => ipEquals(one, source))) {
      throw hostError('EADDRNOTAVAIL', 'addMembership', 'the port hears this sender already');
    } else {
      known.sources.push(source);
      this.#counter.join(group, source, known.on);
    }
  }

  /**
   * Throws a SystemError if the port is no such member: EADDRNOTAVAIL, or EINVAL for a source without a membership of
   * the group.
   */
  leave(group: Uint8Array, source: Uint8Array | null, on: Interface | null): void {
    const known = this.#find(group, on);
    if (known === undefined) {
      const code = source === null ? 'EADDRNOTAVAIL' : 'EINVAL';
      throw hostError(code, 'dropMembership', 'the port is not a member of this group');
    }
    if (source === null) {
      this.#remove(known);
      return;
    }
    const place = known.sources?.findIndex((one) => ipEquals(one, source)) ?? -1;
    if (place < 0) throw hostError('EADDRNOTAVAIL', 'dropMembership', 'the port does not hear this sender');
    if (known.sources!.length === 1) {
      this.#remove(known);
      return;
    }
    known.sources!.splice(place, 1);
    this.#counter.leave(group, source, known.on);
  }

  leaveAll(): void {
    while (this.#list.length > 0) this.#remove(this.#list[this.#list.length - 1]);
  }

  /**
   * Whether a port that has joined the group at `group` on this interface (in IPv6: on any) takes a datagram of the
   * sender at `source`. Undefined if it has not joined.
   */
  hears(u8: Uint8Array, group: number, source: number, version: number, on: Interface): boolean | undefined {
    const length = version === 4 ? 4 : 16;
    for (let i = this.#list.length - 1; i >= 0; i--) {
      const membership = this.#list[i];
      if (membership.group.length !== length || !sameBytes(membership.group, 0, u8, group, length)) continue;
      if (version === 4 && membership.on !== on) continue;
      const { sources } = membership;
      if (sources === null) return true;
      for (let s = 0; s < sources.length; s++) if (sameBytes(sources[s], 0, u8, source, length)) return true;
      return false;
    }
    return undefined;
  }

  #find(group: Uint8Array, on: Interface | null): Membership | undefined {
    const wanted = on ?? (group.length === 4 ? 'link' : null);
    return this.#list.findLast((one) => (wanted === null || one.on === wanted) && ipEquals(one.group, group));
  }

  /** Leaving a group leaves all of its sources. */
  #remove(membership: Membership): void {
    const { group, on, sources } = membership;
    this.#list.splice(this.#list.indexOf(membership), 1);
    if (sources === null) this.#counter.leave(group, null, on);
    else for (const source of sources) this.#counter.leave(group, source, on);
  }
}
