import { sendGroup } from '../../conn/send-group.ts';
import type { SystemError } from '../../errors.ts';
import type { FrameMemory } from '../../link/link.ts';
import type { FrameSender } from '../../relay/transmit.ts';
import { EtherType } from '../../wire/ethertype.ts';
import { IPV4_HEADER_LENGTH } from '../../wire/ipv4.ts';
import { IPV6_HEADER_LENGTH } from '../../wire/ipv6.ts';
import { macHigh, macLow } from '../../wire/mac.ts';
import { UDP_HEADER_LENGTH, UDP_PAYLOAD_MAX } from '../../wire/udp.ts';
import { UdpTemplate } from '../../wire/udp-template.ts';
import type { Output } from '../egress/output.ts';
import { hostError } from '../host-error.ts';
import { AddressKind } from '../ip/addresses.ts';
import type { Path } from '../ip/path.ts';
import { type Neighbor, NeighborState, type PacketSender } from '../neighbor/neighbor.ts';
import type { HostState } from '../state.ts';
import { type GroupSender, groupPath } from './group-path.ts';
import type { PortRoom } from './port-room.ts';
import { udpPacket } from './udp-packet.ts';
import type { UdpDestination } from './udp-port.ts';
import type { UdpPorts } from './udp-ports.ts';

const NO_MAC = new Uint8Array(6);

/** What a destination needs of its port. */
export interface SendingPort extends PacketSender, GroupSender {
  /** Incremented when destinations have to be prepared again. */
  readonly epoch: number;
  /** Own address, 4 bytes for IPv4. `wildcard`: every address of the host. */
  readonly local: Uint8Array;
  readonly wildcard: boolean;
  readonly localPort: number;
  readonly ttl: number;
  readonly multicastLoopback: boolean;
  readonly broadcast: boolean;
  readonly room: PortRoom;
  /** Whether {@link takeFailure} returns an error. */
  readonly failed: boolean;
  takeFailure(): SystemError | null;
  checkOpen(call: 'send'): void;
  bindForSending(): void;
}

/** See {@link UdpDestination}. */
export class HostUdpDestination implements UdpDestination {
  readonly #ports: UdpPorts;
  readonly #state: HostState;
  readonly #output: Output;
  readonly #port: SendingPort;
  readonly #destination: Uint8Array;
  readonly #destinationPort: number;
  readonly #payloadMax: number;
  /** Longest payload that fits in one frame. */
  #wholeMax = 0;
  #path: Path | null = null;
  #kind = 0;
  #source: Uint8Array;
  #ttl = 0;
  #neighbor: Neighbor | null = null;
  #template: UdpTemplate | null = null;
  #sender: FrameSender | null = null;
  #mac: Uint8Array = NO_MAC;
  // The epochs in which the above was prepared. If one has changed, it is prepared again.
  #portEpoch = -1;
  #stateEpoch = -1;
  #relayEpoch = -1;
  #macVersion = -1;

  constructor(ports: UdpPorts, port: SendingPort, destination: Uint8Array, destinationPort: number) {
    this.#ports = ports;
    this.#state = ports.state;
    this.#output = ports.output;
    this.#port = port;
    this.#destination = destination;
    this.#destinationPort = destinationPort;
    this.#payloadMax = UDP_PAYLOAD_MAX - (destination.length === 4 ? IPV4_HEADER_LENGTH : 0);
    this.#source = destination;
  }

  get hop(): object | null {
    return this.#neighbor;
  }

  get resolving(): boolean {
    return this.#neighbor !== null && this.#output.neighbors.isPatient(this.#neighbor);
  }

