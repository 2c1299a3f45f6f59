import { EtherConn, L2Endpoint, type Packet, type PacketRelay, type Registration } from 'etherconn';
import {
  buildUdpFrame,
  DHCPV4_CLIENT_PORT,
  DHCPV4_SERVER_PORT,
  type Dhcpv4Message,
  Dhcpv4Op,
  Dhcpv4Option,
  Dhcpv4Type,
  EtherType,
  emitDhcpv4,
  formatMac,
  IpProtocol,
  parseDhcpv4,
  parseIp,
  parseMac,
  writeDhcpv4Options,
} from 'etherconn/wire';
import { addressBytes, addressNumber } from './client-frames.ts';

export interface ResponderOptions {
  /** Seconds. */
  readonly leaseTime: number;
  /** Seconds; default half and seven eighths of the lease. */
  readonly renewalTime?: number;
  readonly rebindingTime?: number;
  /** The server's own addresses. */
  readonly mac?: string;
  readonly address?: string;
  /** First address that it gives; the others follow. */
  readonly first?: string;
  /** Addresses that it has. Default a million. */
  readonly size?: number;
  /** Where it is: then others may be on the relay, too. Default: wherever it is asked, if nobody else is there. */
  readonly vlans?: readonly (readonly number[])[];
  /** Gives everybody the same address, as broken servers do. */
  readonly same?: boolean;
  /** What to answer a message of this type of this client with, given what would be: another type, or null for nothing. */
  readonly decide?: (type: number, answer: number, mac: string) => number | null;
}

/** What a responder has seen of a client. */
export interface ResponderLease {
  readonly address: number;
  readonly vlans: readonly number[];
  /** Raw options of the last message. */
  options: ReadonlyMap<number, Uint8Array>;
  held: boolean;
}

const BROADCAST = new Uint8Array(4).fill(0xff);
const IP_HEADER = 20;
const UDP_HEADER = 8;

/**
 * A small DHCP server on a relay, in whatever VLANs it is asked: each client gets an address of its own and keeps it.
 * For networks in memory, and for tests; it remembers nothing beyond the process.
 */
export class Responder {
  /** By VLANs and MAC address: '100.200 02:00:00:00:00:01'. */
  readonly leases: Map<string, ResponderLease> = new Map();
  /** Messages by type. */
  readonly seen: Map<number, number> = new Map();
  readonly #options: ResponderOptions;
  readonly #mac: Uint8Array;
  readonly #address: Uint8Array;
  readonly #first: number;
  readonly #conns: readonly EtherConn[];
  readonly #sender: Registration;
  #given = 0;

  constructor(relay: PacketRelay, options: ResponderOptions) {
    this.#options = options;
    this.#mac = parseMac(options.mac ?? '02:ed:00:00:00:01');
    this.#address = parseIp(options.address ?? '10.0.0.1');
    this.#first = addressNumber(parseIp(options.first ?? '10.16.0.1'));
    const places = options.vlans?.map((vlans) => ({ vlans })) ?? [{ role: 'default' as const }];
    this.#conns = places.map((place) => {
      const conn = new EtherConn(this.#mac, relay, [EtherType.IPV4], { ...place, receiveMulticast: true });
      conn.on('message', (packet: Packet['data'], remote: L2Endpoint) => this.#receive(packet, remote));
      return conn;
    });
    // Frames of any VLAN are sent as they are.
    this.#sender = relay.register([new L2Endpoint(this.#mac, 0x88b5).getKey()]);
  }

