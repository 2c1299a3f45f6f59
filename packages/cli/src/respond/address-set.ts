import { parseIp } from 'etherconn/wire';
import type { Range } from '../scenario/range.ts';

/** Addresses that somebody answers for, of both versions: asked for each frame, by their bytes in it. */
export class AddressSet {
  readonly #v4 = new Set<number>();
  readonly #v6 = new Set<string>();

  constructor(ranges: readonly Range<string>[]) {
    for (const range of ranges) {
      for (let n = 0; n < range.count; n++) {
        const bytes = parseIp(range.at(n));
        if (bytes.length === 4) this.#v4.add(number(bytes, 0));
        else this.#v6.add(text(bytes, 0));
      }
    }
  }

  hasV4(u8: Uint8Array, at: number): boolean {
    return this.#v4.has(number(u8, at));
  }

  hasV6(u8: Uint8Array, at: number): boolean {
    return this.#v6.size > 0 && this.#v6.has(text(u8, at));
  }
}

function number(u8: Uint8Array, at: number): number {
  return ((u8[at] << 24) | (u8[at + 1] << 16) | (u8[at + 2] << 8) | u8[at + 3]) >>> 0;
}

function text(u8: Uint8Array, at: number): string {
  return String.fromCharCode(...u8.subarray(at, at + 16));
}
