import { udpKey } from '../../conn/claims.ts';
import { mix } from '../../open-table.ts';
import { nextTick } from '../../real-time.ts';
import type { BatchStore } from '../../relay/batch-store.ts';
import { rethrowLater } from '../../rethrow.ts';
import { readU32 } from '../../wire/bytes.ts';
import { ipEquals } from '../../wire/ip.ts';
import type { FrameRecord } from '../../wire/record.ts';
import type { Output } from '../egress/output.ts';
import { hostError } from '../host-error.ts';
import { AddressKind } from '../ip/addresses.ts';
import type { HostGroups } from '../multicast/host-groups.ts';
import type { Interface } from '../multicast/memberships.ts';
import type { HostState } from '../state.ts';
import type { BoundPort } from './bound-port.ts';
import { closeEntries, refreshEntries } from './port-entries.ts';
import { PortNumbers } from './port-numbers.ts';

/** Range of ports for sockets that do not choose one, as Linux's ip_local_port_range. */
const EPHEMERAL_FIRST = 32768;
const EPHEMERAL_LAST = 60999;

/** The UDP ports of a host: who has which port, and which port takes a datagram. */
export class UdpPorts {
  /** Bound ports by number, the newest last. */
  readonly #bound = new PortNumbers();
  /** All open ports, bound or not. A list, because most hosts have one. */
  #first: BoundPort | null = null;
  #last: BoundPort | null = null;
  /** Number of open ports. */
  size = 0;
  readonly state: HostState;
  readonly output: Output;
  readonly groups: HostGroups;
  /** Ports whose users have not been told of an error yet. */
  #failed: BoundPort[] | null = null;

  constructor(state: HostState, output: Output, groups: HostGroups) {
    this.state = state;
    this.output = output;
    this.groups = groups;
  }

