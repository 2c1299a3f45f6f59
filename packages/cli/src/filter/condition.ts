import { calculate } from './calculate.ts';
import type { Operator } from './expression.ts';

/** What is asked of a frame's bytes: conditions over numbers of 32 bits without sign, read from it. */

export type Value =
  | { readonly kind: 'constant'; readonly constant: number }
  /** Bytes on the wire. */
  | { readonly kind: 'length' }
  /** A number in network order at `offset`, or so far behind `index`. */
  | {
      readonly kind: 'load';
      readonly offset: number;
      readonly size: 1 | 2 | 4;
      readonly index: Value | null;
    }
  /** Length of the IPv4 header that begins at `offset`. */
  | { readonly kind: 'header length'; readonly offset: number }
  /** What the kernel knows beside the bytes: an SKF_AD_ number. */
  | { readonly kind: 'ancillary'; readonly number: number }
  | {
      readonly kind: 'operation';
      readonly operator: Operator;
      readonly left: Value;
      readonly right: Value;
    };

export interface Test {
  readonly left: Value;
  /** 'any bit': whether they have a bit in common. */
  readonly comparison: '=' | '>' | '>=' | 'any bit';
  readonly right: Value;
}

/** Evaluated from the left, as far as needed. A read behind the frame's end refuses the frame, whatever else is asked. */
export type Condition =
  | boolean
  | { readonly kind: 'and' | 'or'; readonly left: Condition; readonly right: Condition }
  | { readonly kind: 'not'; readonly of: Condition }
  | { readonly kind: 'test'; readonly test: Test };

export function constant(value: number): Value {
  return { kind: 'constant', constant: value };
}

export function load(offset: number, size: 1 | 2 | 4, index: Value | null = null): Value {
  if (index?.kind === 'constant') return load((offset + index.constant) >>> 0, size);
  return { kind: 'load', offset: offset >>> 0, size, index };
}

export function operation(operator: Operator, left: Value, right: Value): Value {
  if (left.kind === 'constant' && right.kind === 'constant')
    return constant(calculate(operator, left.constant, right.constant));
  return { kind: 'operation', operator, left, right };
}

export function and(...conditions: readonly Condition[]): Condition {
  return conditions.reduce((left, right) => {
    if (left === true || right === false) return left === false ? false : right;
    if (left === false) return false;
    return right === true ? left : { kind: 'and', left, right };
  }, true);
}

export function or(...conditions: readonly Condition[]): Condition {
  return conditions.reduce((left, right) => {
    if (left === false) return right;
    if (left === true) return true;
    return right === false ? left : { kind: 'or', left, right };
  }, false);
}

export function not(of: Condition): Condition {
  return typeof of === 'boolean' ? !of : { kind: 'not', of };
}

export function compare(left: Value, comparison: Test['comparison'], right: Value): Condition {
  if (left.kind === 'constant' && right.kind === 'constant')
    return holds(comparison, left.constant, right.constant);
  if (left.kind === 'constant') {
    // The accumulator is on the left: what is loaded, then.
    if (comparison === '>') return not(compare(right, '>=', left));
    if (comparison === '>=') return not(compare(right, '>', left));
    return compare(right, comparison, left);
  }
  if (comparison === '=' && right.kind === 'constant' && right.constant === 0) {
    if (left.kind === 'operation' && left.operator === '&' && left.right.kind === 'constant')
      return not(compare(left.left, 'any bit', left.right));
  }
  return { kind: 'test', test: { left, comparison, right } };
}

export function equals(left: Value, right: number): Condition {
  return compare(left, '=', constant(right));
}

/** A comparison of two numbers. */
export function holds(comparison: Test['comparison'], left: number, right: number): boolean {
  if (comparison === '=') return left === right;
  if (comparison === '>') return left > right;
  return comparison === '>=' ? left >= right : (left & right) !== 0;
}
