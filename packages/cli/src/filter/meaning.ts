import { EtherType, IpProtocol } from 'etherconn/wire';
import {
  and,
  type Condition,
  compare,
  constant,
  equals,
  load,
  not,
  operation,
  or,
  type Value,
} from './condition.ts';
import {
  type AddressProtocol,
  type Arithmetic,
  type Direction,
  type Expression,
  etherTypeOf,
  numberOf,
  PROTOCOLS,
  type ProtocolName,
  type Relation,
} from './expression.ts';
import { FilterError } from './filter-error.ts';

const ETHER_TYPE = 12;
const ETHER_HEADER = 14;
const VLAN_TAG = 4;
const VLAN_TPIDS = [0x8100, 0x88a8, 0x9100];
const VLAN_ID_BITS = 0x0fff;
/** Type fields up to this are lengths of 802.3 frames, whose protocol is the LLC's. */
const MAX_LENGTH_FIELD = 1500;
/** Protocols of LLC that have their number as both service access points. */
const LLC_PAIRS = [0x06, 0xf0, 0xfe];

const IP4_FRAGMENT = 6;
const IP4_OFFSET_BITS = 0x1fff;
const IP4_PROTOCOL = 9;
const IP4_DESTINATION = 16;
const IP6_NEXT_HEADER = 6;
const IP6_HEADER = 40;
const IP6_DESTINATION = 24;
const IP6_FRAGMENT_HEADER = 44;
/** Where source and destination are in the headers. */
const ADDRESSES: Readonly<Record<AddressProtocol, readonly [number, number]>> = {
  ip: [12, IP4_DESTINATION],
  arp: [14, 24],
  rarp: [14, 24],
  ip6: [8, IP6_DESTINATION],
};

/** What an expression asks of a frame's bytes, as they are on the wire. `netmask` is for 'ip broadcast'. */
export function meaningOf(expression: Expression, netmask?: number): Condition {
  return new Meaning(netmask).of(expression);
}

class Meaning {
  readonly #netmask: number | undefined;
  /** Bytes of tags that `vlan` has passed so far, in the order of the text. */
  #tags = 0;

  constructor(netmask: number | undefined) {
    this.#netmask = netmask;
  }

  of(expression: Expression): Condition {
    switch (expression.kind) {
      case 'all':
        return true;
      case 'not':
        return not(this.of(expression.of));
      case 'and':
      case 'or': {
        const left = this.of(expression.left);
        const right = this.of(expression.right);
        return expression.kind === 'and' ? and(left, right) : or(left, right);
      }
      case 'protocol':
        return this.#protocol(expression.name);
      case 'protocol number':
        return this.#protocolNumber(expression.over, expression.number);
      case 'address':
        return this.#addresses(expression);
      case 'ether host':
        return etherHost(expression.mac, expression.direction);
      case 'ports':
        return this.#ports(expression);
      case 'broadcast':
      case 'multicast':
        return this.#group(expression);
      case 'vlan':
        return this.#vlan(expression.id);
      case 'relation':
        return this.#relation(expression.operator, expression.left, expression.right);
    }
  }

  /** Behind the link header. */
  #network(offset: number, size: 1 | 2 | 4, index: Value | null = null): Value {
    return load(ETHER_HEADER + this.#tags + offset, size, index);
  }

  #headerLength(): Value {
    return { kind: 'header length', offset: ETHER_HEADER + this.#tags };
  }

