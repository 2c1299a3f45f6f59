import * as builder from 'etherconn/frames';
import * as wire from 'etherconn/wire';
import { ScenarioError } from '../scenario/scenario-error.ts';

/**
 * Frames as text, in the words of the frame builder: `ether(source=…)/vlan(100)/ipv4(ttl=3)/udp/"hello"`. A layer is a
 * function of etherconn/frames by its name, its fields are those of that function, and text and bytes are payload.
 */

type Part = builder.Layer | Uint8Array | string;
type Fields = Record<string, unknown>;

const LAYERS = builder as unknown as Readonly<Record<string, (fields?: unknown) => builder.Layer>>;
const CONSTANTS = wire as unknown as Readonly<Record<string, Readonly<Record<string, unknown>> | undefined>>;

/** Layers that take one value, and no fields. */
const PLAIN: readonly string[] = ['payload', 'padding'];
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '0': '\0' };
/** What ends a word. */
const WORD = /[^\s,()[\]{}="'/]+/y;

export function parseFrameText(option: string, text: string): Part[] {
  return new Parser(option, text).frame();
}

/** Bytes of a frame as hexadecimal digits, with blanks, colons or a 0x in front as they come. */
export function parseHexFrame(option: string, text: string): Uint8Array {
  const digits = text.replace(/^0x/i, '').replace(/[\s:.-]/g, '');
  if (digits.length % 2 === 0 && /^[\da-f]+$/i.test(digits))
    return Uint8Array.from(Buffer.from(digits, 'hex'));
  throw new ScenarioError(option, `must have two hexadecimal digits for each byte, got '${text}'`);
}

class Parser {
  readonly #option: string;
  readonly #text: string;
  #at = 0;

  constructor(option: string, text: string) {
    this.#option = option;
    this.#text = text;
  }

  frame(): Part[] {
    const parts = [this.#part()];
    while (this.#takes('/')) parts.push(this.#part());
    if (this.#at < this.#text.length) throw this.#wrong("layers are separated by '/'");
    return parts;
  }

  #part(): Part {
    const quote = this.#peek();
    if (quote === '"' || quote === "'") return this.#string(quote);
    const at = this.#at;
    const name = this.#word('a layer, or text in quotes');
    if (name === 'hex') return this.#hex();
    const known = builder.LAYER_NAMES as readonly string[];
    if (!known.includes(name)) {
      this.#at = at;
      throw this.#wrong(`'${name}' is no layer; there are ${known.join(', ')}, hex, and text in quotes`);
    }
    const argument = this.#takes('(') ? this.#arguments(name) : undefined;
    try {
      return LAYERS[name](PLAIN.includes(name) ? (argument ?? '') : argument);
    } catch (error) {
      throw new ScenarioError(this.#option, `${name}: ${(error as Error).message}`);
    }
  }

  /** Behind '(': fields, or one value for layers that take one. */
  #arguments(name: string): unknown {
    if (this.#takes(')')) return undefined;
    const at = this.#at;
    if (name === 'vlan' || PLAIN.includes(name)) {
      const value = this.#value();
      if (this.#takes(')')) return value;
      this.#at = at;
    }
    return this.#fields(')');
  }

  #fields(end: string): Fields {
    const fields: Fields = {};
    do {
      const name = this.#word('the name of a field');
      if (!this.#takes('=')) throw this.#wrong(`'=' and a value must follow ${name}`);
      fields[name] = this.#value();
    } while (this.#takes(','));
    if (!this.#takes(end)) throw this.#wrong(`',' or '${end}' must follow`);
    return fields;
  }

  #value(): unknown {
    const next = this.#peek();
    if (next === '"' || next === "'") return this.#string(next);
    if (this.#takes('[')) return this.#list();
    if (this.#takes('{')) return this.#takes('}') ? {} : this.#fields('}');
    const word = this.#word('a value');
    if (word === 'hex' && this.#peek() === '(') return this.#hex();
    if (word === 'true' || word === 'false') return word === 'true';
    if (/^(\d+|0x[\da-f]+)$/i.test(word)) return Number(word);
    return /^[A-Z]\w*\./.test(word) ? this.#constants(word) : word;
  }

  #list(): unknown[] {
    const values: unknown[] = [];
    if (this.#takes(']')) return values;
    do values.push(this.#value());
    while (this.#takes(','));
    if (!this.#takes(']')) throw this.#wrong("',' or ']' must follow");
    return values;
  }

  /** 'TcpFlag.SYN|TcpFlag.ACK', of etherconn/wire. */
  #constants(word: string): number {
    let value = 0;
    for (const each of word.split('|')) {
      const [group, name] = each.split('.');
      const constant = CONSTANTS[group]?.[name];
      if (typeof constant !== 'number') {
        const names = Object.keys(CONSTANTS[group] ?? {});
        const known = names.length === 0 ? '' : `; ${group} has ${names.join(', ')}`;
        throw this.#wrong(`etherconn/wire has no number '${each}'${known}`);
      }
      value |= constant;
    }
    return value >>> 0;
  }

  /** Behind 'hex': '(de ad be ef)'. */
  #hex(): Uint8Array {
    if (!this.#takes('(')) throw this.#wrong("'(' must follow hex");
    const end = this.#text.indexOf(')', this.#at);
    if (end < 0) throw this.#wrong("')' is missing behind the bytes");
    const digits = this.#text.slice(this.#at, end);
    this.#at = end + 1;
    return digits.trim() === '' ? new Uint8Array(0) : parseHexFrame(this.#option, digits);
  }

  #string(quote: string): string {
    let text = '';
    for (this.#at++; this.#at < this.#text.length; this.#at++) {
      const character = this.#text[this.#at];
      if (character === quote) {
        this.#at++;
        return text;
      }
      if (character === '\\') {
        const escaped = this.#text[++this.#at] ?? '';
        text += ESCAPES[escaped] ?? escaped;
      } else text += character;
    }
    throw this.#wrong(`${quote} is missing at the end of the text`);
  }

  #word(what: string): string {
    this.#peek();
    WORD.lastIndex = this.#at;
    const word = WORD.exec(this.#text)?.[0];
    if (word === undefined) throw this.#wrong(`${what} is missing`);
    this.#at += word.length;
    return word;
  }

  /** The next character that is no blank. */
  #peek(): string | undefined {
    while (/\s/.test(this.#text[this.#at] ?? '')) this.#at++;
    return this.#text[this.#at];
  }

  #takes(character: string): boolean {
    if (this.#peek() !== character) return false;
    this.#at++;
    return true;
  }

  #wrong(why: string): ScenarioError {
    const rest = this.#text.slice(this.#at, this.#at + 20);
    return new ScenarioError(
      this.#option,
      `${why}, at character ${this.#at + 1}${rest === '' ? ', the end' : `: '${rest}'`}`,
    );
  }
}
