import { NEVER_MAX, type UdpEntry, type UdpEntryOptions, UdpTally } from '../../relay/udp-front.ts';
import type { Addresses } from '../ip/addresses.ts';
import type { HostUdpPort } from './host-udp-port.ts';

/** What ports need of their host to be found by the relay's front for UDP. */
export interface PortEntriesPlace {
  readonly addresses: Addresses;
  readonly ethernet: {
    openUdp(address: Uint8Array, port: number, options: UdpEntryOptions): UdpEntry | null;
  };
  /** Whether conns share the host: then it looks whose each datagram is. */
  readonly isShared: boolean;
}

/**
 * Keeps a host's ports in the relay's front for UDP: with one entry for each address of the host that a port takes
 * datagrams to. Not there, so that their datagrams go through the layers, are ports that share their number, and all
 * of a host that conns share.
 */
export class PortEntries {
  /** Datagrams that the host has not seen. */
  readonly tally: UdpTally = new UdpTally();
  readonly #place: PortEntriesPlace;

  constructor(place: PortEntriesPlace) {
    this.#place = place;
  }

  /** Does what is to be done when anything about the ports of one number, or the host's addresses, has changed. */
  refresh(ports: readonly HostUdpPort[]): void {
    for (const port of ports) this.close(port);
    if (ports.length !== 1 || this.#place.isShared) return;
    const [port] = ports;
    const entries: UdpEntry[] = [];
    for (const { address, version, usable } of this.#place.addresses.list) {
      if (!usable || !port.takesAt(address, version)) continue;
      const never = this.#place.addresses.neverSourcesBeside(address);
      if (never.length > NEVER_MAX) continue;
      const { list, remote, remotePort } = port;
      if (remote !== null && remote.length !== address.length) continue;
      const peer = remote === null ? {} : { remote: { address: remote, port: remotePort } };
      const options = { list, verify: true, never, tally: this.tally, ...peer };
      const entry = this.#place.ethernet.openUdp(address, port.localPort, options);
      if (entry !== null) entries.push(entry);
    }
    port.entries = entries;
  }

  close(port: HostUdpPort): void {
    for (const entry of port.entries) entry.close();
    port.entries = NONE;
  }
}

const NONE: readonly UdpEntry[] = [];
