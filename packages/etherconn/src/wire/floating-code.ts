/**
 * Numbers as codes of a few bits, of which the larger ones have an exponent: the times in IGMPv3 (RFC 3376 §4.1.1,
 * §4.1.7) and MLDv2 (RFC 3810 §5.1.3, §5.1.9). `bits` is 8 or 16.
 */

/** The number of a code. */
export function fromFloatingCode(code: number, bits: 8 | 16): number {
  const top = 1 << (bits - 1);
  if (code < top) return code;
  const mantissaBits = bits - 4;
  const exponent = (code >> mantissaBits) & 7;
  const mantissa = code & ((1 << mantissaBits) - 1);
  return (mantissa | (1 << mantissaBits)) * 2 ** (exponent + 3);
}

/** The code whose number is the largest that is not over `value`. */
export function toFloatingCode(value: number, bits: 8 | 16): number {
  const top = 1 << (bits - 1);
  if (value < top) return Math.max(0, Math.floor(value));
  const mantissaBits = bits - 4;
  for (let exponent = 0; exponent < 8; exponent++) {
    const mantissa = Math.floor(value / 2 ** (exponent + 3));
    if (mantissa < 2 << mantissaBits)
      return top | (exponent << mantissaBits) | (mantissa & ((1 << mantissaBits) - 1));
  }
  return 2 * top - 1;
}
