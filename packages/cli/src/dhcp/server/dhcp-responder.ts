import { EtherConn, L2Endpoint, type Packet, type PacketRelay, type Registration } from 'etherconn';
import {
  DHCPV4_SERVER_PORT,
  EtherType,
  IpProtocol,
  parseIp,
  parseMac,
  UDP_HEADER_LENGTH,
} from 'etherconn/wire';
import { addressNumber } from '../address-number.ts';
import type { DhcpServer, DhcpServerPlan } from './dhcp-server.ts';

const MAC = parseMac('02:ed:00:00:00:01');
/** No conn has it: what is registered with it only sends. */
const SENDS_ONLY = 0x88b5;
/** Seconds. */
const DECLINE_TIME = 60;

/** What the server of a network in memory gives `clients`: an address for each, and another for who declines the first. */
export function memoryServerPlan(clients: number, leaseTime: number): DhcpServerPlan {
  return {
    mac: MAC,
    address: addressNumber(parseIp('10.0.0.1')),
    prefix: 8,
    first: addressNumber(parseIp('10.16.0.1')),
    size: 2 * clients,
    leaseTime,
    declineTime: DECLINE_TIME,
    routers: [],
    dns: [],
    domain: undefined,
    options: [],
  };
}

/**
 * A DHCP server on a relay, and nothing but that: whatever VLANs it is asked in, it answers there. With `vlans` it is in
 * these alone; without, there must be nobody else on the relay.
 */
export class DhcpResponder {
  readonly #server: Pick<DhcpServer, 'answer'>;
  readonly #conns: readonly EtherConn[];
  readonly #sender: Registration;

  constructor(
    relay: PacketRelay,
    server: Pick<DhcpServer, 'answer'>,
    vlans?: readonly (readonly number[])[],
  ) {
    this.#server = server;
    const places = vlans?.map((ids) => ({ vlans: ids })) ?? [{ role: 'default' as const }];
    this.#conns = places.map((place) => {
      const conn = new EtherConn(MAC, relay, [EtherType.IPV4], { ...place, receiveMulticast: true });
      conn.on('message', (packet: Packet['data'], remote: L2Endpoint) => this.#receive(packet, remote));
      return conn;
    });
    // Frames of any VLAN are sent as they are.
    this.#sender = relay.register([new L2Endpoint(MAC, SENDS_ONLY).getKey()]);
  }

  async close(): Promise<void> {
    this.#sender.close();
    await Promise.all(this.#conns.map((conn) => conn.close()));
  }

  #receive(packet: Uint8Array, { hwAddr, vlans }: L2Endpoint): void {
    const header = 4 * (packet[0] & 15);
    if (packet.length < header + UDP_HEADER_LENGTH || packet[9] !== IpProtocol.UDP) return;
    if (((packet[header + 2] << 8) | packet[header + 3]) !== DHCPV4_SERVER_PORT) return;
    const answer = this.#server.answer(packet.subarray(header + UDP_HEADER_LENGTH), {
      mac: hwAddr,
      vlans: vlans.map((id) => ({ id })),
    });
    // Without room it is lost, as on a wire: clients ask again.
    if (answer !== null) this.#sender.trySend(answer);
  }
}
