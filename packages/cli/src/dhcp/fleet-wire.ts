import { type Batch, EtherConn, L2EndpointKey, type PacketRelay, type Registration } from 'etherconn';
import {
  ArpOperation,
  arpOperation,
  DHCPV4_CLIENT_PORT,
  EtherType,
  emitArp,
  emitEthernet,
  ethernetHeaderLength,
  IpProtocol,
  isGroupMac,
  UDP_HEADER_LENGTH,
  vlanKey,
} from 'etherconn/wire';
import { addressNumber } from './address-number.ts';
import { type Members, NUMBER_BITS } from './fleet-plan.ts';
import { ServerMessage } from './server-message.ts';

const ARP_LENGTH = 28;
/** Offsets in an ARP packet. */
const SENDER_MAC = 8;
const SENDER_IP = 14;
const TARGET_IP = 24;
/** Offset of the source in a frame. */
const SOURCE_MAC = 6;
const NUMBER_MASK = 2 ** NUMBER_BITS - 1;

/** Who is behind the wire of a fleet. */
export interface FleetReceiver {
  /** Frames have come; all of them now. */
  begin(): void;
  /**
   * A message of a server to client `n`, whose transaction may be over; its sender's MAC address is at `serverMac` of the
   * message's memory.
   */
  message(n: number, message: ServerMessage, serverMac: number, frameLength: number): void;
  /** A message to somebody else. */
  foreign(): void;
  /** The client that has this address, in these VLANs; -1 for none. */
  ownerOf(address: number, vlanIndex: number): number;
}

/**
 * What comes for all clients of a fleet: their DHCP messages, and ARP for the addresses they have. One registration has all
 * their MAC addresses, and one conn reads the frames where they lie.
 */
export class FleetWire {
  readonly #members: Members;
  readonly #receiver: FleetReceiver;
  readonly #registration: Registration;
  readonly #conn: EtherConn;
  /** By index of the VLANs, and back. */
  readonly #vlanKeys: readonly number[];
  readonly #vlanIndex: ReadonlyMap<number, number>;
  readonly #message = new ServerMessage();

  constructor(relay: PacketRelay, members: Members, receiver: FleetReceiver) {
    this.#members = members;
    this.#receiver = receiver;
    const stacks = members.vlans.map((vlans) => vlans.map(({ id }) => id));
    this.#vlanKeys = stacks.map((ids) => vlanKey(ids));
    this.#vlanIndex = new Map(this.#vlanKeys.map((key, index) => [key, index]));
    const keys = [];
    for (let n = 0; n < members.count; n++) {
      const mac = members.mac(n);
      for (const etherType of [EtherType.IPV4, EtherType.ARP])
        keys.push(L2EndpointKey.of(mac, etherType, stacks[members.vlanOf[n]]));
    }
    this.#registration = relay.register(keys, { multicast: true, exclusive: true });
    this.#conn = new EtherConn(members.mac(0), relay, [EtherType.IPV4, EtherType.ARP], {
      role: 'mirror',
      receiveMulticast: true,
    });
    this.#conn.onBatch((batch) => this.#receive(batch));
  }

  /** False when there is no room. */
  send(frame: Uint8Array): boolean {
    return this.#registration.trySend(frame) === 1;
  }

  close(): void {
    this.#registration.close();
    // Nothing waits for it: the conn has no more to send.
    void this.#conn.close();
  }

  #receive(batch: Batch): void {
    this.#receiver.begin();
    while (batch.next()) {
      if (batch.truncated) continue;
      if (batch.etherType === EtherType.ARP) this.#answerArp(batch);
      else if (batch.protocol === IpProtocol.UDP && batch.localPort === DHCPV4_CLIENT_PORT)
        this.#datagram(batch);
    }
  }

  #datagram(batch: Batch): void {
    const { u8, transportOffset } = batch;
    const message = this.#message;
    const start = transportOffset + UDP_HEADER_LENGTH;
    const length = (u8[transportOffset + 4] << 8) | u8[transportOffset + 5];
    const end = Math.min(transportOffset + length, batch.payloadOffset + batch.payloadLength);
    if (transportOffset === 0 || !message.read(u8, start, end)) return;
    const n = message.xid & NUMBER_MASK;
    const at = batch.frameOffset;
    if (n < this.#members.count && this.#isFor(n, batch.vlanKey, at, message))
      this.#receiver.message(n, message, at + SOURCE_MAC, batch.frameLength);
    else this.#receiver.foreign();
  }

  /** Whether it is the client's by its hardware address, and has come to it, or to all, in its VLANs. */
  #isFor(n: number, key: number, frame: number, { u8, hardwareAddress }: ServerMessage): boolean {
    const { macs, vlanOf } = this.#members;
    if (key !== this.#vlanKeys[vlanOf[n]]) return false;
    const isToAll = isGroupMac(u8, frame);
    for (let i = 0; i < 6; i++) {
      const byte = macs[6 * n + i];
      if (u8[hardwareAddress + i] !== byte || (!isToAll && u8[frame + i] !== byte)) return false;
    }
    return true;
  }

  #answerArp({ u8, payloadOffset, payloadLength, vlanKey: key }: Batch): void {
    if (payloadLength < ARP_LENGTH || arpOperation(u8, payloadOffset) !== ArpOperation.REQUEST) return;
    const index = this.#vlanIndex.get(key);
    if (index === undefined) return;
    const owner = this.#receiver.ownerOf(addressNumber(u8, payloadOffset + TARGET_IP), index);
    if (owner < 0) return;
    const vlans = this.#members.vlans[index];
    const mac = this.#members.mac(owner);
    const part = (from: number, length: number): Uint8Array =>
      u8.slice(payloadOffset + from, payloadOffset + from + length);
    const asker = part(SENDER_MAC, 6);
    const at = ethernetHeaderLength(vlans.length);
    const frame = new Uint8Array(at + ARP_LENGTH);
    emitEthernet(frame, 0, { destination: asker, source: mac, vlans, etherType: EtherType.ARP });
    emitArp(frame, at, {
      operation: ArpOperation.REPLY,
      senderMac: mac,
      senderIp: part(TARGET_IP, 4),
      targetMac: asker,
      targetIp: part(SENDER_IP, 4),
    });
    // Who asks asks again when this finds no room.
    this.#registration.trySend(frame);
  }
}
