import { BlockList } from 'node:net';
import { badPort, invalidArgType, outOfRange } from './node-errors.ts';

/** Checks of arguments that throw what Node's own checks throw. */

/** Node 20 and 22 take '0' for a port to send to, where they refuse 0; from 24 on they refuse both. */
const TAKES_ZERO_AS_TEXT = Number.parseInt(process.versions.node, 10) < 24;

/** A port, number or string; returns the number. */
export function validatePort(port: unknown, name: string, allowZero: boolean): number {
  if (
    (typeof port !== 'number' && typeof port !== 'string') ||
    (typeof port === 'string' && port.trim().length === 0) ||
    +port !== +port >>> 0 ||
    +port > 0xffff ||
    (!allowZero && (TAKES_ZERO_AS_TEXT ? port === 0 : +port === 0))
  ) {
    throw badPort(name, port, allowZero);
  }
  return +port;
}

export function validateString(value: unknown, name: string): asserts value is string {
  if (typeof value !== 'string') throw invalidArgType(name, ['string'], value);
}

export function validateNumber(value: unknown, name: string): asserts value is number {
  if (typeof value !== 'number') throw invalidArgType(name, ['number'], value);
}

export function validateUint32(value: unknown, name: string): asserts value is number {
  validateNumber(value, name);
  if (!Number.isInteger(value)) throw outOfRange(name, 'an integer', value);
  if (value < 0 || value > 0xffffffff) throw outOfRange(name, '>= 0 && <= 4294967295', value);
}

export function validateFunction(
  value: unknown,
  name: string,
): asserts value is (...args: never[]) => unknown {
  if (typeof value !== 'function') throw invalidArgType(name, ['function'], value);
}

export function validateAbortSignal(value: unknown, name: string): asserts value is AbortSignal {
  if (typeof value !== 'object' || value === null || !('aborted' in value)) {
    throw invalidArgType(name, ['AbortSignal'], value);
  }
}

export function validateBlockList(value: unknown, name: string): asserts value is BlockList {
  // A BlockList that has crossed threads is no instance of this thread's class; newer Nodes can tell.
  const { isBlockList } = BlockList as { isBlockList?: (value: unknown) => boolean };
  if (!(isBlockList?.(value) ?? value instanceof BlockList)) {
    throw invalidArgType(name, ['net.BlockList'], value);
  }
}
