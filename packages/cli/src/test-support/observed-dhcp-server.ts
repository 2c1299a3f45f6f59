import {
  type Dhcpv4Message,
  Dhcpv4Option,
  Dhcpv4Type,
  emitDhcpv4,
  FrameRecord,
  formatMac,
  parseDhcpv4,
  parseFrame,
} from 'etherconn/wire';
import { type Arrival, DhcpServer, type DhcpServerPlan } from '../dhcp/server/dhcp-server.ts';

export interface Faults {
  /** Gives everybody the same address, as broken servers do. */
  readonly same?: boolean;
  /** What to answer a message of this type, given what would be: that, a NAK, or null for nothing. */
  readonly decide?: (type: number, answer: number) => number | null;
}

/** A DHCP server that remembers what it was asked and, with faults, answers wrongly or not at all. */
export class ObservedDhcpServer {
  /** Options of the last message of each client, by VLANs and MAC address: '100.200 02:00:00:00:00:01'. */
  readonly asked: Map<string, ReadonlyMap<number, Uint8Array>> = new Map();
  /** Messages by type. */
  readonly seen: Map<number, number> = new Map();
  readonly #plan: DhcpServerPlan;
  readonly #now: () => number;
  readonly #faults: Faults;
  readonly #servers = new Map<string, DhcpServer>();

  constructor(plan: DhcpServerPlan, now: () => number, faults: Faults = {}) {
    this.#plan = plan;
    this.#now = now;
    this.#faults = faults;
  }

  /** Clients that hold a lease now. */
  get held(): number {
    return [...this.#servers.values()].reduce((sum, { pool }) => sum + pool.bound, 0);
  }

  answer(payload: Uint8Array, from: Arrival): Uint8Array | null {
    const message = parseDhcpv4(payload)!;
    const type = typeOf(message);
    const mac = formatMac(message.hardwareAddress);
    this.seen.set(type, (this.seen.get(type) ?? 0) + 1);
    this.asked.set(`${from.vlans.map(({ id }) => id).join('.')} ${mac}`, message.options);
    // Servers that know nothing of each other give the same addresses.
    const server = this.#server(this.#faults.same === true ? mac : '');
    const answer = server.answer(payload, from);
    if (answer === null) return null;
    const would = typeOfFrame(answer);
    const { decide = () => would } = this.#faults;
    const decided = decide(type, would);
    if (decided === null || decided === would) return decided === null ? null : answer;
    if (decided !== Dhcpv4Type.NAK) throw new Error(`only a NAK can be had instead of ${would}`);
    // An address of nobody's is refused.
    const options = new Map(message.options).set(Dhcpv4Option.REQUESTED_ADDRESS, Uint8Array.of(192, 0, 2, 1));
    return server.answer(emitDhcpv4({ ...message, options }), from);
  }

  #server(key: string): DhcpServer {
    const server = this.#servers.get(key) ?? new DhcpServer(this.#plan, this.#now);
    this.#servers.set(key, server);
    return server;
  }
}

function typeOf({ options }: Dhcpv4Message): number {
  return options.get(Dhcpv4Option.MESSAGE_TYPE)![0];
}

function typeOfFrame(frame: Uint8Array): number {
  const record = new FrameRecord();
  parseFrame(frame, 0, frame.length, record);
  return typeOf(parseDhcpv4(frame, record.payload, record.payloadEnd)!);
}
