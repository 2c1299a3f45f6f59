import type { ClientRange } from './scenario.ts';
import { ScenarioError } from './scenario-error.ts';

/** '100' for the first hundred clients, '500-999' for those with these numbers. */
export function parseClients(option: string, text: string): ClientRange {
  const [, from, to] = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(text) ?? [];
  const [first, count] = to === undefined ? [0, Number(from)] : [Number(from), Number(to) - Number(from) + 1];
  if (!(count >= 1))
    throw new ScenarioError(option, `must be how many clients, like 100, or which, like 0-99, got '${text}'`);
  return { first, count };
}

/** The clients that two ranges have in common; its count is 0 when there are none. */
export function common(a: ClientRange, b: ClientRange): ClientRange {
  const first = Math.max(a.first, b.first);
  const end = Math.min(a.first + a.count, b.first + b.count);
  return { first, count: Math.max(0, end - first) };
}
