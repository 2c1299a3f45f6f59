import { isIPv6 } from 'node:net';
import { FilterError } from './filter-error.ts';

export interface Token {
  readonly kind: 'word' | 'number' | 'ipv4' | 'ipv6' | 'mac' | 'symbol' | 'end';
  /** As it was written; words without the backslash before them. */
  readonly text: string;
  /** Of a number. */
  readonly value: number;
  /** Characters before it. */
  readonly at: number;
}

const SPACE = /[ \t\r\n]*/y;
const MAC =
  /(?:[\da-f]{1,2}(?::[\da-f]{1,2}){5}|[\da-f]{1,2}(?:-[\da-f]{1,2}){5}|[\da-f]{4}(?:\.[\da-f]{4}){2})(?![\w:.])/iy;
/** What may be an IPv6 address: two colons or more, so that the `0:2` of `ip[0:2]` is none. */
const IPV6 = /(?=[\da-f]*:[\da-f]*:)[\da-f:]+(?:(?<=:\d{1,3})(?:\.\d{1,3}){3})?(?![\w:.])/iy;
const IPV4 = /\d+(?:\.\d+){1,3}(?![\w.])/y;
const NUMBER = /(?:0x[\da-f]+|\d+)(?!\w)/iy;
const WORD = /\\?([a-z]\w*(?:[-.][a-z]\w*)*)/iy;
const SYMBOL = /&&|\|\||<<|>>|<=|>=|!=|==|[=<>!()[\]:/+\-*%&|^]/y;

/** Splits an expression into words, numbers, addresses and signs; the last token is its end. */
export function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  const match = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    return pattern.exec(text);
  };
  const take = (kind: Token['kind'], matched: string, value = 0, written = matched): void => {
    tokens.push({ kind, text: written, value, at });
    at += matched.length;
  };
  for (;;) {
    at += match(SPACE)![0].length;
    if (at === text.length) break;
    const mac = match(MAC);
    const ipv6 = mac === null ? match(IPV6) : null;
    const ipv4 = match(IPV4);
    const number = match(NUMBER);
    const word = match(WORD);
    const symbol = match(SYMBOL);
    if (mac !== null) take('mac', mac[0]);
    else if (ipv6 !== null) {
      if (!isIPv6(ipv6[0])) throw new FilterError(at, `'${ipv6[0]}' is not an IPv6 address`);
      take('ipv6', ipv6[0]);
    } else if (ipv4 !== null) take('ipv4', ipv4[0]);
    else if (number !== null) take('number', number[0], numberOf(number[0], at));
    else if (word !== null) take('word', word[0], 0, word[1]);
    else if (symbol !== null) take('symbol', symbol[0]);
    else throw new FilterError(at, `'${text.slice(at).split(/\s/, 1)[0]}' is not understood`);
  }
  take('end', '');
  return tokens;
}

/** Decimal, hexadecimal behind 0x, octal behind 0, as in C. */
function numberOf(text: string, at: number): number {
  const isOctal = /^0\d/.test(text);
  const value = isOctal ? Number.parseInt(text, 8) : Number(text);
  if ((isOctal && /[89]/.test(text)) || value > 0xffff_ffff)
    throw new FilterError(at, `'${text}' is not a number of 32 bits`);
  return value;
}
