import { calculate } from './calculate.ts';
import type { Cursor } from './cursor.ts';
import { type Arithmetic, type Expression, isProtocol, type Operator } from './expression.ts';
import { FilterError } from './filter-error.ts';
import { NAMED_NUMBERS } from './names.ts';

/** Operators by their strength, the weakest first. */
const LEVELS: readonly (readonly Operator[])[] = [
  ['|', '^'],
  ['&'],
  ['<<', '>>'],
  ['+', '-'],
  ['*', '/', '%'],
];
const RELATIONS = ['=', '==', '!=', '<', '<=', '>', '>='] as const;

/** Whether what comes can only be numbers: a field, a name of a number, a sign. */
export function seesArithmetic(cursor: Cursor): boolean {
  const { next, second } = cursor;
  if (next.kind === 'number')
    return second.kind === 'symbol' && !['(', ')', '&&', '||', '!', '['].includes(second.text);
  if (next.kind === 'symbol') return next.text === '-';
  if (next.kind !== 'word') return false;
  return (
    next.text === 'len' || NAMED_NUMBERS.has(next.text) || (second.kind === 'symbol' && second.text === '[')
  );
}

/** A comparison of numbers. */
export function parseRelation(cursor: Cursor): Expression {
  const left = parseArithmetic(cursor);
  const relation = cursor.accept(...RELATIONS);
  if (relation === undefined) throw cursor.unexpected('a comparison: =, !=, <, <=, > or >=');
  const right = parseArithmetic(cursor);
  const operator = relation === '==' ? '=' : (relation as Exclude<(typeof RELATIONS)[number], '=='>);
  return { kind: 'relation', operator, left, right };
}

function parseArithmetic(cursor: Cursor, level = 0): Arithmetic {
  if (level === LEVELS.length) return cursor.nested(() => parseOperand(cursor));
  let left = parseArithmetic(cursor, level + 1);
  for (;;) {
    const { at } = cursor.next;
    const operator = cursor.accept(...LEVELS[level]!) as Operator | undefined;
    if (operator === undefined) return left;
    left = operation(operator, left, parseArithmetic(cursor, level + 1), at);
  }
}

function operation(operator: Operator, left: Arithmetic, right: Arithmetic, at: number): Arithmetic {
  if (right.kind === 'number') {
    if ((operator === '/' || operator === '%') && right.value === 0)
      throw new FilterError(at, 'division by zero');
    if ((operator === '<<' || operator === '>>') && right.value > 31)
      throw new FilterError(at, `a shift must be by 31 bits at most, got ${right.value}`);
    if (left.kind === 'number')
      return { kind: 'number', value: calculate(operator, left.value, right.value) };
  }
  return { kind: 'operation', operator, left, right };
}

function parseOperand(cursor: Cursor): Arithmetic {
  const { kind, text, value, at } = cursor.next;
  if (kind === 'number') {
    cursor.take();
    return { kind: 'number', value };
  }
  if (cursor.accept('-') !== undefined)
    return operation(
      '-',
      { kind: 'number', value: 0 },
      cursor.nested(() => parseOperand(cursor)),
      at,
    );
  if (cursor.accept('(') !== undefined) {
    const inner = parseArithmetic(cursor);
    cursor.expect(')');
    return inner;
  }
  const named = kind === 'word' ? NAMED_NUMBERS.get(text) : undefined;
  if (named !== undefined) {
    cursor.take();
    return { kind: 'number', value: named };
  }
  if (cursor.accept('len') !== undefined) return { kind: 'length' };
  if (kind === 'word' && cursor.second.text === '[') return parseBytes(cursor);
  throw cursor.unexpected("a number, 'len', or bytes like ip[6:2]");
}

function parseBytes(cursor: Cursor): Arithmetic {
  const { text, at } = cursor.next;
  const name = text === 'link' ? 'ether' : text;
  if (!isProtocol(name)) throw cursor.unexpected('a protocol before [');
  if (name === 'ah' || name === 'esp') throw new FilterError(at, `the bytes of ${name} cannot be compared`);
  cursor.take();
  cursor.expect('[');
  const index = parseArithmetic(cursor);
  let size = 1;
  if (cursor.accept(':') !== undefined) {
    const token = cursor.next;
    if (token.kind !== 'number' || ![1, 2, 4].includes(token.value))
      throw cursor.unexpected('1, 2 or 4 bytes');
    size = cursor.take().value;
  }
  cursor.expect(']');
  return { kind: 'bytes', of: name, index, size: size as 1 | 2 | 4 };
}
