import { SeededRandom } from '../seeded-random.ts';

/** Frames for tests of filters: many kinds, with few addresses and ports, so that expressions hit some of each. */

export interface WireFrame {
  readonly bytes: Uint8Array;
  /** On the wire; more than `bytes` when the rest was cut off. */
  readonly length: number;
}

/** Random choices that follow from a seed. */
export class Dice {
  readonly #numbers: SeededRandom;

  constructor(seed: number) {
    this.#numbers = new SeededRandom(seed);
  }

  below(limit: number): number {
    return this.#numbers.bits() % limit;
  }

  of<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!;
  }

  bytes(count: number): number[] {
    return Array.from({ length: count }, () => this.below(256));
  }
}

export const MACS = [
  '02:00:00:00:00:01',
  '02:00:00:00:00:02',
  'ff:ff:ff:ff:ff:ff',
  '01:00:5e:01:02:03',
] as const;
export const ADDRESSES4 = [
  '10.0.0.1',
  '10.0.0.2',
  '10.1.2.3',
  '192.168.7.9',
  '224.0.0.5',
  '10.0.0.255',
] as const;
export const ADDRESSES6 = ['fe80::1', '2001:db8::7', '2001:db8:1::7', 'ff02::1'] as const;
export const PORTS = [53, 80, 443, 1000, 65535] as const;
export const VLANS = [1, 100, 200, 4095] as const;

const hex = (text: string): number[] => Array.from(Buffer.from(text.replaceAll(':', ''), 'hex'));
const half = (value: number): number[] => [value >> 8, value & 255];
const ip4 = (text: string): number[] => text.split('.').map(Number);
function ip6(text: string): number[] {
  const [before, after] = text.split('::').map((side) => (side === '' ? [] : side.split(':')));
  const zeros = Array<string>(8 - before!.length - after!.length).fill('0');
  return [...before!, ...zeros, ...after!].flatMap((group) => half(Number.parseInt(group, 16)));
}

/** One in five is cut off somewhere; some are longer than their packets. */
export function filterFrames(count: number, seed: number): WireFrame[] {
  const dice = new Dice(seed);
  return Array.from({ length: count }, () => {
    const whole = frame(dice);
    const padded = dice.below(3) === 0 ? [...whole, ...Array<number>(dice.below(200)).fill(0)] : whole;
    const bytes = dice.below(5) === 0 ? padded.slice(0, 14 + dice.below(padded.length - 14)) : padded;
    return { bytes: Uint8Array.from(bytes), length: padded.length };
  });
}

function frame(dice: Dice): number[] {
  const tags = dice.of([[], [], [], [0x8100], [0x88a8, 0x8100], [0x8100, 0x8100], [0x9100], [0x88a8]]);
  const header = [...hex(dice.of(MACS)), ...hex(dice.of(MACS.slice(0, 2)))];
  for (const tpid of tags) header.push(...half(tpid), ...half((dice.below(8) << 13) | dice.of(VLANS)));
  const kind = dice.below(10);
  if (kind < 5) return [...header, 0x08, 0x00, ...packet4(dice)];
  if (kind < 8) return [...header, 0x86, 0xdd, ...packet6(dice)];
  if (kind === 8) return [...header, ...arp(dice)];
  if (dice.below(2) === 0) return [...header, ...dice.bytes(2), ...dice.bytes(40)];
  return [
    ...header,
    0,
    40,
    ...dice.of([
      [0x42, 0x42],
      [0xfe, 0xfe],
      [0xf0, 0xf0],
      [6, 6],
    ]),
    ...dice.bytes(38),
  ];
}

function arp(dice: Dice): number[] {
  const type = dice.of([0x0806, 0x8035]);
  const operation = [0, 1, 8, 0, 6, 4, 0, dice.of([1, 2])];
  return [
    ...half(type),
    ...operation,
    ...hex(dice.of(MACS)),
    ...ip4(dice.of(ADDRESSES4)),
    ...hex(dice.of(MACS)),
    ...ip4(dice.of(ADDRESSES4)),
  ];
}

const PROTOCOL_NUMBERS = [6, 6, 17, 17, 132, 1, 58, 2, 103, 112, 50, 51];

function packet4(dice: Dice): number[] {
  const options = dice.of([0, 0, 0, 4, 8, 40]);
  const protocol = dice.of(PROTOCOL_NUMBERS);
  const fragment = dice.of([0, 0, 0, 0x4000, 0x2000, 0x2010, 0x0010]);
  const payload = transport(dice, protocol);
  const length = 20 + options + payload.length;
  return [
    ...[0x45 + options / 4, dice.of([0, 0x10, 0xb8]), ...half(length), ...dice.bytes(2), ...half(fragment)],
    ...[dice.of([1, 64, 255]), protocol, ...dice.bytes(2)],
    ...ip4(dice.of(ADDRESSES4)),
    ...ip4(dice.of(ADDRESSES4)),
    ...Array<number>(options).fill(1),
    ...payload,
  ];
}

function packet6(dice: Dice): number[] {
  const protocol = dice.of(PROTOCOL_NUMBERS);
  const inFragment = dice.below(5) === 0;
  const fragment = inFragment ? [protocol, 0, ...half(dice.of([0, 1, 0x81])), ...dice.bytes(4)] : [];
  const payload = [...fragment, ...transport(dice, protocol)];
  return [
    ...[0x60, 0, 0, 0, ...half(payload.length), inFragment ? 44 : protocol, dice.of([1, 64, 255])],
    ...ip6(dice.of(ADDRESSES6)),
    ...ip6(dice.of(ADDRESSES6)),
    ...payload,
  ];
}

function transport(dice: Dice, protocol: number): number[] {
  const rest = dice.bytes(dice.below(60));
  const ports = [...half(dice.of(PORTS)), ...half(dice.of(PORTS))];
  if (protocol === 6)
    return [
      ...ports,
      ...dice.bytes(8),
      dice.of([0x50, 0x60]),
      dice.of([2, 0x12, 0x10, 0x18, 4]),
      ...dice.bytes(6),
      ...rest,
    ];
  if (protocol === 17) return [...ports, ...half(8 + rest.length), ...dice.bytes(2), ...rest];
  if (protocol === 132) return [...ports, ...dice.bytes(8), ...rest];
  if (protocol === 1) return [dice.of([0, 8, 3]), dice.below(2), ...dice.bytes(6), ...rest];
  if (protocol === 58) return [dice.of([128, 129, 135]), dice.below(2), ...dice.bytes(6), ...rest];
  return [...dice.bytes(8), ...rest];
}
