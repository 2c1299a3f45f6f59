import { Cursor } from './cursor.ts';
import { type Direction, type Expression, isProtocol, type ProtocolName } from './expression.ts';
import { FilterError } from './filter-error.ts';
import { parseRelation, seesArithmetic } from './parse-arithmetic.ts';
import { parseId, type Qualifiers } from './parse-id.ts';

const TYPES = ['host', 'net', 'port', 'portrange', 'proto'] as const;
const DIRECTED = ['ip', 'ip6', 'arp', 'rarp', 'ether', 'tcp', 'udp', 'sctp'] as const;
/** Which protocols may stand before a type. */
const ALLOWED: Readonly<Record<Qualifiers['type'], readonly ProtocolName[]>> = {
  host: DIRECTED,
  net: DIRECTED,
  port: ['tcp', 'udp', 'sctp'],
  portrange: ['tcp', 'udp', 'sctp'],
  proto: ['ether', 'ip', 'ip6'],
};

/** Words of pcap-filter(7) that mean something there and not here. */
const ELSEWHERE = new Set(
  'gateway protochain mpls pppoed pppoes geneve iso stp ipx netbeui atalk aarp decnet llc inbound outbound ifname on action type subtype dir wlan fddi tr ppp slip igrp carp lat'.split(
    ' ',
  ),
);

/**
 * Parses an expression of tcpdump (pcap-filter(7)). `and` and `or` are equally strong and bind from the left, as
 * there. An empty expression is every frame. Throws a FilterError that names the place and what was expected.
 */
export function parseExpression(text: string): Expression {
  return new Parser(text).parse();
}

class Parser {
  readonly #cursor: Cursor;
  /** What a value without words before it inherits. */
  #qualifiers: Qualifiers | null = null;

  constructor(text: string) {
    this.#cursor = new Cursor(text);
  }

  parse(): Expression {
    if (this.#isOver()) return { kind: 'all' };
    const expression = this.#expression();
    if (!this.#isOver()) throw this.#cursor.unexpected("'and', 'or' or the end");
    return expression;
  }

  #isOver(): boolean {
    return this.#cursor.next.kind === 'end';
  }

  #expression(): Expression {
    return this.#joined(() => this.#term());
  }

