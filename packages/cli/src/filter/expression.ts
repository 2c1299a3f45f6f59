import { EtherType } from 'etherconn/wire';

/** What a filter expression says, before it is known where in a frame that is. */

export type Direction = 'any' | 'source' | 'destination' | 'both';

/** By these protocols, addresses are looked for. */
export type AddressProtocol = 'ip' | 'ip6' | 'arp' | 'rarp';

/** These have ports. */
export type PortProtocol = 'tcp' | 'udp' | 'sctp';

export type Expression =
  | { readonly kind: 'all' }
  | { readonly kind: 'and' | 'or'; readonly left: Expression; readonly right: Expression }
  | { readonly kind: 'not'; readonly of: Expression }
  /** `tcp`. */
  | { readonly kind: 'protocol'; readonly name: ProtocolName }
  /** `ip proto 6`, `ether proto 0x800`. */
  | {
      readonly kind: 'protocol number';
      readonly over: 'ip' | 'ip6' | 'ether' | null;
      readonly number: number;
    }
  /** `host` and `net`: 32-bit words of address and mask; one for IPv4, four for IPv6. */
  | {
      readonly kind: 'address';
      readonly over: AddressProtocol | null;
      readonly direction: Direction;
      readonly address: readonly number[];
      readonly mask: readonly number[];
    }
  | { readonly kind: 'ether host'; readonly direction: Direction; readonly mac: Uint8Array }
  | {
      readonly kind: 'ports';
      readonly over: PortProtocol | null;
      readonly direction: Direction;
      readonly first: number;
      readonly last: number;
    }
  | { readonly kind: 'broadcast' | 'multicast'; readonly over: 'ether' | 'ip' | 'ip6'; readonly at: number }
  /** From here to the end of the expression, everything lies behind one more tag. */
  | { readonly kind: 'vlan'; readonly id: number | null }
  | {
      readonly kind: 'relation';
      readonly operator: Relation;
      readonly left: Arithmetic;
      readonly right: Arithmetic;
    };

export type Relation = '=' | '!=' | '<' | '<=' | '>' | '>=';

export type Operator = '+' | '-' | '*' | '/' | '%' | '&' | '|' | '^' | '<<' | '>>';

/** Numbers of 32 bits without sign. */
export type Arithmetic =
  | { readonly kind: 'number'; readonly value: number }
  /** `len`: bytes on the wire. */
  | { readonly kind: 'length' }
  /** `tcp[13]`, `ip[6:2]`. */
  | {
      readonly kind: 'bytes';
      readonly of: ProtocolName;
      readonly index: Arithmetic;
      readonly size: 1 | 2 | 4;
    }
  | {
      readonly kind: 'operation';
      readonly operator: Operator;
      readonly left: Arithmetic;
      readonly right: Arithmetic;
    };

/** Where a protocol is found: by EtherType, or by its number in IP packets of these versions. */
export type Protocol =
  | { readonly etherType: number | null }
  | { readonly number: number; readonly versions: readonly (4 | 6)[] };

export type ProtocolName =
  | 'ether'
  | AddressProtocol
  | PortProtocol
  | ('icmp' | 'icmp6' | 'igmp' | 'pim' | 'vrrp' | 'ah' | 'esp');

/** The protocols that have names. `ether` is every frame. */
export const PROTOCOLS: Readonly<Record<ProtocolName, Protocol>> = {
  ether: { etherType: null },
  ip: { etherType: EtherType.IPV4 },
  ip6: { etherType: EtherType.IPV6 },
  arp: { etherType: EtherType.ARP },
  rarp: { etherType: 0x8035 },
  tcp: { number: 6, versions: [4, 6] },
  udp: { number: 17, versions: [4, 6] },
  sctp: { number: 132, versions: [4, 6] },
  icmp: { number: 1, versions: [4] },
  icmp6: { number: 58, versions: [6] },
  igmp: { number: 2, versions: [4] },
  pim: { number: 103, versions: [4, 6] },
  vrrp: { number: 112, versions: [4] },
  ah: { number: 51, versions: [4, 6] },
  esp: { number: 50, versions: [4, 6] },
};

export function isProtocol(word: string): word is ProtocolName {
  return Object.hasOwn(PROTOCOLS, word);
}

export function etherTypeOf(name: ProtocolName): number | null {
  const protocol = PROTOCOLS[name];
  return 'etherType' in protocol ? protocol.etherType : null;
}

/** The number in IP packets. */
export function numberOf(name: ProtocolName): number | null {
  const protocol = PROTOCOLS[name];
  return 'number' in protocol ? protocol.number : null;
}
