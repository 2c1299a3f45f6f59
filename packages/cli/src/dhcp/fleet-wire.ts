import { type EthernetResponse, L2Endpoint, type PacketRelay, type Registration } from 'etherconn';
import {
  ArpOperation,
  arpOperation,
  DHCPV4_CLIENT_PORT,
  type Dhcpv4Message,
  Dhcpv4Op,
  EtherType,
  emitArp,
  emitEthernet,
  ethernetHeaderLength,
  IpProtocol,
  parseDhcpv4,
} from 'etherconn/wire';
import { addressNumber } from './client-frames.ts';
import type { Members } from './fleet-plan.ts';

const ARP_LENGTH = 28;
/** Offsets in an ARP packet. */
const SENDER_MAC = 8;
const SENDER_IP = 14;
const TARGET_IP = 24;

/** Who is behind the wire of a fleet. */
export interface FleetReceiver {
  /** A whole DHCP message of a server. */
  message(message: Dhcpv4Message, serverMac: Uint8Array, frameLength: number): void;
  /** The client that has this address, in these VLANs; -1 for none. */
  ownerOf(address: number, vlanIndex: number): number;
}

/** One registration for all clients of a fleet: their DHCP messages, and answers to ARP for the addresses they have. */
export class FleetWire {
  readonly #members: Members;
  readonly #receiver: FleetReceiver;
  readonly #registration: Registration;
  readonly #vlanIndex: ReadonlyMap<string, number>;

  constructor(relay: PacketRelay, members: Members, receiver: FleetReceiver) {
    this.#members = members;
    this.#receiver = receiver;
    const stacks = members.vlans.map((vlans) => vlans.map(({ id }) => id));
    this.#vlanIndex = new Map(stacks.map((ids, index) => [ids.join('.'), index]));
    const keys = [];
    for (let n = 0; n < members.count; n++) {
      const ids = stacks[members.vlanOf[n]];
      for (const etherType of [EtherType.IPV4, EtherType.ARP])
        keys.push(new L2Endpoint(members.mac(n), etherType, ids).getKey());
    }
    this.#registration = relay.register(keys, { multicast: true, exclusive: true });
    this.#registration.receive((response) => this.#receive(response));
  }

  /** False when there is no room. */
  send(frame: Uint8Array): boolean {
    return this.#registration.trySend(frame) === 1;
  }

  close(): void {
    this.#registration.close();
  }

  #receive(response: EthernetResponse): void {
    if (response.truncated) return;
    if (response.localEndpoint.ethernetType === EtherType.ARP) {
      this.#answerArp(response);
      return;
    }
    const { transportPayloadBytes: payload, protocol, localPort } = response;
    if (payload === null || protocol !== IpProtocol.UDP || localPort !== DHCPV4_CLIENT_PORT) return;
    const message = parseDhcpv4(payload);
    if (message?.op !== Dhcpv4Op.REPLY) return;
    this.#receiver.message(message, response.remoteEndpoint.hwAddr, response.etherBytes.length);
  }

  #answerArp({ etherBytes, localEndpoint }: EthernetResponse): void {
    const at = ethernetHeaderLength(localEndpoint.vlans.length);
    if (etherBytes.length < at + ARP_LENGTH || arpOperation(etherBytes, at) !== ArpOperation.REQUEST) return;
    const index = this.#vlanIndex.get(localEndpoint.vlans.join('.'));
    const owner =
      index === undefined ? -1 : this.#receiver.ownerOf(addressNumber(etherBytes, at + TARGET_IP), index);
    if (owner < 0) return;
    const mac = this.#members.mac(owner);
    const asker = etherBytes.slice(at + SENDER_MAC, at + SENDER_MAC + 6);
    const frame = new Uint8Array(at + ARP_LENGTH);
    emitEthernet(frame, 0, {
      destination: asker,
      source: mac,
      vlans: this.#members.vlans[index!],
      etherType: EtherType.ARP,
    });
    emitArp(frame, at, {
      operation: ArpOperation.REPLY,
      senderMac: mac,
      senderIp: etherBytes.slice(at + TARGET_IP, at + TARGET_IP + 4),
      targetMac: asker,
      targetIp: etherBytes.slice(at + SENDER_IP, at + SENDER_IP + 4),
    });
    // Who asks asks again when this finds no room.
    this.#registration.trySend(frame);
  }
}
