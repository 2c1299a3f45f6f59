import type { EventEmitter } from 'node:events';
import { LOOPBACK6 } from '../host/ip/addresses.ts';
import type { Interface } from '../host/multicast/memberships.ts';
import { isLoopbackIp, isMulticastIp, isUnspecifiedIp } from '../wire/ip.ts';
import { parseLiteral, systemError } from './address.ts';
import type { SocketHandle } from './handle.ts';
import { missingArgument } from './node-errors.ts';
import { runningHandle } from './socket-state.ts';
import { codeOf, errnoException } from './system-errors.ts';
import { validateString } from './validate.ts';

/** Membership in groups, each on one of a host's two interfaces; naming another one is refused as Linux does. */

const ANY6 = new Uint8Array(16);

type Action = 'join' | 'leave';

/** `addMembership` and `dropMembership`. */
export function changeMembership(
  socket: EventEmitter,
  action: Action,
  syscall: string,
  group: unknown,
  interfaceAddress: unknown,
): void {
  const handle = runningHandle(socket);
  if (!group) throw missingArgument('multicastAddress');
  inNodesForm(syscall, () => {
    const { bytes } = parseLiteral(group, 0, syscall);
    change(handle, action, syscall, bytes, null, interfaceAddress);
  });
}

/** `addSourceSpecificMembership` and `dropSourceSpecificMembership`. */
export function changeSourceMembership(
  socket: EventEmitter,
  action: Action,
  syscall: string,
  source: unknown,
  group: unknown,
  interfaceAddress: unknown,
): void {
  const handle = runningHandle(socket);
  validateString(source, 'sourceAddress');
  validateString(group, 'groupAddress');
  inNodesForm(syscall, () => {
    const groupBytes = parseLiteral(group, 0, syscall).bytes;
    const sourceBytes = parseLiteral(source, groupBytes.length === 4 ? 4 : 6, syscall).bytes;
    change(handle, action, syscall, groupBytes, sourceBytes, interfaceAddress);
  });
}

function change(
  handle: SocketHandle,
  action: Action,
  syscall: string,
  group: Uint8Array,
  source: Uint8Array | null,
  interfaceAddress: unknown,
): void {
  handle.bindIfUnbound();
  if (!isMulticastIp(group, 0, group.length === 4 ? 4 : 6))
    throw systemError('EINVAL', syscall, 'this is not a multicast address');
  // A socket without a membership on that interface is no member there.
  const missing = action === 'leave' && source === null && group.length === 4 ? 'EADDRNOTAVAIL' : 'ENODEV';
  const on = findInterface(handle, syscall, group.length === 4 ? 4 : 6, interfaceAddress, missing);
  if (group.length === 16 && handle.version === 4) {
    throw systemError('ENOPROTOOPT', syscall, 'a udp4 socket cannot join an IPv6 group');
  }
  const port = handle.port(syscall);
  if (action === 'join') port.join(group, source, on);
  else port.leave(group, source, on);
}

/** Interfaces are named by one of their addresses (IPv4, and ::1), or by a zone (IPv6, '::%eth0'). Null when none is. */
function findInterface(
  handle: SocketHandle,
  syscall: string,
  version: 4 | 6,
  address: unknown,
  missing: 'ENODEV' | 'EADDRNOTAVAIL',
): Interface | null {
  if (address === undefined || address === null) return null;
  const { bytes, zone } = parseLiteral(String(address), version, syscall);
  if (isLoopbackIp(bytes, 0, version) || zone === 'lo') return 'loopback';
  if (version === 6) return zone === handle.host.interfaceName ? 'link' : null;
  if (isUnspecifiedIp(bytes, 0, 4)) return null;
  if (handle.host.hasAddress(bytes)) return 'link';
  throw systemError(missing, syscall, `no interface of this host has the address ${String(address)}`);
}

/**
 * `setMulticastInterface`: '127.0.0.1' or '::1' (or '::%lo') is the loopback interface, which keeps group datagrams inside
 * of the host; another own address is what they are sent from; '0.0.0.0' and '::%eth0' stand for the host's one interface.
 */
export function setMulticastInterface(socket: EventEmitter, address: unknown): void {
  const handle = runningHandle(socket);
  validateString(address, 'interfaceAddress');
  const syscall = 'setMulticastInterface';
  inNodesForm(syscall, () => {
    const { bytes, zone } = parseLiteral(address, 0, syscall);
    const port = handle.port(syscall);
    if (bytes.length === 16 && handle.version === 4) {
      throw systemError('ENOPROTOOPT', syscall, 'a udp4 socket has no IPv6 interface');
    }
    if (zone === 'lo') port.sendGroupsFrom(LOOPBACK6, true);
    // Of IPv6 addresses the kernel looks at the zone alone.
    else if (bytes.length === 16 && !handle.host.hasAddress(bytes)) {
      port.sendGroupsFrom(ANY6, zone === handle.host.interfaceName);
    } else port.sendGroupsFrom(bytes);
  });
}

/** Runs what throws errors of lower floors, and throws them on as `syscall CODE`. */
export function inNodesForm<T>(syscall: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw errnoException(codeOf(error), syscall, error);
  }
}
