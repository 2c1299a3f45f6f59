import { OptionError } from '../errors.ts';
import { checkInteger, show } from '../options.ts';
import { isUnspecifiedIp, parseIp } from '../wire/ip.ts';

/** A UDP address as an argument. Go: net.UDPAddr. */
export interface UdpAddress {
  /** IPv4 or IPv6 address: text, 4 or 16 bytes. */
  address: string | Uint8Array;
  /** 0 to 65535. */
  port: number;
}

/** The same, checked: bytes and a port. */
export interface UdpEndpointAddress {
  readonly bytes: Uint8Array;
  readonly version: 4 | 6;
  readonly port: number;
}

/** Checks an address; throws an OptionError naming `option`. */
export function toUdpAddress(option: string, value: UdpAddress): UdpEndpointAddress {
  if (typeof value !== 'object' || value === null) {
    throw new OptionError(option, `must be { address, port }, got ${show(value)}`);
  }
  if (value.port === undefined) throw new OptionError(`${option}.port`, 'must be given');
  const port = checkInteger(`${option}.port`, value.port, 0, 65535, 0);
  const bytes = toIpBytes(`${option}.address`, value.address);
  return { bytes, version: bytes.length === 4 ? 4 : 6, port };
}

/** The bytes of an IP address given as text or bytes. */
export function toIpBytes(option: string, address: string | Uint8Array): Uint8Array {
  if (typeof address === 'string') return parseIp(address, option);
  if (!(address instanceof Uint8Array) || (address.length !== 4 && address.length !== 16)) {
    throw new OptionError(option, `must be an IP address: text, 4 or 16 bytes, got ${show(address)}`);
  }
  return Uint8Array.from(address);
}

/** Whether an address stands for "any" (0.0.0.0, ::). */
export function isWildcard(address: UdpEndpointAddress): boolean {
  return isUnspecifiedIp(address.bytes, 0, address.version);
}
