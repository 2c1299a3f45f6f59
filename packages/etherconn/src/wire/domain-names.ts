import { OptionError } from '../errors.ts';
import { show } from '../options.ts';

/** Lists of domain names in options (RFC 3397, RFC 8106 §5.2): labels as of RFC 1035 §3.1, §4.1.4. */

const LABEL_MAX = 63;
const NAME_MAX = 255;
/** The two bits that tell a pointer from a label. */
const POINTER = 0xc0;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The names, without final dot; undefined when the bytes are no list of names. Pointers go back within `u8`. */
export function parseDomainNames(u8: Uint8Array): string[] | undefined {
  const names: string[] = [];
  let at = 0;
  while (at < u8.length) {
    const labels: string[] = [];
    let length = 0;
    let reading = at;
    let after = -1;
    for (;;) {
      if (reading >= u8.length) return undefined;
      const size = u8[reading];
      if (size === 0) {
        reading++;
        break;
      }
      if ((size & POINTER) === POINTER) {
        if (reading + 1 >= u8.length) return undefined;
        const target = ((size & 0x3f) << 8) | u8[reading + 1];
        // Backwards only: so it comes to an end.
        if (target >= reading) return undefined;
        if (after < 0) after = reading + 2;
        reading = target;
        continue;
      }
      length += size + 1;
      if (size > LABEL_MAX || length > NAME_MAX || reading + 1 + size > u8.length) return undefined;
      labels.push(decoder.decode(u8.subarray(reading + 1, reading + 1 + size)));
      reading += 1 + size;
    }
    at = after < 0 ? reading : after;
    // Zeros behind the last name are padding.
    if (labels.length > 0) names.push(labels.join('.'));
  }
  return names.length > 0 ? names : undefined;
}

/** Names as bytes, without compression. Throws an OptionError naming `option`. */
export function formatDomainNames(names: readonly string[], option: string): Uint8Array {
  const bytes: number[] = [];
  for (const name of names) {
    const begin = bytes.length;
    for (const label of String(name).replace(/\.$/, '').split('.')) {
      const encoded = encoder.encode(label);
      if (encoded.length === 0 || encoded.length > LABEL_MAX)
        throw new OptionError(option, `must be domain names, got ${show(name)}`);
      bytes.push(encoded.length, ...encoded);
    }
    bytes.push(0);
    if (bytes.length - begin > NAME_MAX) throw new OptionError(option, `name is too long: ${show(name)}`);
  }
  return Uint8Array.from(bytes);
}
