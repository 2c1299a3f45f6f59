import { readU32, sameBytes } from '../wire/bytes.ts';
import { formatIp } from '../wire/ip.ts';
import { isLinkLocal } from './address.ts';

/** Senders whose address text is kept; a power of two. */
const ENTRIES = 1024;
/** Bytes of a key: the address, and what version of socket the text is for. */
const KEY = 17;

/**
 * Texts of the addresses that datagrams came from. Making one costs more than the rest of a small datagram, and the
 * same string object again is what makes the lookup of the answer's destination quick. Direct mapped: a newcomer
 * takes the place of whom it collides with.
 */
export class AddressTextCache {
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
    const keys = this.#keys;
    const length = ipVersion === 4 ? 4 : 16;
    const kind = ipVersion | (socketVersion << 4);
    let hash = Math.imul(readU32(u8, offset + length - 4), 0x9e3779b1) ^ kind;
    if (length === 16) hash ^= Math.imul(readU32(u8, offset + 8), 0x85ebca6b);
    hash ^= hash >>> 15;
    const place = hash & (ENTRIES - 1);
    const key = place * KEY;
    if (keys[key + 16] === kind && sameBytes(keys, key, u8, offset, length)) return this.#texts[place]!;
    for (let i = 0; i < length; i++) keys[key + i] = u8[offset + i]!;
    keys[key + 16] = kind;
    const text = this.#format(u8, offset, ipVersion, socketVersion);
    this.#texts[place] = text;
    return text;
  }

  #format(u8: Uint8Array, offset: number, ipVersion: number, socketVersion: number): string {
    const text = formatIp(u8, offset, ipVersion);
    if (ipVersion === 4) return socketVersion === 6 ? `::ffff:${text}` : text;
    return isLinkLocal(u8, offset) && this.#zone !== '' ? `${text}%${this.#zone}` : text;
  }
}