  async close(): Promise<void> {
    this.#sender.close();
    await Promise.all(this.#conns.map((conn) => conn.close()));
  }

  /** Clients that hold a lease now. */
  get held(): number {
    return [...this.leases.values()].filter(({ held }) => held).length;
  }

  #receive(packet: Uint8Array, remote: L2Endpoint): void {
    const header = 4 * (packet[0] & 15);
    if (packet.length < IP_HEADER + UDP_HEADER || packet[9] !== IpProtocol.UDP) return;
    if (((packet[header + 2] << 8) | packet[header + 3]) !== DHCPV4_SERVER_PORT) return;
    const message = parseDhcpv4(packet, header + UDP_HEADER);
    const type = message?.options.get(Dhcpv4Option.MESSAGE_TYPE)?.[0];
    if (message?.op !== Dhcpv4Op.REQUEST || type === undefined) return;
    this.seen.set(type, (this.seen.get(type) ?? 0) + 1);
    const answer = this.#answer(type, message, remote.vlans);
    const mac = formatMac(message.hardwareAddress);
    const decided =
      answer === null ? null : (this.#options.decide ?? ((_type, same) => same))(type, answer, mac);
    if (decided !== null) this.#reply(decided, message, remote.vlans);
  }

  #lease(message: Dhcpv4Message, vlans: readonly number[]): ResponderLease | null {
    const key = `${vlans.join('.')} ${formatMac(message.hardwareAddress)}`;
    let lease = this.leases.get(key);
    if (lease === undefined) {
      if (this.#given >= (this.#options.size ?? 1_000_000)) return null;
      const address = this.#first + (this.#options.same === true ? 0 : this.#given++);
      lease = { address, vlans, options: message.options, held: false };
      this.leases.set(key, lease);
    }
    lease.options = message.options;
    return lease;
  }

  /** The type of the answer; null for none. */
  #answer(type: number, message: Dhcpv4Message, vlans: readonly number[]): number | null {
    const lease = this.#lease(message, vlans);
    if (lease === null) return null;
    if (type === Dhcpv4Type.DISCOVER) return Dhcpv4Type.OFFER;
    if (type === Dhcpv4Type.RELEASE) lease.held = false;
    if (type === Dhcpv4Type.DECLINE)
      this.leases.delete(`${vlans.join('.')} ${formatMac(message.hardwareAddress)}`);
    if (type !== Dhcpv4Type.REQUEST) return null;
    const server = message.options.get(Dhcpv4Option.SERVER_ID);
    // Meant for another server.
    if (server !== undefined && addressNumber(server) !== addressNumber(this.#address)) return null;
    const requested = message.options.get(Dhcpv4Option.REQUESTED_ADDRESS) ?? message.clientAddress;
    if (addressNumber(requested) !== lease.address) return Dhcpv4Type.NAK;
    lease.held = true;
    return Dhcpv4Type.ACK;
  }

  #reply(type: number, message: Dhcpv4Message, vlans: readonly number[]): void {
    const lease = this.#lease(message, vlans);
    if (lease === null) return;
    const { leaseTime, renewalTime, rebindingTime } = this.#options;
    const isNak = type === Dhcpv4Type.NAK;
    const options = writeDhcpv4Options({
      messageType: type,
      serverId: [...this.#address].join('.'),
      ...(isNak ? {} : { leaseTime, subnetMask: '255.0.0.0' }),
      ...(isNak || renewalTime === undefined ? {} : { renewalTime }),
      ...(isNak || rebindingTime === undefined ? {} : { rebindingTime }),
    });
    const { xid, hardwareAddress, clientAddress, broadcast } = message;
    const address = addressBytes(isNak ? 0 : lease.address);
    const toAll = isNak || (broadcast && addressNumber(clientAddress) === 0);
    const payload = emitDhcpv4({
      op: Dhcpv4Op.REPLY,
      xid,
      broadcast,
      hardwareAddress,
      clientAddress,
      yourAddress: address,
      options,
    });
    const frame = buildUdpFrame({
      sourceMac: this.#mac,
      destinationMac: toAll ? new Uint8Array(6).fill(0xff) : hardwareAddress,
      vlans: vlans.map((id) => ({ id })),
      source: this.#address,
      destination: toAll ? BROADCAST : address,
      sourcePort: DHCPV4_SERVER_PORT,
      destinationPort: DHCPV4_CLIENT_PORT,
      payload,
    });
    // Without room it is lost, as on a wire: clients ask again.
    this.#sender.trySend(frame);
  }
}
