import { isInterfaceLocalGroup, isLoopbackIp } from '../../wire/ip.ts';
import { AddressKind } from '../ip/addresses.ts';
import { MTU4_LOCAL, type Path } from '../ip/path.ts';

/** The settings of a port that decide how its group datagrams go. */
export interface GroupSender {
  readonly multicastTtl: number;
  /** The own address chosen for group datagrams of an IP version, or null by default. */
  groupSource(version: 4 | 6): Uint8Array | null;
}

/**
 * The path of a port's datagrams, derived from the host's. Group datagrams are sent from the address that was chosen
 * for them. They stay on the host if that is a loopback address, if their TTL is 0 (RFC 1112 §6.1), or if the scope
 * of their group is the host.
 */
export function groupPath(path: Path, port: GroupSender): Path {
  if (path.kind !== AddressKind.MULTICAST) return path;
  const version = path.destination.length === 4 ? 4 : 6;
  const chosen = port.groupSource(version);
  const source = chosen ?? path.source;
  if (chosen !== null && isLoopbackIp(chosen, 0, version)) {
    return { ...path, source, kind: AddressKind.OWN, mac: null, mtu: MTU4_LOCAL };
  }
  // Only members on this host hear it, those on the link's interface.
  const isLocal = port.multicastTtl === 0 || (version === 6 && isInterfaceLocalGroup(path.destination));
  if (isLocal) return { ...path, source, kind: AddressKind.OWN, mtu: MTU4_LOCAL };
  return chosen === null ? path : { ...path, source };
}
