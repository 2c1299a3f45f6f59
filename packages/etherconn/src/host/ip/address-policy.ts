import { isIpv4Mapped, isLinkLocalIpv6, isLoopbackIp, parsePrefix, prefixContains } from '../../wire/ip.ts';

/** RFC 4007 §6, RFC 4291 §2.7. */
const SCOPE_LINK = 2;
const SCOPE_SITE = 5;
const SCOPE_GLOBAL = 14;

/** RFC 6724 §2.1, the longest prefix first: prefix, precedence, label. */
const POLICIES = (
  [
    ['::1/128', 50, 0],
    ['::ffff:0:0/96', 35, 4],
    ['::/96', 1, 3],
    ['2001::/32', 5, 5],
    ['2002::/16', 30, 2],
    ['3ffe::/16', 1, 12],
    ['fec0::/10', 1, 11],
    ['fc00::/7', 3, 13],
    ['::/0', 40, 1],
  ] as const
).map(([text, precedence, label]) => ({ prefix: parsePrefix(text), precedence, label }));

/** The policy of an address (16 bytes): its label, and its precedence as a destination. */
export function policyOf(address: Uint8Array): { readonly precedence: number; readonly label: number } {
  return POLICIES.find(({ prefix }) => prefixContains(prefix, address))!;
}

/** The scope of an address (16 bytes): RFC 6724 §3.1, §3.2 for IPv4-mapped ones. */
export function scopeOf(address: Uint8Array): number {
  if (address[0] === 0xff) return address[1] & 0x0f;
  if (isLinkLocalIpv6(address) || isLoopbackIp(address, 0, 6)) return SCOPE_LINK;
  if (address[0] === 0xfe && (address[1] & 0xc0) === 0xc0) return SCOPE_SITE;
  const isLocal4 = address[12] === 127 || (address[12] === 169 && address[13] === 254);
  return isIpv4Mapped(address) && isLocal4 ? SCOPE_LINK : SCOPE_GLOBAL;
}

/** Number of common leading bits of two addresses (16 bytes). */
export function commonBits(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < 16; i++) if (a[i] !== b[i]) return 8 * i + Math.clz32(a[i] ^ b[i]) - 24;
  return 128;
}
