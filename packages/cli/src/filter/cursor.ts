import { FilterError } from './filter-error.ts';
import { type Token, tokensOf } from './token.ts';

/** Nested deeper than this, an expression is not meant. */
const MAX_DEPTH = 200;

/** The tokens of an expression, and which is next. */
export class Cursor {
  readonly #tokens: readonly Token[];
  #next = 0;
  #depth = 0;

  constructor(text: string) {
    this.#tokens = tokensOf(text);
  }

  get next(): Token {
    return this.#tokens[this.#next]!;
  }

  /** The one after the next. */
  get second(): Token {
    return this.#tokens[Math.min(this.#next + 1, this.#tokens.length - 1)]!;
  }

  take(): Token {
    const token = this.next;
    if (token.kind !== 'end') this.#next++;
    return token;
  }

  /** Whether a word or sign of these is next. */
  sees(...texts: readonly string[]): boolean {
    const { kind, text } = this.next;
    return (kind === 'word' || kind === 'symbol') && texts.includes(text);
  }

  /** Takes a word or sign if it is next. */
  accept(...texts: readonly string[]): string | undefined {
    return this.sees(...texts) ? this.take().text : undefined;
  }

  /** Takes a sign that must be next. */
  expect(text: string, expected: string = `'${text}'`): void {
    if (this.accept(text) === undefined) throw this.unexpected(expected);
  }

  /** To go back to. */
  get place(): number {
    return this.#next;
  }

  set place(place: number) {
    this.#next = place;
  }

  /** The error that something else was expected here. */
  unexpected(expected: string): FilterError {
    const { kind, text, at } = this.next;
    return new FilterError(at, `expected ${expected}, got ${kind === 'end' ? 'the end' : `'${text}'`}`);
  }

  /** Calls what goes one level deeper. */
  nested<T>(parse: () => T): T {
    if (++this.#depth > MAX_DEPTH)
      throw new FilterError(this.next.at, `more than ${MAX_DEPTH} levels of parentheses and signs`);
    try {
      return parse();
    } finally {
      this.#depth--;
    }
  }
}
