import { NEVER_MAX, type UdpEntry } from '../../relay/udp-front.ts';
import type { HostState } from '../state.ts';
import type { BoundPort } from './bound-port.ts';

/**
 * Keeps a host's ports in the relay's front for UDP: with one entry for each address of the host that a port takes
 * datagrams to. Not there, so that their datagrams go through the layers, are ports that share their number, and all
 * of a host that conns share.
 */
export class PortEntries {
  readonly #state: HostState;

  constructor(state: HostState) {
    this.#state = state;
  }

  /** Does what is to be done when anything about the ports of one number, or the host's addresses, has changed. */
  refresh(ports: readonly BoundPort[]): void {
    for (const port of ports) this.close(port);
    if (ports.length !== 1 || this.#state.isShared) return;
    const [port] = ports;
    const entries: UdpEntry[] = [];
    for (const { address, version, usable } of this.#state.addresses.list) {
      if (!usable || !port.takesAt(address, version)) continue;
      const never = this.#state.addresses.neverSourcesBeside(address);
      if (never.length > NEVER_MAX) continue;
      const { list, remote, remotePort } = port;
      if (remote !== null && remote.length !== address.length) continue;
      const peer = remote === null ? {} : { remote: { address: remote, port: remotePort } };
      const options = { list, verify: true, never, counted: true, ...peer };
      const entry = this.#state.ethernet.openUdp(address, port.localPort, options);
      if (entry !== null) entries.push(entry);
    }
    // As long as it has to be: an array that has grown has room for many more.
    port.entries = entries.slice();
  }

  close(port: BoundPort): void {
    for (const entry of port.entries) entry.close();
    port.entries = NONE;
  }
}

const NONE: readonly UdpEntry[] = [];
