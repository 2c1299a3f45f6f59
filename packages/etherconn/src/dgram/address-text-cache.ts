import { readU32, sameBytes } from '../wire/bytes.ts';
import { formatIp } from '../wire/ip.ts';
import { isLinkLocal } from './address.ts';

/** Senders whose address text is kept; a power of two. */
const ENTRIES = 1024;
/** Bytes of an IPv6 key. */
const KEY = 16;

/**
 * Texts of the addresses that datagrams came from. Making one costs more than the rest of a small datagram, and the
 * same string object again is what makes the lookup of the answer's destination quick. Direct mapped: a newcomer
 * takes the place of whom it collides with.
 */
export class AddressTextCache {
  /** IP version, and what version of socket the text is for; 0 where there is no entry. */
  readonly #kinds = new Uint8Array(ENTRIES);
  /** IPv4 addresses are compared as numbers. */
  readonly #words = new Int32Array(ENTRIES);
  readonly #keys = new Uint8Array(ENTRIES * KEY);
  readonly #texts: string[] = new Array(ENTRIES).fill('');
  readonly #zone: string;

  /** `zone` goes behind link-local addresses. */
  constructor(zone: string) {
    this.#zone = zone;
  }

  /**
   * Text of the address of `ipVersion` at `offset`, as a socket of `socketVersion` shows it: IPv4 peers of udp6
   * sockets are '::ffff:10.0.0.1'.
   */
  text(u8: Uint8Array, offset: number, ipVersion: number, socketVersion: number): string {
    const kind = ipVersion | (socketVersion << 4);
    if (ipVersion !== 4) return this.#text6(u8, offset, kind, socketVersion);
    const word = readU32(u8, offset) | 0;
    const place = placeOf(Math.imul(word, 0x9e3779b1) ^ kind);
    if (this.#words[place] === word && this.#kinds[place] === kind) return this.#texts[place]!;
    this.#words[place] = word;
    return this.#set(place, u8, offset, kind, socketVersion);
  }

  #text6(u8: Uint8Array, offset: number, kind: number, socketVersion: number): string {
    const keys = this.#keys;
    const low = Math.imul(readU32(u8, offset + 12), 0x9e3779b1);
    const place = placeOf(low ^ kind ^ Math.imul(readU32(u8, offset + 8), 0x85ebca6b));
    const key = place * KEY;
    if (this.#kinds[place] === kind && sameBytes(keys, key, u8, offset, KEY)) return this.#texts[place]!;
    for (let i = 0; i < KEY; i++) keys[key + i] = u8[offset + i]!;
    return this.#set(place, u8, offset, kind, socketVersion);
  }

  #set(place: number, u8: Uint8Array, offset: number, kind: number, socketVersion: number): string {
    const text = this.#format(u8, offset, kind & 0xf, socketVersion);
    this.#kinds[place] = kind;
    this.#texts[place] = text;
    return text;
  }

  #format(u8: Uint8Array, offset: number, ipVersion: number, socketVersion: number): string {
    const text = formatIp(u8, offset, ipVersion);
    if (ipVersion === 4) return socketVersion === 6 ? `::ffff:${text}` : text;
    return isLinkLocal(u8, offset) && this.#zone !== '' ? `${text}%${this.#zone}` : text;
  }
}

function placeOf(hash: number): number {
  return (hash ^ (hash >>> 15)) & (ENTRIES - 1);
}
