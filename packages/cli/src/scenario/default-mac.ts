import { formatMac, parseIp } from 'etherconn/wire';

/**
 * The MAC address of a simulated machine that was given none: locally administered, 02:ec and the last four bytes of its
 * IP address, so that processes on one network do not choose the same.
 */
export function macOf(address: string): string {
  return formatMac(Uint8Array.of(0x02, 0xec, ...parseIp(address).slice(-4)));
}
