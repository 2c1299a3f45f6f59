import type { EchoFailure } from 'etherconn';

/** What ICMP errors are called, as ping says it (iputils). */

const UNREACHABLE4: readonly (string | undefined)[] = [
  'Destination Net Unreachable',
  'Destination Host Unreachable',
  'Destination Protocol Unreachable',
  'Destination Port Unreachable',
  undefined,
  'Source Route Failed',
  'Destination Net Unknown',
  'Destination Host Unknown',
  'Source Host Isolated',
  'Destination Net Prohibited',
  'Destination Host Prohibited',
  'Destination Net Unreachable for Type of Service',
  'Destination Host Unreachable for Type of Service',
  'Packet filtered',
  'Precedence Violation',
  'Precedence Cutoff',
];
const UNREACHABLE6: readonly (string | undefined)[] = [
  'No route',
  'Administratively prohibited',
  'Beyond scope of source address',
  'Address unreachable',
  'Port unreachable',
  'Source address failed ingress/egress policy',
  'Reject route to destination',
];

/** The name of an error, without figures: what errors are counted by. */
export function errorName({ type, icmpCode }: EchoFailure, version: 4 | 6): string {
  return version === 4 ? errorName4(type, icmpCode) : errorName6(type, icmpCode);
}

/** The error as a line says it. */
export function errorText(failure: EchoFailure, version: 4 | 6): string {
  const name = errorName(failure, version);
  if (failure.code !== 'EMSGSIZE') return name;
  return version === 4 ? `${name} (mtu = ${failure.mtu})` : `${name}: mtu=${failure.mtu}`;
}

/** What a host's own failed resolution of the next hop is called: as a router would say it. */
function errorName4(type: number, code: number): string {
  if (type === 0) return 'Destination Host Unreachable';
  if (type === 3 && code === 4) return 'Frag needed and DF set';
  if (type === 3) return UNREACHABLE4[code] ?? `Dest Unreachable, Bad Code: ${code}`;
  if (type === 11) return code === 0 ? 'Time to live exceeded' : 'Frag reassembly time exceeded';
  return type === 12 ? 'Parameter problem' : `Bad ICMP type: ${type}`;
}

function errorName6(type: number, code: number): string {
  if (type === 0) return 'Destination unreachable: Address unreachable';
  if (type === 1) return `Destination unreachable: ${UNREACHABLE6[code] ?? `Unknown code ${code}`}`;
  if (type === 2) return 'Packet too big';
  if (type === 3) return `Time exceeded: ${code === 0 ? 'Hop limit' : 'Defragmentation failure'}`;
  return type === 4 ? 'Parameter problem' : `Unknown ICMP type: ${type}`;
}