  trySend(payload: Uint8Array, start: number, end: number): 0 | 1 {
    const port = this.#port;
    const state = this.#state;
    if (port.failed) this.#throwFailure();
    if (this.#portEpoch !== port.epoch || this.#stateEpoch !== state.epoch) this.#prepare();
    const length = end - start;
    const isLong = length > this.#wholeMax;
    if (isLong && length > this.#payloadMax) this.#throwTooLong(length);
    const isUnicast = this.#kind === AddressKind.OTHER;
    if (!isUnicast && this.#kind === AddressKind.BROADCAST && !port.broadcast) {
      throw hostError('EACCES', 'send', 'broadcasts are not allowed; set broadcast');
    }
    if (this.#neighbor !== null && !this.#isResolved(this.#neighbor)) return this.#wait(payload, start, end);
    if (this.#relayEpoch !== state.relay.epoch) this.#chooseSender();
    if (isLong) return this.#sendLong(payload, start, end);
    const template = this.#template!;
    const sender = this.#sender!;
    const frameLength = template.headerLength + length;
    const at = sender.reserve(frameLength);
    if (at < 0) {
      state.counters.noRoom++;
      return this.#refuse();
    }
    const { memory } = sender;
    template.write(memory, at, payload, start, end, this.#output.nextIdentification());
    if (isUnicast) state.counters.sent++;
    else this.#countGroup(memory, at, frameLength);
    sender.commit(at, frameLength);
    return 1;
  }

  trySendGroup(payloads: readonly unknown[], first: number): number {
    const port = this.#port;
    const state = this.#state;
    const isMade =
      this.#portEpoch === port.epoch &&
      this.#stateEpoch === state.epoch &&
      this.#relayEpoch === state.relay.epoch;
    if (!isMade || port.failed || this.#kind !== AddressKind.OTHER) return 0;
    if (this.#neighbor !== null && !this.#isResolved(this.#neighbor)) return 0;
    const output = this.#output;
    const id = output.identification;
    const sent = sendGroup(this.#sender!, this.#template!, payloads, first, this.#wholeMax, id);
    output.skipIdentifications(sent);
    state.counters.sent += sent;
    return sent;
  }

  /** Counts a frame that is not unicast, and delivers a copy to receivers on this host. */
  #countGroup(memory: FrameMemory, at: number, frameLength: number): void {
    const { counters } = this.#state;
    if (this.#kind === AddressKind.OWN) {
      counters.sentLocally++;
      return;
    }
    counters.sent++;
    if (this.#isHeardHere() && !this.#output.loopback.copy(memory, at, frameLength)) counters.localDropped++;
  }

  /** Whether the MAC address is known. If so, the template contains it. */
  #isResolved(neighbor: Neighbor): boolean {
    if (neighbor.state < NeighborState.DELAY) {
      const { neighbors } = this.#output;
      if (neighbor.state === NeighborState.NONE) {
        // The entry has left the cache meanwhile, or was never requested.
        neighbor = neighbors.want(neighbor.address);
        this.#neighbor = neighbor;
      }
      if (!neighbors.use(neighbor)) return false;
    }
    if (this.#macVersion !== neighbor.version || this.#mac !== neighbor.mac) {
      this.#macVersion = neighbor.version;
      this.#build(neighbor.mac!);
    }
    return true;
  }

  #isHeardHere(): boolean {
    const isWanted = this.#kind === AddressKind.BROADCAST || this.#port.multicastLoopback;
    return isWanted && this.#ports.hasNumber(this.#destinationPort);
  }

  #wait(payload: Uint8Array, start: number, end: number): 0 | 1 {
    const output = this.#output;
    if (
      output.neighbors.isFull(this.#neighbor!, this.#template!.headerLength + end - start, this.#port.room)
    ) {
      this.#state.counters.noRoom++;
      return 0;
    }
    return output.send(this.#packet(payload, start, end), this.#path!, this.#port);
  }

  /** There is no room now. The port's writers are told when there is. */
  #refuse(): 0 {
    if (this.#kind === AddressKind.OWN) this.#output.loopback.whenRoom(this.#port.room);
    else this.#port.room.waitForWire();
    return 0;
  }

  #sendLong(payload: Uint8Array, start: number, end: number): 0 | 1 {
    const output = this.#output;
    const packet = this.#packet(payload, start, end);
    if (output.send(packet, this.#path!, this.#port) === 0) return this.#refuse();
    if (this.#kind !== AddressKind.OWN && this.#path!.mac !== null && this.#isHeardHere()) {
      output.copyLocally(packet, this.#path!.mac);
    }
    return 1;
  }

  #packet(payload: Uint8Array, start: number, end: number): Uint8Array {
    const id = this.#output.nextIdentification();
    return udpPacket(this.#template!, payload, start, end, id, end - start > this.#wholeMax);
  }

  #prepare(): void {
    const port = this.#port;
    const state = this.#state;
    port.checkOpen('send');
    port.bindForSending();
    const path = groupPath(this.#output.path(this.#destination, 'send'), port);
    this.#source = this.#sourceFor(path);
    const isV4 = path.destination.length === 4;
    this.#path = path;
    this.#kind = path.kind;
    this.#ttl = path.kind === AddressKind.MULTICAST ? port.multicastTtl : port.ttl;
    this.#wholeMax = path.mtu - (isV4 ? IPV4_HEADER_LENGTH : IPV6_HEADER_LENGTH) - UDP_HEADER_LENGTH;
    this.#neighbor = path.nextHop === null ? null : this.#output.neighbors.want(path.nextHop);
    this.#macVersion = -1;
    this.#build(path.mac ?? (path.kind === AddressKind.OWN ? state.ethernet.macBytes : NO_MAC));
    this.#portEpoch = port.epoch;
    this.#stateEpoch = state.epoch;
  }

  /** The port's own address, unless nothing can be sent from it. */
  #sourceFor(path: Path): Uint8Array {
    const { local, wildcard } = this.#port;
    if (wildcard) return path.source;
    const version = local.length === 4 ? 4 : 6;
    if (version !== (path.destination.length === 4 ? 4 : 6)) {
      throw hostError('ENETUNREACH', 'send', 'the port is bound to an address of the other IP version');
    }
    const kind = this.#state.addresses.kindOf(local, 0, version);
    if (kind === AddressKind.MULTICAST || kind === AddressKind.BROADCAST) return path.source;
    if (kind === AddressKind.OTHER) {
      throw hostError('EADDRNOTAVAIL', 'send', 'the address that the port is bound to is not ours any more');
    }
    if (kind === AddressKind.LOOPBACK && path.kind !== AddressKind.OWN) {
      throw hostError('EINVAL', 'send', 'the port is bound to a loopback address');
    }
    return local;
  }

  #build(mac: Uint8Array): void {
    const { ethernet } = this.#state;
    this.#mac = mac;
    this.#template = new UdpTemplate({
      destinationMac: mac,
      sourceMac: ethernet.macBytes,
      vlans: ethernet.vlans,
      source: this.#source,
      destination: this.#path!.destination,
      sourcePort: this.#port.localPort,
      destinationPort: this.#destinationPort,
      ttl: this.#ttl,
    });
    this.#chooseSender();
  }

  #chooseSender(): void {
    const { relay, ethernet } = this.#state;
    this.#relayEpoch = relay.epoch;
    if (this.#kind === AddressKind.OWN) {
      this.#sender = this.#output.loopback;
      return;
    }
    const etherType = this.#destination.length === 4 ? EtherType.IPV4 : EtherType.IPV6;
    // A socket's callbacks run in a later turn anyway, so datagrams of one turn may leave together.
    const { vlanKey } = ethernet;
    this.#sender = relay.senderFor(macHigh(this.#mac), macLow(this.#mac), vlanKey, etherType, true);
  }

  #throwFailure(): never {
    const { code } = this.#port.takeFailure()!;
    const why = 'an error has come back for an earlier datagram';
    throw hostError(code as Parameters<typeof hostError>[0], 'send', why);
  }

  #throwTooLong(length: number): never {
    throw hostError(
      'EMSGSIZE',
      'send',
      `${length} bytes do not fit a datagram, the most is ${this.#payloadMax}`,
    );
  }
}
