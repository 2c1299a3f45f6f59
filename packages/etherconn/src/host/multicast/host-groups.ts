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

/** The groups of a host: those its ports have joined, and those its IPv6 addresses need. */
export class HostGroups implements GroupCarrier, MembershipCounter {
  readonly clock: Clock;
  readonly #state: HostState;
  readonly #output: Output;
  readonly #selection: GroupSelection;
  /** Created with the first join. */
  #groups: Groups | null = null;
  #loopback: LoopbackGroups | null = null;
  #closed = false;

  constructor(state: HostState, output: Output) {
    this.#state = state;
    this.#output = output;
    this.clock = state.clock;
    this.#selection = new GroupSelection(state.ethernet, state.addresses);
  }

  /** Joins a group (4 or 16 bytes) for any source, or for `source` alone. Joins are counted. */
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

  /** The link has come back. Its routers may know none of the groups. */
  linkUp(): void {
    this.#groups?.announce(4);
    this.#groups?.announce(6);
  }

  addressAdded(own: OwnAddress): void {
    this.#selection.addressesChanged();
    // RFC 4861 §7.2.1: neighbor solicitations for the address go to this group.
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

  /** Whether the host takes packets of the sender at `source` to the group at `offset`, arrived `on` an interface. */
  accepts(u8: Uint8Array, offset: number, source: number, version: number, on: Interface): boolean {
    if (on === 'loopback' && this.#loopback?.accepts(u8, offset, source, version)) return true;
    if (on === 'loopback' || this.#groups === null) return isAllHostsIp(u8, offset, version);
    return this.#groups.accepts(u8, offset, source, version);
  }

  /** Takes an IGMP or MLD message. False if it is invalid. */
  receive(u8: Uint8Array, record: FrameRecord): boolean {
    // A host without groups has nothing to report.
    return this.#groups === null || this.#groups.receive(u8, record);
  }

  /** Leaves all groups. `tell`: reports it. */
  close(tell: boolean): void {
    this.#closed = true;
    this.#groups?.close(tell);
  }

  /** The source address of IGMP messages. */
  sourceIpv4(): Uint8Array | null {
    return this.#state.addresses.first4();
  }

  /** The source address of MLD messages. */
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

/** Groups that ports have joined on the loopback interface. They are not reported. */
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

  /** Whether a port has joined the group at `group` for the sender at `source`. */
  accepts(u8: Uint8Array, group: number, source: number, version: number): boolean {
    const length = version === 4 ? 4 : 16;
    return this.#groups.some(
      (state) => state.address.length === length && state.isAt(u8, group) && state.accepts(u8, source),
    );
  }
}