  add(port: BoundPort): void {
    port.previous = this.#last;
    if (this.#last === null) this.#first = port;
    else this.#last.next = port;
    this.#last = port;
    this.size++;
  }

  /** Closes all ports and tells their users. */
  closeAll(error: Error): void {
    const ports: BoundPort[] = [];
    for (let port = this.#first; port !== null; port = port.next) ports.push(port);
    for (const port of ports) {
      port.close();
      port.rejectWaiting(error);
      try {
        port.user.hostClosed(error);
      } catch (thrown) {
        rethrowLater(thrown);
      }
    }
  }

  /** Binds `port` to a number, or to a free one for 0. Throws EADDRINUSE. */
  claim(port: BoundPort, wanted: number): number {
    const number = wanted === 0 ? this.#free(port) : wanted;
    if (number < 0 || !this.#mayHave(port, number)) {
      throw hostError('EADDRINUSE', 'bind', number < 0 ? 'no port is free' : 'the port is in use');
    }
    const list = this.#bound.get(number);
    if (list === undefined) {
      this.#bound.set(number, [port]);
      this.state.broadcastPorts.add(number);
    } else {
      list.push(port);
    }
    // The next call uses it.
    port.localPort = number;
    this.changed(port);
    return number;
  }

  release(port: BoundPort): void {
    if (port.previous === null) this.#first = port.next;
    else port.previous.next = port.next;
    if (port.next === null) this.#last = port.previous;
    else port.next.previous = port.previous;
    port.next = null;
    port.previous = null;
    this.size--;
    const list = this.#bound.get(port.localPort);
    const place = list?.indexOf(port) ?? -1;
    if (place < 0) return;
    closeEntries(port);
    list!.splice(place, 1);
    if (list!.length > 0) {
      refreshEntries(this.state, list!);
    } else {
      this.#bound.delete(port.localPort);
      this.state.broadcastPorts.remove(port.localPort);
    }
  }

  /** The binding of a port has changed. */
  changed(port: BoundPort): void {
    refreshEntries(this.state, this.#bound.get(port.localPort) ?? []);
  }

  /** The host's addresses have changed, or whether conns share it. */
  hostChanged(): void {
    for (const ports of this.#bound.lists()) refreshEntries(this.state, ports);
  }

  /** Whether a port has this number on this address, or on all addresses. */
  isBound(address: Uint8Array, number: number): boolean {
    const version = address.length === 4 ? 4 : 6;
    const has = (port: BoundPort) => port.takes(version) && (port.wildcard || ipEquals(port.local, address));
    return this.#bound.get(number)?.some(has) === true;
  }

  /**
   * Delivers a datagram that has arrived `on` an interface to its ports. False if there are none. `kind` is the kind
   * of its destination.
   */
  deliver(store: BatchStore, record: FrameRecord, flags: number, kind: number, on: Interface): boolean {
    const list = this.#bound.get(record.destinationPort);
    if (list === undefined) return false;
    const u8 = store.memory!.u8;
    if (kind === AddressKind.MULTICAST || kind === AddressKind.BROADCAST) {
      let taken = false;
      for (let i = 0; i < list.length; i++) {
        if (!list[i].wants(u8, record, kind, on)) continue;
        this.#give(list[i], store, record, flags);
        taken = true;
      }
      return taken;
    }
    const port = this.#best(list, u8, record);
    if (port === null) return false;
    this.#give(port, store, record, flags);
    return true;
  }

  /** The port that has sent the packet quoted by an ICMP error, or null. `record` describes the quoted packet. */
  senderOf(u8: Uint8Array, record: FrameRecord): BoundPort | null {
    for (const port of this.#bound.get(record.sourcePort) ?? []) {
      if (port.isConnectedTo(u8, record.ipDestination, record.ipVersion, record.destinationPort)) return port;
    }
    return null;
  }

  /** Whether any port has this number. */
  hasNumber(number: number): boolean {
    return this.#bound.has(number);
  }

  /** Tells the port's user of its error after the current batch, unless a send takes the error first. */
  noteFailure(port: BoundPort): void {
    if (this.#failed === null) {
      this.#failed = [];
      nextTick(tellFailures, this);
    }
    this.#failed.push(port);
  }

  tellFailures(): void {
    const failed = this.#failed ?? [];
    this.#failed = null;
    for (const port of failed) {
      const failure = port.takeFailure();
      if (failure !== null && !port.closed) port.user.failed(failure);
    }
  }

  #give(port: BoundPort, store: BatchStore, record: FrameRecord, flags: number): void {
    store.note(port.list, store.append(record, record.payload, record.payloadEnd, flags));
  }

  /**
   * The port that matches best. Among equals, the newest, or one of those that share the number, chosen by sender.
   */
  #best(list: BoundPort[], u8: Uint8Array, record: FrameRecord): BoundPort | null {
    if (list.length === 1) return list[0].score(u8, record) < 0 ? null : list[0];
    let best: BoundPort | null = null;
    let bestScore = -1;
    let sharing = 0;
    for (let i = list.length - 1; i >= 0; i--) {
      const score = list[i].score(u8, record);
      if (score > bestScore) {
        best = list[i];
        bestScore = score;
        sharing = 1;
      } else if (score === bestScore && score >= 0 && best!.reusePort && list[i].reusePort) {
        sharing++;
      }
    }
    if (sharing < 2) return best;
    const last = record.ipDestination - 4;
    let left = (mix(mix(0, readU32(u8, last)), record.sourcePort) >>> 0) % sharing;
    for (let i = 0; i < list.length; i++) {
      if (list[i].reusePort && list[i].score(u8, record) === bestScore && left-- === 0) return list[i];
    }
    return best;
  }

  #mayHave(port: BoundPort, number: number): boolean {
    // A conn that shares the host may have it.
    if (this.state.claims?.has(udpKey(port.local, number)) === true) return false;
    for (const other of this.#bound.get(number) ?? []) if (excludes(port, other)) return false;
    return true;
  }

  #free(port: BoundPort): number {
    const count = EPHEMERAL_LAST - EPHEMERAL_FIRST + 1;
    const start = Math.floor(Math.random() * count);
    for (let i = 0; i < count; i++) {
      const number = EPHEMERAL_FIRST + ((start + i) % count);
      if (!this.hasNumber(number) && this.#mayHave(port, number)) return number;
    }
    return -1;
  }
}

function tellFailures(ports: UdpPorts): void {
  ports.tellFailures();
}

/** Whether two ports exclude each other from having the same number. */
function excludes(a: BoundPort, b: BoundPort): boolean {
  if ((a.reuseAddr && b.reuseAddr) || (a.reusePort && b.reusePort)) return false;
  const share = (version: number) =>
    a.takes(version) && b.takes(version) && (a.wildcard || b.wildcard || ipEquals(a.local, b.local));
  return share(4) || share(6);
}
