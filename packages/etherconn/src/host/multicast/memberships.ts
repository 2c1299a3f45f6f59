import { sameBytes } from '../../wire/bytes.ts';
import { ipEquals } from '../../wire/ip.ts';
import { hostError } from '../host-error.ts';

/** A group that a port has joined. */
export interface Membership {
  /** 4 or 16 bytes. */
  readonly group: Uint8Array;
  /** The only senders that are heard, RFC 4607; null for all. */
  sources: Uint8Array[] | null;
}

/** The groups of one port: what it hears of what the host receives. */
export class Memberships {
  readonly list: Membership[] = [];

  /** Throws a SystemError as Linux's setsockopt does: EADDRINUSE, EADDRNOTAVAIL, EINVAL. */
  join(group: Uint8Array, source: Uint8Array | null): void {
    const known = this.#find(group);
    if (known === undefined) {
      this.list.push({ group, sources: source === null ? null : [source] });
    } else if (source === null) {
      throw hostError('EADDRINUSE', 'addMembership', 'the port is a member of this group already');
    } else if (known.sources === null) {
      throw hostError('EINVAL', 'addMembership', 'the port hears all senders of this group already');
    } else if (known.sources.some((one) => ipEquals(one, source))) {
      throw hostError('EADDRNOTAVAIL', 'addMembership', 'the port hears this sender already');
    } else {
      known.sources.push(source);
    }
  }

  /** Throws a SystemError when the port is no such member: EADDRNOTAVAIL, or EINVAL for a source of no group of it. */
  leave(group: Uint8Array, source: Uint8Array | null): void {
    const known = this.#find(group);
    const place = source === null ? 0 : (known?.sources?.findIndex((one) => ipEquals(one, source)) ?? -1);
    if (known === undefined || place < 0) {
      const code = known === undefined && source !== null ? 'EINVAL' : 'EADDRNOTAVAIL';
      throw hostError(code, 'dropMembership', 'the port is not a member of this group');
    }
    if (source !== null) known.sources!.splice(place, 1);
    if (source === null || known.sources!.length === 0) this.list.splice(this.list.indexOf(known), 1);
  }

  /** Whether a datagram to the group at `group`, of the sender at `source`, is heard. */
  hears(u8: Uint8Array, group: number, source: number, version: number): boolean {
    const length = version === 4 ? 4 : 16;
    for (let i = 0; i < this.list.length; i++) {
      const membership = this.list[i];
      if (membership.group.length !== length || !sameBytes(membership.group, 0, u8, group, length)) continue;
      const { sources } = membership;
      if (sources === null) return true;
      for (let s = 0; s < sources.length; s++) if (sameBytes(sources[s], 0, u8, source, length)) return true;
      return false;
    }
    return false;
  }

  #find(group: Uint8Array): Membership | undefined {
    return this.list.find((one) => ipEquals(one.group, group));
  }
}
