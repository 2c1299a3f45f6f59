import type { Value } from './condition.ts';

const ALL = 0xffff_ffff;

/** The largest number that a value may be, or more. */
export function largest(value: Value): number {
  switch (value.kind) {
    case 'constant':
      return value.constant;
    case 'length':
      return ALL;
    case 'load':
      return 2 ** (8 * value.size) - 1;
    case 'header length':
      return 60;
    case 'ancillary':
      return 0xffff;
    case 'operation':
      return Math.min(ALL, largestOf(value));
  }
}

function largestOf({ operator, left, right }: Extract<Value, { kind: 'operation' }>): number {
  const [a, b] = [largest(left), largest(right)];
  const isKnown = right.kind === 'constant';
  // What passes 32 bits begins again at 0, and may then be anything.
  const below = (sum: number): number => (sum > ALL ? ALL : sum);
  switch (operator) {
    case '+':
      return below(a + b);
    case '*':
      return below(a * b);
    case '|':
    case '^':
      return below(a + b);
    case '&':
      return Math.min(a, b);
    case '/':
      return isKnown && b > 0 ? Math.floor(a / b) : a;
    case '%':
      return isKnown && b > 0 ? Math.min(a, b - 1) : a;
    case '>>':
      return isKnown ? Math.floor(a / 2 ** b) : a;
    case '<<':
      return isKnown ? below(a * 2 ** b) : ALL;
    case '-':
      return ALL;
  }
}
