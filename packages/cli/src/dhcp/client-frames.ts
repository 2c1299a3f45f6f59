import {
  buildUdpFrame,
  DHCPV4_CLIENT_PORT,
  DHCPV4_SERVER_PORT,
  Dhcpv4Op,
  Dhcpv4Option,
  Dhcpv4Type,
  emitDhcpv4,
} from 'etherconn/wire';
import type { ClientOption } from './client-options.ts';
import type { Members } from './fleet-plan.ts';

const BROADCAST_MAC = new Uint8Array(6).fill(0xff);
const BROADCAST = new Uint8Array(4).fill(0xff);
const NOBODY = new Uint8Array(4);
/** What a client wants to know: mask, routers, name servers, domain, times. */
const PARAMETERS = Uint8Array.of(1, 3, 6, 15, 51, 54, 58, 59);
/** What fits in an Ethernet frame. */
const LENGTH_MAX = 1472;

/** What a message of a client is about: RFC 2131 table 5. Addresses are 32-bit numbers; 0 is none. */
export interface ClientMessage {
  readonly type: number;
  readonly xid: number;
  /** Milliseconds since the client began. */
  readonly since: number;
  /** ciaddr: the client has it, and sends from it. */
  readonly clientAddress: number;
  /** Option 50. */
  readonly requestedAddress: number;
  /** Option 54. */
  readonly serverId: number;
  /** Where it goes, for unicast. */
  readonly to: { readonly address: number; readonly mac: Uint8Array } | null;
}

/** Whole frames of the clients' messages. */
export class ClientFrames {
  readonly #members: Members;
  readonly #options: readonly ClientOption[];
  readonly #broadcast: boolean;

  constructor(members: Members, options: readonly ClientOption[], broadcast: boolean) {
    this.#members = members;
    this.#options = options;
    this.#broadcast = broadcast;
  }

  frame(n: number, message: ClientMessage): Uint8Array {
    const members = this.#members;
    const mac = members.mac(n);
    const { type, clientAddress, requestedAddress, serverId, to } = message;
    const options = new Map<number, Uint8Array>([[Dhcpv4Option.MESSAGE_TYPE, Uint8Array.of(type)]]);
    if (requestedAddress !== 0) options.set(Dhcpv4Option.REQUESTED_ADDRESS, addressBytes(requestedAddress));
    if (serverId !== 0) options.set(Dhcpv4Option.SERVER_ID, addressBytes(serverId));
    const asks = type === Dhcpv4Type.DISCOVER || type === Dhcpv4Type.REQUEST;
    if (asks) options.set(Dhcpv4Option.PARAMETER_LIST, PARAMETERS);
    const names = { n, mac: '', vlan: '' };
    if (this.#options.length > 0) {
      names.mac = members.macText(n);
      names.vlan = members.vlanText(n);
    }
    for (const option of this.#options) options.set(option.code, option.bytes(names));
    const payload = emitDhcpv4(
      {
        op: Dhcpv4Op.REQUEST,
        xid: message.xid,
        secs: Math.min(0xffff, Math.floor(message.since / 1000)),
        broadcast: this.#broadcast && clientAddress === 0 && asks,
        hardwareAddress: mac,
        clientAddress: addressBytes(clientAddress),
        options,
      },
      LENGTH_MAX,
    );
    return buildUdpFrame({
      sourceMac: mac,
      destinationMac: to === null ? BROADCAST_MAC : to.mac,
      vlans: members.vlans[members.vlanOf[n]],
      source: clientAddress === 0 ? NOBODY : addressBytes(clientAddress),
      destination: to === null ? BROADCAST : addressBytes(to.address),
      sourcePort: DHCPV4_CLIENT_PORT,
      destinationPort: DHCPV4_SERVER_PORT,
      payload,
    });
  }
}

export function addressBytes(address: number): Uint8Array {
  return Uint8Array.of(address >>> 24, address >>> 16, address >>> 8, address);
}

export function addressNumber(bytes: Uint8Array, at = 0): number {
  return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
}
