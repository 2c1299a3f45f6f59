import { parseCount, parseDuration, parseStarts } from '../scenario/quantity.ts';
import type { Text } from '../scenario/scenario.ts';
import type { AnyPartPlan } from './part-plan.ts';

/** Values of parts in scenarios: text, a number, or none. */

export const DEFAULT_PORT = 9464;
/** Milliseconds that a part sends if the scenario does not say how long. */
export const DEFAULT_DURATION = 10_000;

export function optionalOf<T>(
  option: string,
  text: Text | undefined,
  parse: (option: string, text: string) => T,
): T | undefined {
  return text === undefined ? undefined : parse(option, `${text}`);
}

export function durationOf(option: string, text: Text | undefined): number | undefined {
  return optionalOf(option, text, parseDuration);
}

/** A time that may be 0. */
export function offsetOf(option: string, text: Text | undefined): number {
  return text === undefined || /^0[a-z]*$/.test(`${text}`) ? 0 : parseDuration(option, `${text}`);
}

export function countOf(option: string, text: Text | undefined, otherwise: number): number {
  return text === undefined ? otherwise : parseCount(option, `${text}`);
}

export function startsOf(option: string, text: Text | undefined, otherwise: number): number {
  return optionalOf(option, text, parseStarts) ?? otherwise;
}

/** The share of these clients as a whole number. The shares of all clients add up to the total. */
export function shareOf(total: number, { clients: { first, count }, ofAll }: AnyPartPlan): number {
  return Math.floor((total * (first + count)) / ofAll) - Math.floor((total * first) / ofAll);
}
