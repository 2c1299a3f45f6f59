import type { FrameMemory } from '../link/link.ts';
import { LITTLE_ENDIAN } from '../wire/byte-order.ts';
import { formatIp } from '../wire/ip.ts';

// The engine looks an imported constant up in every call.
const littleEndian = LITTLE_ENDIAN;

/** Where an address is read from. */
export type AddressMemory = Pick<FrameMemory, 'u8' | 'u32'>;

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
  text(memory: AddressMemory, offset: number, version: number, zone: string): string {
    return version === 4 ? this.#text4(memory, offset, Kind.IPV4) : this.#text6(memory, offset, zone);
  }

  /** Text of the IPv4 address at `offset` as an IPv6 address: '::ffff:10.0.0.1'. */
  mapped(memory: AddressMemory, offset: number): string {
    return this.#text4(memory, offset, Kind.MAPPED);
  }

  #text4(memory: AddressMemory, offset: number, kind: number): string {
    const word = wordAt(memory, offset);
    const place = placeOf(word ^ kind);
    const last = (place << 2) | 3;
    if (this.#words[last] === word && this.#kinds[place] === kind) return this.#texts[place];
    const text = formatIp(memory.u8, offset, 4);
    this.#words[last] = word;
    this.#kinds[place] = kind;
    this.#texts[place] = kind === Kind.MAPPED ? `::ffff:${text}` : text;
    return this.#texts[place];
  }

  #text6(memory: AddressMemory, offset: number, zone: string): string {
    const a = wordAt(memory, offset);
    const b = wordAt(memory, offset + 4);
    const c = wordAt(memory, offset + 8);
    const d = wordAt(memory, offset + 12);
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
    const text = formatIp(memory.u8, offset, 6);
    this.#texts[place] = zone === '' ? text : `${text}%${zone}`;
    return this.#texts[place];
  }
}

/** One for all conns and sockets of the thread. */
export const addressTexts: AddressTexts = new AddressTexts();

/** Four bytes as a number. In frames IP addresses stand at whole words. */
function wordAt(memory: AddressMemory, offset: number): number {
  if (littleEndian && (offset & 3) === 0) return memory.u32[offset >> 2] | 0;
  const { u8 } = memory;
  return u8[offset] | (u8[offset + 1] << 8) | (u8[offset + 2] << 16) | (u8[offset + 3] << 24);
}

function placeOf(hash: number): number {
  const mixed = Math.imul(hash, 0x9e3779b1);
  return (mixed ^ (mixed >>> 15)) & (ENTRIES - 1);
}
