/** Arguments that nobody should give, and some that are right. */
import { optionNames } from './public-api.mjs';

/** What a hostile argument throws itself: it may go through. */
export class ArgumentsOwnError extends Error {}

const hostile = () => {
  throw new ArgumentsOwnError('thrown by the argument');
};
const noop = () => undefined;

const JUNK = [
  () => undefined,
  () => null,
  () => true,
  () => false,
  () => 0,
  () => -1,
  () => 1,
  () => 1.5,
  () => 64,
  () => 65536,
  () => 2 ** 31,
  () => 2 ** 53,
  () => -(2 ** 40),
  () => NaN,
  () => Infinity,
  () => -Infinity,
  () => 10n,
  () => Symbol('s'),
  () => '',
  () => 'x',
  () => '0',
  () => 'no-such-interface-0',
  () => '10.0.0.300',
  () => '\0',
  () => 'x'.repeat(70_000),
  () => ({}),
  () => Object.create(null),
  () => Object.defineProperty({}, 'port', { get: hostile, enumerable: true }),
  () => new Proxy({}, { get: hostile, ownKeys: () => [] }),
  () => [],
  () => [null],
  () => [undefined, {}],
  () => new Array(3),
  () => new Uint8Array(0),
  () => new Uint8Array(6),
  () => new Uint8Array(70_000),
  () => Buffer.from('abc'),
  () => new Uint16Array(4),
  () => new DataView(new ArrayBuffer(8)),
  () => new ArrayBuffer(8),
  () => new SharedArrayBuffer(8),
  () => new Date(NaN),
  () => new Date(0),
  () => new Map(),
  () => Promise.resolve(1),
  () => /x/,
  () => new Error('an error'),
  () => noop,
  () => async () => undefined,
  () => AbortSignal.abort(),
  () => new AbortController().signal,
];

const RIGHT = [
  () => '10.0.0.1',
  () => '10.0.0.2',
  () => '10.0.0.1/24',
  () => '2001:db8::1',
  () => '2001:db8::1/64',
  () => 'fe80::1',
  () => 'fe80::1%mem0',
  () => '224.0.0.251',
  () => 'ff02::fb',
  () => '02:00:00:00:00:01',
  () => '02:00:00:00:00:02',
  () => ({ address: '10.0.0.2', port: 7 }),
  () => ({ address: '2001:db8::2', port: 7 }),
  () => 0x0800,
  () => 7,
  () => 5000,
  () => 'udp4',
  () => 'in',
  () => 'message',
  () => ({ timeout: 10 }),
  () => [0x0800],
  () => [Buffer.from('one'), Buffer.from('two')],
  () => Buffer.alloc(60),
  () => ({ vlans: [100] }),
];

/** Draws arguments; `subjects` are objects of the library, which come as arguments, too. */
export class Arguments {
  #random;
  #subjects;

  constructor(random, subjects) {
    this.#random = random;
    this.#subjects = subjects;
  }

  below(limit) {
    return Math.floor(this.#random() * limit);
  }

  pick(values) {
    return values[this.below(values.length)];
  }

  list(length) {
    return Array.from({ length: this.below(length + 2) }, () => this.one());
  }

  one() {
    const kind = this.#random();
    if (kind < 0.45) return this.pick(JUNK)();
    if (kind < 0.7) return this.pick(RIGHT)();
    if (kind < 0.85) return this.pick(this.#subjects());
    return Object.fromEntries(
      Array.from({ length: 1 + this.below(2) }, () => [
        this.pick(optionNames),
        this.#random() < 0.7 ? this.pick(JUNK)() : this.pick(RIGHT)(),
      ]),
    );
  }
}
