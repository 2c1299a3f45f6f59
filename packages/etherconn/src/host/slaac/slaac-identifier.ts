import { createHash } from 'node:crypto';
import { linkLocalAddress } from '../../wire/mac.ts';

/** How the lower half of an address is made. */
export interface IdentifierScheme {
  /**
   * 'eui64': of the MAC address (RFC 4291, appendix A), so it is known beforehand. 'stable': of a secret and the prefix
   * (RFC 7217), so it is the same at each visit of a network and says nothing elsewhere.
   */
  readonly kind: 'eui64' | 'stable';
  /** For 'stable'. */
  readonly secret: Uint8Array;
}

/** RFC 5453: the subnet-router anycast address and 128 reserved subnet anycast addresses. */
function isReserved(identifier: Uint8Array): boolean {
  if (identifier.every((byte) => byte === 0)) return true;
  const isAnycast = identifier[0] === 0xfd && identifier.subarray(1, 7).every((byte) => byte === 0xff);
  return isAnycast && identifier[7] >= 0x80;
}

/**
 * The address of a host in a /64 network: 16 new bytes. `attempt` counts up from 0 with each address that turned out
 * to be somebody else's; an EUI-64 is always the same.
 */
export function addressInPrefix(
  prefix: Uint8Array,
  mac: Uint8Array,
  interfaceName: string,
  scheme: IdentifierScheme,
  attempt: number,
): Uint8Array {
  const address = prefix.slice();
  const identifier =
    scheme.kind === 'eui64'
      ? linkLocalAddress(mac).subarray(8)
      : stableIdentifier(prefix, mac, interfaceName, scheme.secret, attempt);
  address.set(identifier, 8);
  return address;
}

/** RFC 7217 §5, with SHA-256 as the function, and interface name and MAC address as Net_Iface. */
function stableIdentifier(
  prefix: Uint8Array,
  mac: Uint8Array,
  interfaceName: string,
  secret: Uint8Array,
  attempt: number,
): Uint8Array {
  for (let again = 0; ; again++) {
    const hash = createHash('sha256')
      .update(prefix.subarray(0, 8))
      .update(mac)
      .update(`${interfaceName}\0${attempt}\0${again}\0`)
      .update(secret)
      .digest();
    const identifier = hash.subarray(24);
    if (!isReserved(identifier)) return identifier;
  }
}
