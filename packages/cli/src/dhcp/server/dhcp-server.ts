import { OptionError } from 'etherconn';
import {
  buildUdpFrame,
  DHCPV4_CLIENT_PORT,
  DHCPV4_SERVER_PORT,
  type Dhcpv4Message,
  Dhcpv4Op,
  Dhcpv4Option,
  Dhcpv4Type,
  emitDhcpv4,
  formatMac,
  parseDhcpv4,
  type Vlan,
} from 'etherconn/wire';
import { FOREVER } from '../../scenario/quantity.ts';
import { addressBytes, addressNumber } from '../address-number.ts';
import type { ClientOption } from '../client-options.ts';
import { LeasePool } from './lease-pool.ts';

/** What a DHCP server gives. Addresses are 32-bit numbers, times seconds. */
export interface DhcpServerPlan {
  readonly mac: Uint8Array;
  readonly address: number;
  readonly prefix: number;
  readonly first: number;
  readonly size: number;
  /** 0xffffffff: for ever. */
  readonly leaseTime: number;
  /** T1 and T2. Default: half and seven eighths of the lease. */
  readonly renewalTime?: number;
  readonly rebindingTime?: number;
  /** How long nobody gets an address that a client has declined. */
  readonly declineTime: number;
  readonly routers: readonly number[];
  readonly dns: readonly number[];
  readonly domain: string | undefined;
  /** More options, which replace those above. */
  readonly options: readonly ClientOption[];
}

/** Where a message came from. */
export interface Arrival {
  readonly mac: Uint8Array;
  readonly vlans: readonly Vlan[];
}

const OFFER_TIME = 60_000;
/** What fits in an Ethernet frame. */
const LENGTH_MAX = 1472;
const MIN_MESSAGE = 300;
const ETHERNET = 1;
const BROADCAST = 0xffffffff;
const BROADCAST_MAC = new Uint8Array(6).fill(0xff);

/** Types by number, for counters. */
const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(Dhcpv4Type).map(([name, type]) => [type, name.toLowerCase()]),
);

/** A DHCP server as RFC 2131 §4.3 has it: messages in, whole frames out. Each VLAN's clients are others. */
export class DhcpServer {
  readonly pool: LeasePool;
  /** Messages by type, received and sent; and what was not answered, by reason. */
  readonly counts: Map<string, number> = new Map();
  readonly #plan: DhcpServerPlan;
  readonly #now: () => number;

  /** @param now milliseconds */
  constructor(plan: DhcpServerPlan, now: () => number) {
    this.#plan = plan;
    this.#now = now;
    this.pool = new LeasePool(plan.size, now());
  }

