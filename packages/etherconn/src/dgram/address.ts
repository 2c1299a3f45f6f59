import { isIP } from 'node:net';
import { SystemError } from '../errors.ts';
import { formatIp, isLinkLocalIpv6, isUnspecifiedIp, parseIpWithZone } from '../wire/ip.ts';
import { errnoOf } from './system-errors.ts';

/** An address literal as the socket's version takes it. */
export interface Literal {
  readonly bytes: Uint8Array;
  /** 'eth0' of fe80::1%eth0, '' without. */
  readonly zone: string;
}

/** A system error of our own making; the caller puts Node's message around it. */
export function systemError(code: string, syscall: string, why: string): SystemError {
  return new SystemError(code, errnoOf(code) ?? -1, syscall, `${syscall}: ${why}`);
}

/** Bytes of an address of the wanted version (0: of either). Throws EINVAL, as libuv does for others. */
export function parseLiteral(text: unknown, version: 0 | 4 | 6, syscall: string): Literal {
  const kind = typeof text === 'string' ? isIP(text) : 0;
  if (kind === 0 || (version !== 0 && kind !== version)) {
    const wanted = version === 0 ? 'an IP' : `an IPv${version}`;
    throw systemError('EINVAL', syscall, `${String(text)} is not ${wanted} address`);
  }
  const { address, zone } = parseIpWithZone(text as string);
  return { bytes: address, zone };
}

/** 127.0.0.1 for 0.0.0.0, ::1 for ::, else the address: that is where Linux sends to when nobody is named. */
export function orLoopback(address: Uint8Array): Uint8Array {
  if (!isUnspecifiedIp(address, 0, address.length === 4 ? 4 : 6)) return address;
  const loopback = new Uint8Array(address.length);
  if (address.length === 4) loopback[0] = 127;
  loopback[address.length - 1] = 1;
  return loopback;
}

/** Text of an address as node:dgram shows it: zone behind link-local ones. */
export function addressText(address: Uint8Array, zone: string): string {
  const text = formatIp(address);
  return address.length === 16 && zone !== '' && isLinkLocalIpv6(address) ? `${text}%${zone}` : text;
}
