import type { Clock } from '../../clock.ts';
import { ipEquals, isAllHostsIp } from '../../wire/ip.ts';
import { IPV4_DESTINATION } from '../../wire/ipv4.ts';
import { IPV6_DESTINATION } from '../../wire/ipv6.ts';
import { ipv4MulticastMac, ipv6MulticastMac, solicitedNodeAddress } from '../../wire/mac.ts';
import type { FrameRecord } from '../../wire/record.ts';
import type { Output } from '../egress/output.ts';
import type { OwnAddress } from '../ip/addresses.ts';
import type { HostState } from '../state.ts';
import { GroupSelection } from './group-selection.ts';
import { GroupState, groupHash } from './group-state.ts';
import { type GroupCarrier, Groups } from './groups.ts';
import type { Interface, MembershipCounter } from './memberships.ts';

/** The groups of a host: those that its ports have joined, and those that IPv6 addresses need. */
export class HostGroups implements GroupCarrier, MembershipCounter {
  readonly clock: Clock;
  readonly #state: HostState;
  readonly #output: Output;
  readonly #selection: GroupSelection;
  /** Made when the first group is joined. */
  #groups: Groups | null = null;
  #loopback: LoopbackGroups | null = null;
  #closed = false;

  constructor(state: HostState, output: Output) {
    this.#state = state;
    this.#output = output;
    this.clock = state.clock;
    this.#selection = new GroupSelection(state.ethernet, state.addresses);
  }

  /** Joins a group (4 or 16 bytes), or with `source` for what that source sends alone. Joins are counted. */
  join(group: Uint8Array, source: Uint8Array | null, on: Interface = 'link'): void {
    if (on === 'loopback') {
      this.#loopback ??= new LoopbackGroups();
      this.#loopback.join(group, source);
      return;
    }
    this.#groups ??= new Groups(this);
    this.#groups.join(group, source);
    this.#selection.groupChanged(group, 1);
  }

  leave(group: Uint8Array, source: Uint8Array | null, on: Interface = 'link'): void {
    if (this.#closed) return;
    if (on === 'loopback') {
      this.#loopback?.leave(group, source);
      return;
    }
    this.#groups?.leave(group, source);
    this.#selection.groupChanged(group, -1);
  }

  /** The link has come back: who listens there now may know of no group. */
  linkUp(): void {
    this.#groups?.announce(4);
    this.#groups?.announce(6);
  }

  addressAdded(own: OwnAddress): void {
    this.#selection.addressesChanged();
    // RFC 4861 §7.2.1: who is asked for is asked by this group.
    if (own.version === 6) this.join(solicitedNodeAddress(own.address), null);
    else this.#groups?.announce(4);
  }

  addressRemoved(own: OwnAddress): void {
    if (this.#closed) return;
    this.#selection.addressesChanged();
    if (own.version === 6) this.leave(solicitedNodeAddress(own.address), null);
  }

  /** Whether the host takes packets to the group of `version` at `offset`. */
  isMember(u8: Uint8Array, offset: number, version: number): boolean {
    return this.#groups === null
      ? isAllHostsIp(u8, offset, version)
      : this.#groups.isMember(u8, offset, version);
  }

  /** Whether the host takes what the sender at `source` sends to the group at `offset`, of what comes in `on` an interface. */
  accepts(u8: Uint8Array, offset: number, source: number, version: number, on: Interface): boolean {
    if (on === 'loopback' && this.#loopback?.accepts(u8, offset, source, version)) return true;
    if (on === 'loopback' || this.#groups === null) return isAllHostsIp(u8, offset, version);
    return this.#groups.accepts(u8, offset, source, version);
  }

  /** Takes an IGMP or MLD message; false when it is not valid. */
  receive(u8: Uint8Array, record: FrameRecord): boolean {
    // Who has joined nothing has nothing to tell.
    return this.#groups === null || this.#groups.receive(u8, record);
  }

  /** Leaves all. `tell`: routers hear of it. */
  close(tell: boolean): void {
    this.#closed = true;
    this.#groups?.close(tell);
  }

  /** The address that IGMP messages come from. */
  sourceIpv4(): Uint8Array | null {
    return this.#state.addresses.first4();
  }

  /** The address that MLD messages come from. */
  linkLocalIpv6(): Uint8Array | null {
    return this.#state.addresses.linkLocal();
  }

  sendGroupPacket(packet: Uint8Array): void {
    const output = this.#output;
    const { mtu } = this.#state;
    const isV4 = packet[0] >> 4 === 4;
    const mac = isV4
      ? ipv4MulticastMac(packet, IPV4_DESTINATION)
      : ipv6MulticastMac(packet, IPV6_DESTINATION);
    output.sendOrWait(() => output.sendTo(packet, mac, mtu) === 1);
  }

  random(): number {
    return this.#state.random();
  }
}

/** The groups that ports have joined on the loopback interface: nobody else is told of them. */
class LoopbackGroups {
  readonly #groups: GroupState[] = [];

  join(group: Uint8Array, source: Uint8Array | null): void {
    let state = this.#groups.find(({ address }) => ipEquals(address, group));
    if (state === undefined) {
      state = new GroupState(group.slice(), groupHash(group, 0, group.length));
      this.#groups.push(state);
    }
    state.join(source, 0);
  }

  leave(group: Uint8Array, source: Uint8Array | null): void {
    const place = this.#groups.findIndex(({ address }) => ipEquals(address, group));
    if (place < 0) return;
    this.#groups[place].leave(source, 0);
    if (!this.#groups[place].isMember) this.#groups.splice(place, 1);
  }

  /** Whether somebody has joined the group at `group` for what the sender at `source` sends. */
  accepts(u8: Uint8Array, group: number, source: number, version: number): boolean {
    const length = version === 4 ? 4 : 16;
    return this.#groups.some(
      (state) => state.address.length === length && state.isAt(u8, group) && state.accepts(u8, source),
    );
  }
}