  #joined(term: () => Expression): Expression {
    const cursor = this.#cursor;
    let left = term();
    for (;;) {
      const joint = cursor.accept('and', 'or', '&&', '||');
      if (joint === undefined) return left;
      left = { kind: joint === 'and' || joint === '&&' ? 'and' : 'or', left, right: term() };
    }
  }

  #term(): Expression {
    const cursor = this.#cursor;
    if (cursor.accept('not', '!') !== undefined)
      return { kind: 'not', of: cursor.nested(() => this.#term()) };
    if (cursor.sees('(')) return cursor.nested(() => this.#parenthesis());
    if (this.#seesInherited()) return parseId(cursor, this.#qualifiers!);
    if (seesArithmetic(cursor)) {
      this.#qualifiers = null;
      return parseRelation(cursor);
    }
    return this.#primitive();
  }

  /** Parentheses are around terms, or around numbers: which of them is known when they are read. */
  #parenthesis(): Expression {
    const cursor = this.#cursor;
    const { place } = cursor;
    const before = this.#qualifiers;
    let asNumbers: unknown;
    let reached = place;
    try {
      const relation = parseRelation(cursor);
      this.#qualifiers = null;
      return relation;
    } catch (error) {
      if (!(error instanceof FilterError)) throw error;
      asNumbers = error;
      reached = error.position;
    }
    cursor.place = place;
    try {
      cursor.take();
      const inner = this.#expression();
      cursor.expect(')', "'and', 'or' or ')'");
      this.#qualifiers = before;
      return inner;
    } catch (error) {
      // Who got further has understood more.
      if (error instanceof FilterError && error.position < reached) throw asNumbers;
      throw error;
    }
  }

  /** Whether a value without words before it comes, which inherits those of the value before. */
  #seesInherited(): boolean {
    if (this.#qualifiers === null) return false;
    const { kind } = this.#cursor.next;
    if (kind === 'ipv4' || kind === 'ipv6' || kind === 'mac') return true;
    if (kind !== 'number') return false;
    const { type } = this.#qualifiers;
    const behind = this.#cursor.second.text;
    if (type === 'net' && behind === '/') return true;
    if (type === 'portrange' && behind === '-') return true;
    return !seesArithmetic(this.#cursor);
  }

  #primitive(): Expression {
    const cursor = this.#cursor;
    const { kind, text, at } = cursor.next;
    if (kind !== 'word') {
      if (kind === 'end' || kind === 'symbol')
        throw cursor.unexpected('a term like host 10.0.0.1, port 53 or tcp');
      throw cursor.unexpected('a word like host, net or port before a value');
    }
    if (ELSEWHERE.has(text)) throw new FilterError(at, `'${text}' of tcpdump is not available here`);
    if (cursor.accept('vlan') !== undefined) return this.#vlan();
    if (cursor.accept('less') !== undefined) return this.#length('<=');
    if (cursor.accept('greater') !== undefined) return this.#length('>=');
    const group = cursor.accept('broadcast', 'multicast');
    if (group !== undefined) return this.#group(group, 'ether', at);
    return this.#qualified();
  }

  #vlan(): Expression {
    const cursor = this.#cursor;
    this.#qualifiers = null;
    if (cursor.next.kind !== 'number') return { kind: 'vlan', id: null };
    if (cursor.next.value > 4095) throw cursor.unexpected('a VLAN id from 0 to 4095');
    return { kind: 'vlan', id: cursor.take().value };
  }

  #length(operator: '<=' | '>='): Expression {
    const cursor = this.#cursor;
    if (cursor.next.kind !== 'number') throw cursor.unexpected('a number of bytes');
    this.#qualifiers = null;
    const right = { kind: 'number', value: cursor.take().value } as const;
    return { kind: 'relation', operator, left: { kind: 'length' }, right };
  }

  #group(kind: string, over: ProtocolName, at: number): Expression {
    this.#qualifiers = null;
    if ((over !== 'ether' && over !== 'ip' && over !== 'ip6') || (over === 'ip6' && kind === 'broadcast'))
      throw new FilterError(at, `there is no ${kind} of ${over}`);
    return { kind: kind as 'broadcast' | 'multicast', over, at };
  }

  /** [protocol] [direction] [type] value, or a protocol alone. */
  #qualified(): Expression {
    const cursor = this.#cursor;
    const start = cursor.next;
    const over = this.#protocol();
    const direction = this.#direction();
    const typeAt = cursor.next.at;
    const type = cursor.accept(...TYPES) as Qualifiers['type'] | undefined;
    if (type === undefined && direction === undefined) {
      if (over === null) {
        throw new FilterError(
          start.at,
          `'${start.text}' is not known; expected a protocol, or a word like host, net, port, src, dst, vlan, less or not`,
        );
      }
      const group = cursor.accept('broadcast', 'multicast');
      if (group !== undefined) return this.#group(group, over, typeAt);
      this.#qualifiers = null;
      return { kind: 'protocol', name: over };
    }
    const qualifiers = { over, direction: direction ?? 'any', type: type ?? 'host' };
    if (over !== null && !ALLOWED[qualifiers.type].includes(over)) {
      const allowed = ALLOWED[qualifiers.type].join(', ');
      throw new FilterError(start.at, `${over} cannot go with ${qualifiers.type}; possible are ${allowed}`);
    }
    if (type === 'proto' && direction !== undefined)
      throw new FilterError(typeAt, 'src and dst cannot go with proto');
    this.#qualifiers = qualifiers as Qualifiers;
    return this.#ids();
  }

  #protocol(): ProtocolName | null {
    const { kind, text } = this.#cursor.next;
    const name = text === 'link' ? 'ether' : text;
    if (kind !== 'word' || !isProtocol(name)) return null;
    this.#cursor.take();
    return name;
  }

  #direction(): Direction | undefined {
    const cursor = this.#cursor;
    const first = cursor.accept('src', 'dst');
    if (first === undefined) return undefined;
    const other = first === 'src' ? 'dst' : 'src';
    if (cursor.second.text === other) {
      const joint = cursor.accept('and', 'or', '&&', '||');
      if (joint !== undefined) {
        cursor.take();
        return joint === 'and' || joint === '&&' ? 'both' : 'any';
      }
    }
    return first === 'src' ? 'source' : 'destination';
  }

  /** A value behind its words, or several in parentheses. */
  #ids(): Expression {
    const cursor = this.#cursor;
    if (cursor.accept('not', '!') !== undefined) return { kind: 'not', of: cursor.nested(() => this.#ids()) };
    if (cursor.accept('(') === undefined) return parseId(cursor, this.#qualifiers!);
    const inner = cursor.nested(() => this.#joined(() => this.#ids()));
    cursor.expect(')', "'and', 'or' or ')'");
    return inner;
  }
}
