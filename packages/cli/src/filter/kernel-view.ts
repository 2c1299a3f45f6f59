import {
  and,
  type Condition,
  compare,
  constant,
  load,
  not,
  operation,
  or,
  type Test,
  type Value,
} from './condition.ts';
import { largest } from './largest.ts';

/** SKF_AD_ numbers (linux/filter.h). */
const VLAN_TAG = 44;
const VLAN_TAG_PRESENT = 48;
const VLAN_TPID = 60;

/** Where the tag lies on the wire that the kernel has taken out, and how long it is. */
const TAG_AT = 12;
const TAG_LENGTH = 4;
const TAG_END = TAG_AT + TAG_LENGTH;
/** TPIDs of tags that the kernel takes out. */
const TAKEN_OUT: readonly number[] = [0x8100, 0x88a8];

/** Negative as a signed number is what follows. */
const MAX_OFFSET = 0x7fff_ffff;

/** Something that a program in the kernel cannot find out; the frames are then looked at here. */
class NotInKernel extends Error {}

/** What a program asks in the kernel, which takes the outer VLAN tag out of most frames that have one. */
export interface KernelView {
  readonly isTagTakenOut: Test;
  /** For a frame whose tag has been taken out. */
  readonly tagged: Condition;
  /** For a frame as it is on the wire. */
  readonly plain: Condition;
}

/**
 * The question to a frame as the kernel shows it. Null when it cannot be asked there: which byte an address is may only be
 * known when the program runs.
 */
export function kernelView(condition: Condition): KernelView | null {
  try {
    const [left, right] = [{ kind: 'ancillary', number: VLAN_TAG_PRESENT }, constant(1)] as const;
    const isTagTakenOut: Test = { left, comparison: '=', right };
    return { isTagTakenOut, tagged: conditionBehindTag(condition), plain: checkedCondition(condition) };
  } catch (error) {
    if (error instanceof NotInKernel) return null;
    throw error;
  }
}

function checkedCondition(condition: Condition): Condition {
  return mapped(condition, checked);
}

function conditionBehindTag(condition: Condition): Condition {
  return mapped(condition, (value) => valueBehindTag(checked(value)));
}

/** The kernel shifts by more than 31 bits in another way, and has other things at negative offsets. */
function checked(value: Value): Value {
  const isShift = value.kind === 'operation' && (value.operator === '<<' || value.operator === '>>');
  if (isShift && value.right.kind !== 'constant') throw new NotInKernel();
  if (value.kind === 'load') {
    const index = value.index === null ? 0 : largest(value.index);
    if (value.offset + index > MAX_OFFSET) throw new NotInKernel();
  }
  return value;
}

function valueBehindTag(value: Value): Value {
  switch (value.kind) {
    case 'length':
      return operation('+', value, constant(TAG_LENGTH));
    case 'header length':
      return { kind: 'header length', offset: value.offset - TAG_LENGTH };
    case 'load':
      return loadBehindTag(value);
    default:
      return value;
  }
}

function loadBehindTag(value: Extract<Value, { kind: 'load' }>): Value {
  const { offset, size, index } = value;
  if (index !== null) {
    // It must be behind the tag whatever the index is.
    if (offset < TAG_END) throw new NotInKernel();
    return load(offset - TAG_LENGTH, size, index);
  }
  if (offset >= TAG_END) return load(offset - TAG_LENGTH, size);
  if (offset + size <= TAG_AT) return value;
  const tpid: Value = { kind: 'ancillary', number: VLAN_TPID };
  const tag: Value = { kind: 'ancillary', number: VLAN_TAG };
  if (size === 2 && offset === TAG_AT) return tpid;
  if (size === 2 && offset === TAG_AT + 2) return tag;
  if (size === 1) {
    if (offset === TAG_AT) return operation('>>', tpid, constant(8));
    if (offset === TAG_AT + 1) return operation('&', tpid, constant(0xff));
    if (offset === TAG_AT + 2) return operation('>>', tag, constant(8));
    return operation('&', tag, constant(0xff));
  }
  const half = (size / 2) as 1 | 2;
  const high = operation('<<', loadBehindTag({ ...value, size: half }), constant(8 * half));
  return operation('|', high, loadBehindTag({ ...value, offset: offset + half, size: half }));
}

/** A condition with each value in it as `change` gives it, the inner ones first. */
function mapped(condition: Condition, change: (value: Value) => Value): Condition {
  if (typeof condition === 'boolean') return condition;
  switch (condition.kind) {
    case 'not':
      return not(mapped(condition.of, change));
    case 'and': {
      const left = mapped(condition.left, change);
      // What is never asked may be anything.
      return left === false ? false : and(left, mapped(condition.right, change));
    }
    case 'or': {
      const left = mapped(condition.left, change);
      return left === true ? true : or(left, mapped(condition.right, change));
    }
    case 'test': {
      const { left, comparison, right } = condition.test;
      const [a, b] = [mappedValue(left, change), mappedValue(right, change)];
      const isTpid = a.kind === 'ancillary' && a.number === VLAN_TPID && comparison === '=';
      if (isTpid && b.kind === 'constant' && !TAKEN_OUT.includes(b.constant)) return false;
      return compare(a, comparison, b);
    }
  }
}

function mappedValue(value: Value, change: (value: Value) => Value): Value {
  if (value.kind === 'operation')
    return change(
      operation(value.operator, mappedValue(value.left, change), mappedValue(value.right, change)),
    );
  if (value.kind === 'load' && value.index !== null)
    return change({ ...value, index: mappedValue(value.index, change) });
  return change(value);
}
