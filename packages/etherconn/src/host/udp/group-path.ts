import { isInterfaceLocalGroup, isLoopbackIp } from '../../wire/ip.ts';
import { AddressKind } from '../ip/addresses.ts';
import { MTU4_LOCAL, type Path } from '../ip/path.ts';

/** What of a port says how its group datagrams go. */
export interface GroupSender {
  readonly multicastTtl: number;
  /** Own address that group datagrams of its IP version are sent from, as was chosen; null by default. */
  groupSource(version: 4 | 6): Uint8Array | null;
}

/**
 * The path of a port's datagrams, made of the host's: those to groups are sent from the address that was chosen for them.
 * They stay on the host when that is a loopback address, when their TTL is 0 (RFC 1112 §6.1), or when their group reaches no
 * farther.
 */
export function groupPath(path: Path, port: GroupSender): Path {
  if (path.kind !== AddressKind.MULTICAST) return path;
  const version = path.destination.length === 4 ? 4 : 6;
  const chosen = port.groupSource(version);
  const source = chosen ?? path.source;
  if (chosen !== null && isLoopbackIp(chosen, 0, version)) {
    return { ...path, source, kind: AddressKind.OWN, mac: null, mtu: MTU4_LOCAL };
  }
  // Members on the link's interface hear it, on this host alone.
  const isLocal = port.multicastTtl === 0 || (version === 6 && isInterfaceLocalGroup(path.destination));
  if (isLocal) return { ...path, source, kind: AddressKind.OWN, mtu: MTU4_LOCAL };
  return chosen === null ? path : { ...path, source };
}
