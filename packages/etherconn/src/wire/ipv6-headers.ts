import { readU16 } from './bytes.ts';
import { IpProtocol } from './protocol.ts';

/** Where an IPv6 header names what follows it, from its start. */
export const IPV6_NEXT_HEADER = 6;
/** Bytes of the fixed header. */
export const IPV6_HEADER_LENGTH = 40;
/** Bytes of a fragment header, and the unit of the other extension headers. */
export const IPV6_FRAGMENT_LENGTH = 8;

/** Whether `next` is the number of a header that is walked through: RFC 8200 §4, without AH and ESP. */
export function isIpv6Extension(next: number): boolean {
  return (
    next === IpProtocol.HOP_BY_HOP ||
    next === IpProtocol.ROUTING ||
    next === IpProtocol.FRAGMENT ||
    next === IpProtocol.DESTINATION_OPTIONS
  );
}

/**
 * A walk over the extension headers of an IPv6 packet, the only one there is: parsing, looking a header up, and what
 * hosts make of each header go by it.
 *
 * ```ts
 * walk.begin(u8, l3, l3End);
 * while (walk.next(u8)) use(walk.kind, walk.offset, walk.length);
 * ```
 */
export class Ipv6HeaderWalk {
  /** Number of the header at hand. Behind the last one: of what ended the walk, which is an extension if it is cut off. */
  kind = 0;
  /** Offset of the header at hand. Behind the last one: where the walk ended. */
  offset = 0;
  /** Bytes of the header at hand. All of them are there. */
  length = 0;
  /** Offset of the field that names the header at hand. */
  field = 0;
  #end = 0;

  /** Begins behind the fixed header at `l3`, which is whole, of a packet that ends at `end`. */
  begin(u8: Uint8Array, l3: number, end: number): void {
    this.field = l3 + IPV6_NEXT_HEADER;
    this.kind = u8[this.field];
    this.offset = l3 + IPV6_HEADER_LENGTH;
    this.length = 0;
    this.#end = end;
  }

  /**
   * Steps to the next extension header. False when there is none: the protocol comes, or a header that is cut off, or
   * the header at hand is that of a later fragment, behind which anything may come.
   */
  next(u8: Uint8Array): boolean {
    if (this.length > 0) {
      const isLater = this.kind === IpProtocol.FRAGMENT && readU16(u8, this.offset + 2) >> 3 !== 0;
      this.field = this.offset;
      this.kind = u8[this.field];
      this.offset += this.length;
      this.length = 0;
      if (isLater) return false;
    }
    const left = this.#end - this.offset;
    if (!isIpv6Extension(this.kind) || left < IPV6_FRAGMENT_LENGTH) return false;
    const length = this.kind === IpProtocol.FRAGMENT ? IPV6_FRAGMENT_LENGTH : (u8[this.offset + 1] + 1) << 3;
    if (left < length) return false;
    this.length = length;
    return true;
  }
}
