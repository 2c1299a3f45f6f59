import type { Output } from '../egress/output.ts';
import { hostError } from '../host-error.ts';
import { type AddressState, OwnAddress } from '../ip/addresses.ts';
import type { HostGroups } from '../multicast/host-groups.ts';
import type { HostState } from '../state.ts';
import type { UdpPorts } from '../udp/udp-ports.ts';

/** RFC 5227 §1.1, DEFEND_INTERVAL. */
const DEFEND_INTERVAL = 10_000;
/** RFC 5227 §1.1. */
const ANNOUNCE_INTERVAL = 2000;

/** Told that another station has an own address; `lost` if the host has given it up. */
export interface AddressConflictListener {
  conflict(own: OwnAddress, otherMac: Uint8Array, lost: boolean): void;
}

/** Adds, changes and removes the addresses of a host, and announces and defends them on the link. */
export class HostAddresses {
  readonly state: HostState;
  readonly output: Output;
  readonly #groups: HostGroups;
  readonly #ports: UdpPorts;
  readonly #listener: AddressConflictListener;

  constructor(
    state: HostState,
    output: Output,
    groups: HostGroups,
    ports: UdpPorts,
    listener: AddressConflictListener,
  ) {
    this.state = state;
    this.output = output;
    this.#groups = groups;
    this.#ports = ports;
    this.#listener = listener;
  }

  /** Adds an address, and the route to its network unless `onLink` is false. */
  add(address: Uint8Array, length: number, addressState: AddressState, onLink = true): OwnAddress {
    const { addresses, routes } = this.state;
    const own = new OwnAddress(address, length, addressState);
    if (onLink && length < 8 * address.length) {
      own.route = { prefix: own, gateway: null, metric: 0 };
      routes.add(own.route);
    }
    addresses.add(own);
    this.#groups.addressAdded(own);
    this.#changed();
    return own;
  }

  remove(own: OwnAddress): void {
    const { addresses, routes } = this.state;
    own.probe?.cancel(hostError('EADDRNOTAVAIL', 'addAddress', 'removed before it was in use'));
    if (own.route !== null) routes.remove(own.route);
    addresses.remove(own);
    this.#groups.addressRemoved(own);
    this.#changed();
  }

  setState(own: OwnAddress, addressState: AddressState): void {
    const wasOptimistic = own.state === 'optimistic';
    own.state = addressState;
    this.state.addresses.changed();
    this.#ports.hostChanged();
    if (wasOptimistic) this.output.neighbors.askAgain();
    this.state.epoch++;
  }

  /** Removes an address that another station has. */
  lose(own: OwnAddress, otherMac: Uint8Array): void {
    this.remove(own);
    this.#listener.conflict(own, otherMac, true);
  }

  /** Announces an address that has come into use, an IPv4 address twice: RFC 5227 §2.3. */
  announceNew(own: OwnAddress): void {
    this.announce(own);
    if (own.version === 6) return;
    const { addresses, clock } = this.state;
    const again = () => {
      if (this.state.closed === null && addresses.list.includes(own)) this.announce(own);
    };
    clock.setTimer(again, ANNOUNCE_INTERVAL, true);
  }

  /** Announces an own address. */
  announce({ version, address }: OwnAddress): void {
    if (version === 4) this.output.arp.announce(address);
    else this.output.nd.announce(address);
  }

  /** Asks once whether any station has an address. */
  probe({ version, address }: OwnAddress): void {
    if (version === 4) this.output.arp.probe(address);
    else this.output.nd.probe(address);
  }

  /** Another station uses an own address, see `ConflictListener`. */
  conflict(u8: Uint8Array, address: number, version: 4 | 6, otherMac: Uint8Array): void {
    const { addresses, clock, counters } = this.state;
    counters.conflicts++;
    const own = addresses.find(u8, address, version);
    if (own === null) return;
    if (own.probe !== null) {
      own.probe.found(otherMac);
      return;
    }
    const now = clock.now();
    // RFC 5227 §2.4 (b): at most once in ten seconds. Otherwise two stations that both insist would never stop.
    if (now - own.defended >= DEFEND_INTERVAL) {
      own.defended = now;
      this.announce(own);
    }
    this.#listener.conflict(own, otherMac, false);
  }

  #changed(): void {
    this.#ports.hostChanged();
    this.state.epoch++;
  }
}
