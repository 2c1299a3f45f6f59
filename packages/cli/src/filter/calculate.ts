import type { Operator } from './expression.ts';

/** Calculates with numbers of 32 bits without sign, as BPF does. A divisor is not 0. */
export function calculate(operator: Operator, left: number, right: number): number {
  switch (operator) {
    case '+':
      return (left + right) >>> 0;
    case '-':
      return (left - right) >>> 0;
    case '*':
      return Math.imul(left, right) >>> 0;
    case '/':
      return Math.floor(left / right);
    case '%':
      return left % right;
    case '&':
      return (left & right) >>> 0;
    case '|':
      return (left | right) >>> 0;
    case '^':
      return (left ^ right) >>> 0;
    case '<<':
      return right > 31 ? 0 : (left << right) >>> 0;
    case '>>':
      return right > 31 ? 0 : left >>> right;
  }
}
