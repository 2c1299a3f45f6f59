import { ClosedError } from '../errors.ts';
import type { L2EndpointKey } from '../relay/l2-endpoint.ts';
import { type AddressConflictListener, HostAddresses } from './config/host-addresses.ts';
import { Output } from './egress/output.ts';
import type { HostEthernet, HostEthernetOwner } from './host-ethernet.ts';
import { Icmp } from './icmp/icmp.ts';
import { Input } from './input.ts';
import { HostGroups } from './multicast/host-groups.ts';
import type { ConflictListener } from './neighbor/arp.ts';
import { HostState } from './state.ts';
import { HostTcp } from './tcp/host-tcp.ts';
import { UdpPorts } from './udp/udp-ports.ts';

/** Told of what happens to a stack. */
export interface StackListener extends AddressConflictListener {
  /** Another conn or host has registered a key of this one. */
  keyReplaced(key: L2EndpointKey): void;
  /** The Ethernet side has been closed, or its relay. */
  stackClosed(error: Error): void;
}

/** Builds the rooms of a host from the bottom up, and closes them in the right order. */
export class Stack implements ConflictListener, HostEthernetOwner {
  readonly state: HostState;
  readonly output: Output;
  readonly groups: HostGroups;
  readonly ports: UdpPorts;
  readonly tcp: HostTcp;
  readonly icmp: Icmp;
  readonly input: Input;
  readonly addresses: HostAddresses;
  readonly #listener: StackListener;
  #closing: Promise<void> | null = null;

  constructor(
    ethernet: HostEthernet,
    interfaceName: string,
    mtu: number,
    neighborsMax: number,
    listener: StackListener,
  ) {
    const state = new HostState(ethernet, interfaceName, mtu);
    this.state = state;
    this.output = new Output(state, neighborsMax, this);
    this.groups = new HostGroups(state, this.output);
    this.ports = new UdpPorts(state, this.output, this.groups);
    this.tcp = new HostTcp(state, this.output);
    this.icmp = new Icmp(state, this.output, this.ports, this.tcp);
    this.input = new Input(state, this.output, this.groups, this.ports, this.tcp, this.icmp);
    this.addresses = new HostAddresses(state, this.output, this.groups, this.ports, listener);
    this.#listener = listener;
    ethernet.receiver = this.input;
    ethernet.owner = this;
  }

  /** Comes from below {@link HostAddresses}, which handles it. */
  conflict(u8: Uint8Array, address: number, version: 4 | 6, otherMac: Uint8Array): void {
    this.addresses.conflict(u8, address, version, otherMac);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { state } = this;
    const error = new ClosedError('host');
    if (state.closed === null) {
      // While messages can still be sent, so neighbors learn which groups the host has left.
      this.ports.closeAll(error);
      this.tcp.closeAll(error, true);
      this.groups.close(true);
      this.#end(error);
      const drained = this.output.neighbors.drain();
      if (drained !== null) await drained;
    }
    await state.ethernet.close();
  }

  keyReplaced(key: L2EndpointKey): void {
    this.#listener.keyReplaced(key);
  }

  ethernetClosed(error: Error): void {
    const { state } = this;
    this.#end(error);
    for (const own of state.addresses.list) own.probe?.cancel(error);
    this.output.close();
    state.close();
    this.groups.close(false);
    this.#listener.stackClosed(state.closed!);
    this.input.close();
  }

  /** Tells everybody who uses the host. Packets they have sent may still wait for a neighbor. */
  #end(error: Error): void {
    const { state } = this;
    if (state.closed !== null) return;
    state.closed = error;
    this.ports.closeAll(error);
    this.tcp.closeAll(error, false);
    this.icmp.close(error);
    state.claims?.close(error);
    // The probe of an optimistic address goes on: only when it is over can neighbors be asked from that address.
    for (const own of state.addresses.list) if (!own.usable) own.probe?.cancel(error);
    state.routerListener?.hostClosed(error);
  }
}
