import { addressText, parseLiteral } from '../dgram/address.ts';
import type { Host } from '../host/host.ts';
import { hostError } from '../host/host-error.ts';
import { isUnspecifiedIp } from '../wire/ip.ts';

/** What Node's code has filled in by `getsockname` and `getpeername`. */
export interface SocketName {
  address: string;
  family: string;
  port: number;
}

const MAPPED = '::ffff:';

/** An address and a port that a socket is bound to. */
export class EndAddress {
  readonly bytes: Uint8Array;
  readonly port: number;
  readonly name: SocketName;

  /** Throws EADDRNOTAVAIL if the host does not have the address. */
  constructor(host: Host, address: string, port: number, version: 4 | 6) {
    const { bytes, zone } = parseLiteral(address, version, 'bind');
    this.bytes = EndAddress.unmapped(bytes);
    const isAny = isUnspecifiedIp(this.bytes, 0, this.bytes.length === 4 ? 4 : 6);
    const isElsewhere = zone !== '' && zone !== host.interfaceName;
    if (isElsewhere || !(isAny || host.hasAddress(this.bytes))) {
      throw hostError('EADDRNOTAVAIL', 'bind', 'the host does not have this address');
    }
    this.port = port;
    this.name = { address, family: `IPv${version}`, port };
  }

  /** The four bytes of '::ffff:10.0.0.1'; other addresses as they are. */
  static unmapped(bytes: Uint8Array): Uint8Array {
    if (bytes.length === 4 || bytes[10] !== 0xff || bytes[11] !== 0xff) return bytes;
    for (let i = 0; i < 10; i++) if (bytes[i] !== 0) return bytes;
    return bytes.slice(12);
  }
}

/** Fills in one end of a connection. `mapped`: a socket of version 6 shows the ends of an IPv4 connection. */
export function plainAddress(
  bytes: Uint8Array,
  port: number,
  host: Host,
  mapped: boolean,
  out: Partial<SocketName>,
): void {
  const text = addressText(bytes, host.interfaceName);
  const isMapped = mapped && bytes.length === 4;
  out.address = isMapped ? MAPPED + text : text;
  out.family = bytes.length === 4 && !isMapped ? 'IPv4' : 'IPv6';
  out.port = port;
}
