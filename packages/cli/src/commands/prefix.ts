import { ScenarioError } from '../scenario/scenario-error.ts';

/** Lengths of network prefixes, for all commands that simulate machines. */

export function defaultPrefix(version: 4 | 6): number {
  return version === 4 ? 24 : 64;
}

export function parsePrefix(option: string, text: string): number {
  const length = Number(text);
  if (/^\d{1,3}$/.test(text) && length >= 1 && length <= 128) return length;
  throw new ScenarioError(option, `must be a number of bits from 1 to 32, with IPv6 to 128, got '${text}'`);
}
