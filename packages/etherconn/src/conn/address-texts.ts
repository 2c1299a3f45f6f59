import { readU32 } from '../wire/bytes.ts';
import { formatIp } from '../wire/ip.ts';

/** Addresses whose text is kept; a power of two. */
const ENTRIES = 4096;

/** What a text is of. 0 where there is no entry. */
const Kind = { IPV4: 4, IPV6: 6, MAPPED: 64 } as const;

/**
 * Texts of the addresses that datagrams came from and went to. Making one costs more than the rest of a small datagram,
 * and the same string object again is what makes the lookup of the answer's destination quick. Direct mapped: a newcomer
 * takes the place of whom it collides with.
 */
export class AddressTexts {
  readonly #kinds = new Uint8Array(ENTRIES);
  /** Four words for each entry; an IPv4 address is the last one. Compared as numbers. */
  readonly #words = new Int32Array(ENTRIES * 4);
  readonly #texts: string[] = new Array(ENTRIES).fill('');
  readonly #zones: string[] = new Array(ENTRIES).fill('');

  /** Text of the address of `version` at `offset`. `zone` goes behind an IPv6 address unless it is ''. */
  text(u8: Uint8Array, offset: number, version: number, zone: string): string {
    return version === 4 ? this.#text4(u8, offset, Kind.IPV4) : this.#text6(u8, offset, zone);
  }

  /** Text of the IPv4 address at `offset` as an IPv6 address: '::ffff:10.0.0.1'. */
  mapped(u8: Uint8Array, offset: number): string {
    return this.#text4(u8, offset, Kind.MAPPED);
  }

  #text4(u8: Uint8Array, offset: number, kind: number): string {
    const word = readU32(u8, offset) | 0;
    const place = placeOf(word ^ kind);
    const last = (place << 2) | 3;
    if (this.#words[last] === word && this.#kinds[place] === kind) return this.#texts[place];
    const text = formatIp(u8, offset, 4);
    this.#words[last] = word;
    this.#kinds[place] = kind;
    this.#texts[place] = kind === Kind.MAPPED ? `::ffff:${text}` : text;
    return this.#texts[place];
  }

  #text6(u8: Uint8Array, offset: number, zone: string): string {
    const a = readU32(u8, offset) | 0;
    const b = readU32(u8, offset + 4) | 0;
    const c = readU32(u8, offset + 8) | 0;
    const d = readU32(u8, offset + 12) | 0;
    const words = this.#words;
    const place = placeOf(d ^ Math.imul(c ^ Math.imul(b ^ Math.imul(a, 31), 31), 31));
    const first = place << 2;
    if (
      words[first + 3] === d &&
      words[first + 2] === c &&
      words[first + 1] === b &&
      words[first] === a &&
      this.#kinds[place] === Kind.IPV6 &&
      this.#zones[place] === zone
    ) {
      return this.#texts[place];
    }
    words[first] = a;
    words[first + 1] = b;
    words[first + 2] = c;
    words[first + 3] = d;
    this.#kinds[place] = Kind.IPV6;
    this.#zones[place] = zone;
    const text = formatIp(u8, offset, 6);
    this.#texts[place] = zone === '' ? text : `${text}%${zone}`;
    return this.#texts[place];
  }
}

/** One for all conns and sockets of the thread. */
export const addressTexts: AddressTexts = new AddressTexts();

function placeOf(hash: number): number {
  const mixed = Math.imul(hash, 0x9e3779b1);
  return (mixed ^ (mixed >>> 15)) & (ENTRIES - 1);
}
