import type { UdpEntry } from '../../relay/udp-entries.ts';
import { NEVER_MAX } from '../../relay/udp-front.ts';
import type { HostState } from '../state.ts';
import type { BoundPort } from './bound-port.ts';

const NONE: readonly UdpEntry[] = [];

/**
 * Keeps the ports of one number in the relay's front for UDP, with one entry for each address of the host that a port
 * takes datagrams to. Call it when the ports or the host's addresses have changed. Ports that share a number, and
 * ports of a host that conns share, have no entries, so their datagrams go through the layers.
 */
export function refreshEntries(state: HostState, ports: readonly BoundPort[]): void {
  for (const port of ports) closeEntries(port);
  if (ports.length !== 1 || state.isShared) return;
  const [port] = ports;
  const entries: UdpEntry[] = [];
  for (const { address, version, usable } of state.addresses.list) {
    if (!usable || !port.takesAt(address, version)) continue;
    const never = state.addresses.neverSourcesBeside(address);
    if (never.length > NEVER_MAX) continue;
    const { list, remote, remotePort } = port;
    if (remote !== null && remote.length !== address.length) continue;
    const peer = remote === null ? undefined : { address: remote, port: remotePort };
    const options = { list, verify: true, never, counted: true, remote: peer };
    const entry = state.ethernet.openUdp(address, port.localPort, options);
    if (entry !== null) entries.push(entry);
  }
  // As long as it has to be: an array that has grown has room for many more.
  port.entries = entries.slice();
}

export function closeEntries(port: BoundPort): void {
  for (const entry of port.entries) entry.close();
  port.entries = NONE;
}