  /** Frees what has expired. */
  expire(): void {
    this.pool.advance(this.#now());
  }

  /** The frame that answers a UDP payload to the server's port; null for none. */
  answer(payload: Uint8Array, from: Arrival): Uint8Array | null {
    const message = parseDhcpv4(payload);
    const type = message?.options.get(Dhcpv4Option.MESSAGE_TYPE)?.[0];
    const name = NAMES.get(type ?? 0);
    if (message === null || message.op !== Dhcpv4Op.REQUEST || type === undefined || name === undefined)
      return this.#ignore('malformed');
    if (message.hardwareType !== ETHERNET || message.hardwareAddress.length !== 6)
      return this.#ignore('malformed');
    this.#count(name);
    const server = message.options.get(Dhcpv4Option.SERVER_ID);
    const isOurs =
      server === undefined || (server.length === 4 && addressNumber(server) === this.#plan.address);
    const key = keyOf(message, from.vlans);
    // Messages between: what expired meanwhile is free.
    this.pool.advance(this.#now());
    switch (type) {
      case Dhcpv4Type.DISCOVER:
        return this.#discover(message, key, from);
      case Dhcpv4Type.REQUEST:
        if (isOurs) return this.#request(message, key, from, server !== undefined);
        // It has chosen another server: what it was offered is free again.
        this.pool.release(key);
        return this.#ignore('otherServer');
      case Dhcpv4Type.DECLINE:
        if (isOurs)
          this.pool.decline(key, this.#numberOf(requestedOf(message)), this.#until(this.#plan.declineTime));
        return null;
      case Dhcpv4Type.RELEASE:
        if (isOurs && this.pool.of(key) === this.#numberOf(addressNumber(message.clientAddress)))
          this.pool.release(key);
        return null;
      case Dhcpv4Type.INFORM:
        return this.#reply(Dhcpv4Type.ACK, message, from, 0, true);
      default:
        return this.#ignore('malformed');
    }
  }

  #discover(message: Dhcpv4Message, key: string, from: Arrival): Uint8Array | null {
    const wish = this.#numberOf(requestedOf(message));
    const number = this.pool.offer(key, wish, this.#now() + OFFER_TIME);
    if (number < 0) return this.#ignore('exhausted');
    return this.#reply(Dhcpv4Type.OFFER, message, from, this.#plan.first + number);
  }

  #request(message: Dhcpv4Message, key: string, from: Arrival, isSelecting: boolean): Uint8Array | null {
    const address = requestedOf(message) || addressNumber(message.clientAddress);
    const number = this.#numberOf(address);
    // Who chooses our offer must have one. Who has a lease from before this server began may keep the address, if it is free.
    const own = this.pool.of(key);
    const isMine = number >= 0 && (own === number || (own < 0 && !isSelecting));
    if (isMine && this.pool.bind(key, number, this.#until(this.#plan.leaseTime)))
      return this.#reply(Dhcpv4Type.ACK, message, from, address);
    return this.#reply(Dhcpv4Type.NAK, message, from, 0);
  }

  #reply(
    type: number,
    message: Dhcpv4Message,
    from: Arrival,
    address: number,
    isInform = false,
  ): Uint8Array | null {
    const { mac, address: server } = this.#plan;
    const isNak = type === Dhcpv4Type.NAK;
    const { xid, hardwareAddress, clientAddress, relayAddress } = message;
    const relay = addressNumber(relayAddress);
    const client = addressNumber(clientAddress);
    const fields = {
      op: Dhcpv4Op.REPLY,
      xid,
      // A NAK through a relay agent is to be broadcast behind it.
      broadcast: message.broadcast || (isNak && relay !== 0),
      hardwareAddress,
      clientAddress: isNak ? new Uint8Array(4) : clientAddress,
      yourAddress: addressBytes(address),
      relayAddress,
      options: isNak ? this.#nakOptions(message) : this.#options(type, message, from, isInform),
    };
    let payload: Uint8Array;
    try {
      payload = emitDhcpv4(fields, messageLimit(message));
    } catch (error) {
      // A relay agent may have added so much that our options find no room.
      if (error instanceof OptionError) return this.#ignore('tooLong');
      throw error;
    }
    this.#count(NAMES.get(type)!);
    const toRelay = relay !== 0;
    const toAll = !toRelay && (isNak || (client === 0 && message.broadcast));
    const destination = toRelay ? relay : toAll ? BROADCAST : client !== 0 ? client : address;
    return buildUdpFrame({
      sourceMac: mac,
      // Who came through a router is behind it; so are relay agents.
      destinationMac: toAll ? BROADCAST_MAC : toRelay || client !== 0 ? from.mac : hardwareAddress,
      vlans: from.vlans,
      source: addressBytes(server),
      destination: addressBytes(destination),
      sourcePort: DHCPV4_SERVER_PORT,
      destinationPort: toRelay ? DHCPV4_SERVER_PORT : DHCPV4_CLIENT_PORT,
      payload,
    });
  }

  #nakOptions(message: Dhcpv4Message): Map<number, Uint8Array> {
    const options = this.#head(Dhcpv4Type.NAK);
    echoRelayAgent(message, options);
    return options;
  }

  #head(type: number): Map<number, Uint8Array> {
    return new Map([
      [Dhcpv4Option.MESSAGE_TYPE, Uint8Array.of(type)],
      [Dhcpv4Option.SERVER_ID, addressBytes(this.#plan.address)],
    ]);
  }

  #options(type: number, message: Dhcpv4Message, from: Arrival, isInform: boolean): Map<number, Uint8Array> {
    const { leaseTime, prefix, routers, dns, domain, options: more } = this.#plan;
    const options = this.#head(type);
    if (!isInform) {
      options.set(Dhcpv4Option.LEASE_TIME, addressBytes(leaseTime));
      if (leaseTime !== FOREVER) {
        const t1 = Math.floor(this.#plan.renewalTime ?? leaseTime / 2);
        const t2 = Math.floor(this.#plan.rebindingTime ?? (leaseTime * 7) / 8);
        // In whole seconds a short lease has no room for both: its client finds times of its own.
        if (t1 > 0 && t1 < t2) {
          options.set(Dhcpv4Option.RENEWAL_TIME, addressBytes(t1));
          options.set(Dhcpv4Option.REBINDING_TIME, addressBytes(t2));
        }
      }
    }
    options.set(Dhcpv4Option.SUBNET_MASK, addressBytes(maskOf(prefix)));
    const list = (addresses: readonly number[]): Uint8Array =>
      Uint8Array.from(addresses.flatMap((address) => [...addressBytes(address)]));
    if (routers.length > 0) options.set(Dhcpv4Option.ROUTERS, list(routers));
    if (dns.length > 0) options.set(Dhcpv4Option.DNS_SERVERS, list(dns));
    if (domain !== undefined) options.set(Dhcpv4Option.DOMAIN_NAME, new TextEncoder().encode(domain));
    const names = {
      n: Math.max(0, this.pool.of(keyOf(message, from.vlans))),
      mac: formatMac(message.hardwareAddress),
      vlan: from.vlans.map(({ id }) => id).join('.'),
    };
    for (const option of more) options.set(option.code, option.bytes(names));
    echoRelayAgent(message, options);
    return options;
  }

  #numberOf(address: number): number {
    const number = address - this.#plan.first;
    return number >= 0 && number < this.#plan.size ? number : -1;
  }

  #until(seconds: number): number {
    return seconds === FOREVER ? Number.POSITIVE_INFINITY : this.#now() + 1000 * seconds;
  }

  #ignore(why: string): null {
    this.#count(why);
    return null;
  }

  #count(name: string): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
  }
}

/** Who a client is: RFC 2131 §4.2, its identifier if it has one, else its hardware address; in its VLANs. */
function keyOf({ options, hardwareAddress }: Dhcpv4Message, vlans: readonly Vlan[]): string {
  const id = options.get(Dhcpv4Option.CLIENT_ID);
  const who = id === undefined ? formatMac(hardwareAddress) : `id ${Buffer.from(id).toString('hex')}`;
  return vlans.length === 0 ? who : `${vlans.map((vlan) => vlan.id).join('.')} ${who}`;
}

function requestedOf({ options }: Dhcpv4Message): number {
  const bytes = options.get(Dhcpv4Option.REQUESTED_ADDRESS);
  return bytes === undefined || bytes.length < 4 ? 0 : addressNumber(bytes);
}

/** RFC 3046 §2.2: the relay agent's option comes back as it was. */
function echoRelayAgent({ options }: Dhcpv4Message, into: Map<number, Uint8Array>): void {
  const agent = options.get(Dhcpv4Option.RELAY_AGENT);
  if (agent !== undefined) into.set(Dhcpv4Option.RELAY_AGENT, agent);
}

/** What the client takes, without the headers of IP and UDP. */
function messageLimit({ options }: Dhcpv4Message): number {
  const bytes = options.get(Dhcpv4Option.MAX_MESSAGE_SIZE);
  if (bytes === undefined || bytes.length < 2) return 548;
  return Math.min(LENGTH_MAX, Math.max(MIN_MESSAGE, ((bytes[0] << 8) | bytes[1]) - 28));
}

export function maskOf(prefix: number): number {
  return prefix === 0 ? 0 : (0xffffffff << (32 - prefix)) >>> 0;
}