  #etherType(type: number): Condition {
    const field = load(ETHER_TYPE + this.#tags, 2);
    if (type > MAX_LENGTH_FIELD) return equals(field, type);
    const isLength = not(compare(field, '>', constant(MAX_LENGTH_FIELD)));
    if (LLC_PAIRS.includes(type)) return and(isLength, equals(this.#network(0, 2), (type << 8) | type));
    return and(isLength, equals(this.#network(0, 1), type));
  }

  #ip4(number: number): Condition {
    return and(this.#etherType(EtherType.IPV4), equals(this.#network(IP4_PROTOCOL, 1), number));
  }

  /** Also in fragments, whose header is the only one that is looked behind. */
  #ip6(number: number): Condition {
    const next = this.#network(IP6_NEXT_HEADER, 1);
    const inFragment = and(equals(next, IP6_FRAGMENT_HEADER), equals(this.#network(IP6_HEADER, 1), number));
    return and(this.#etherType(EtherType.IPV6), or(equals(next, number), inFragment));
  }

  #protocol(name: ProtocolName): Condition {
    const protocol = PROTOCOLS[name];
    if ('etherType' in protocol) return protocol.etherType === null || this.#etherType(protocol.etherType);
    const { number, versions } = protocol;
    return or(...versions.map((version) => (version === 4 ? this.#ip4(number) : this.#ip6(number))));
  }

  #protocolNumber(over: 'ip' | 'ip6' | 'ether' | null, number: number): Condition {
    if (over === 'ether') return this.#etherType(number);
    if (over === 'ip') return this.#ip4(number);
    return over === 'ip6' ? this.#ip6(number) : or(this.#ip4(number), this.#ip6(number));
  }

  #addresses({ over, direction, address, mask }: Extract<Expression, { kind: 'address' }>): Condition {
    const all: readonly AddressProtocol[] = address.length === 4 ? ['ip6'] : ['ip', 'arp', 'rarp'];
    const one = (protocol: AddressProtocol): Condition => {
      const at = (offset: number): Condition =>
        and(
          ...address.map((word, i) => {
            const bits = mask[i]!;
            if (bits === 0) return true;
            const loaded = this.#network(offset + 4 * i, 4);
            return equals(bits === 0xffff_ffff ? loaded : operation('&', loaded, constant(bits)), word);
          }),
        );
      const [source, destination] = ADDRESSES[protocol];
      const matches = directed(
        direction,
        () => at(source),
        () => at(destination),
      );
      return and(this.#protocol(protocol), matches);
    };
    return or(...(over === null ? all : [over]).map(one));
  }

  #ports({ over, direction, first, last }: Extract<Expression, { kind: 'ports' }>): Condition {
    const numbers = (over === null ? (['sctp', 'tcp', 'udp'] as const) : [over]).map(numberOf) as number[];
    const inRange = (port: Value): Condition =>
      first === last
        ? equals(port, first)
        : and(compare(port, '>=', constant(first)), not(compare(port, '>', constant(last))));
    const match = (at: (offset: number) => Value): Condition =>
      directed(
        direction,
        () => inRange(at(0)),
        () => inRange(at(2)),
      );
    const ip6 = and(
      this.#etherType(EtherType.IPV6),
      or(...numbers.map((number) => equals(this.#network(IP6_NEXT_HEADER, 1), number))),
      match((offset) => this.#network(IP6_HEADER + offset, 2)),
    );
    const ip4 = and(
      this.#etherType(EtherType.IPV4),
      or(...numbers.map((number) => equals(this.#network(IP4_PROTOCOL, 1), number))),
      this.#isFirstFragment(),
      match((offset) => this.#network(offset, 2, this.#headerLength())),
    );
    return or(ip6, ip4);
  }

  #isFirstFragment(): Condition {
    return equals(operation('&', this.#network(IP4_FRAGMENT, 2), constant(IP4_OFFSET_BITS)), 0);
  }

  #group({ kind, over, at }: Extract<Expression, { kind: 'broadcast' | 'multicast' }>): Condition {
    if (over === 'ether') {
      if (kind === 'broadcast') return etherHost(new Uint8Array(6).fill(0xff), 'destination');
      return compare(load(0, 1), 'any bit', constant(1));
    }
    const isOver = this.#protocol(over);
    if (over === 'ip6') return and(isOver, equals(this.#network(IP6_DESTINATION, 1), 0xff));
    if (kind === 'multicast')
      return and(isOver, compare(this.#network(IP4_DESTINATION, 1), '>=', constant(224)));
    if (this.#netmask === undefined) {
      throw new FilterError(
        at,
        "the netmask is not known here, so 'ip broadcast' cannot be; write the address: dst host 10.0.0.255",
      );
    }
    const hostBits = ~this.#netmask >>> 0;
    const host = operation('&', this.#network(IP4_DESTINATION, 4), constant(hostBits));
    return and(isOver, or(equals(host, 0), equals(host, hostBits)));
  }

  #vlan(id: number | null): Condition {
    const isTag = or(...VLAN_TPIDS.map((tpid) => this.#etherType(tpid)));
    const identifier = operation('&', this.#network(0, 2), constant(VLAN_ID_BITS));
    const condition = and(isTag, id === null || equals(identifier, id));
    this.#tags += VLAN_TAG;
    return condition;
  }

  #relation(operator: Relation, left: Arithmetic, right: Arithmetic): Condition {
    const conditions: Condition[] = [];
    const [a, b] = [this.#value(left, conditions), this.#value(right, conditions)];
    return and(...conditions, relate(a, operator, b));
  }

  /** A number; `conditions` gets what a frame must be for it to be there. */
  #value(arithmetic: Arithmetic, conditions: Condition[]): Value {
    switch (arithmetic.kind) {
      case 'number':
        return constant(arithmetic.value);
      case 'length':
        return { kind: 'length' };
      case 'operation': {
        const left = this.#value(arithmetic.left, conditions);
        return operation(arithmetic.operator, left, this.#value(arithmetic.right, conditions));
      }
      case 'bytes':
        return this.#bytes(arithmetic, conditions);
    }
  }

  #bytes({ of, index, size }: Extract<Arithmetic, { kind: 'bytes' }>, conditions: Condition[]): Value {
    const at = this.#value(index, conditions);
    if (of === 'ether') return load(0, size, at);
    if (of === 'icmp6') {
      // Only directly behind the header, where it is looked for.
      const isNext = equals(this.#network(IP6_NEXT_HEADER, 1), IpProtocol.ICMPV6);
      conditions.push(this.#protocol('ip6'), isNext);
      return this.#network(IP6_HEADER, size, at);
    }
    conditions.push(this.#protocol(of));
    if (etherTypeOf(of) !== null) return this.#network(0, size, at);
    // Only in IPv4, and where the header is: in the first fragment.
    conditions.push(this.#etherType(EtherType.IPV4), this.#isFirstFragment());
    if (at.kind === 'constant') return this.#network(at.constant, size, this.#headerLength());
    return this.#network(0, size, operation('+', this.#headerLength(), at));
  }
}

function directed(direction: Direction, source: () => Condition, destination: () => Condition): Condition {
  switch (direction) {
    case 'source':
      return source();
    case 'destination':
      return destination();
    case 'both':
      return and(source(), destination());
    case 'any':
      return or(source(), destination());
  }
}

function etherHost(mac: Uint8Array, direction: Direction): Condition {
  const view = new DataView(mac.buffer, mac.byteOffset);
  const at = (offset: number): Condition =>
    and(equals(load(offset + 2, 4), view.getUint32(2)), equals(load(offset, 2), view.getUint16(0)));
  return directed(
    direction,
    () => at(6),
    () => at(0),
  );
}

function relate(left: Value, operator: Relation, right: Value): Condition {
  switch (operator) {
    case '=':
      return compare(left, '=', right);
    case '!=':
      return not(compare(left, '=', right));
    case '>':
      return compare(left, '>', right);
    case '>=':
      return compare(left, '>=', right);
    case '<':
      return not(compare(left, '>=', right));
    case '<=':
      return not(compare(left, '>', right));
  }
}
