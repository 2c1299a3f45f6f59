import type { Span } from './records.ts';

/** Which clients are in a range. */
export interface ClientSpan {
  readonly first: number;
  readonly count: number;
}

/** How a campaign's clients are divided. */
export interface Division {
  readonly clients: number;
  readonly clientsPerRange: number;
}

export function rangeCount({ clients, clientsPerRange }: Division): number {
  return Math.ceil(clients / clientsPerRange);
}

/** The clients of `count` ranges from number `first`; the last range may be smaller. */
export function clientsOf({ clients, clientsPerRange }: Division, { first, count }: ClientSpan): ClientSpan {
  const from = first * clientsPerRange;
  return { first: from, count: Math.min(clients, (first + count) * clientsPerRange) - from };
}

/** Numbers of ranges in a row, with the same epoch, as one span. */
export function toSpans(ranges: readonly { readonly number: number; readonly epoch: number }[]): Span[] {
  const spans: Span[] = [];
  for (const { number, epoch } of [...ranges].sort((a, b) => a.number - b.number)) {
    const last = spans.at(-1);
    if (last !== undefined && last.epoch === epoch && last.first + last.count === number)
      spans[spans.length - 1] = { ...last, count: last.count + 1 };
    else spans.push({ first: number, count: 1, epoch });
  }
  return spans;
}

export function* numbersOf({ first, count }: ClientSpan): Generator<number> {
  for (let number = first; number < first + count; number++) yield number;
}
