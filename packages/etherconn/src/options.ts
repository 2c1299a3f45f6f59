import { OptionError } from './errors.ts';

/**
 * Checks of option objects, done before anything is opened. Each throws an {@link OptionError} that names
 * the option and says what is allowed.
 */

/** Refuses what is no object of options. */
export function checkObject(options: unknown, name = 'options'): void {
  if (typeof options === 'object' && options !== null && !Array.isArray(options)) return;
  throw new OptionError(name, `must be an object, got ${show(options)}`);
}

/** Refuses names that are not options, so that a misspelled one is not silently ignored. */
export function checkKnown(options: object, allowed: readonly string[]): void {
  checkObject(options);
  for (const name of Object.keys(options)) {
    if (!allowed.includes(name)) {
      throw new OptionError(name, `is not an option here; known are ${allowed.join(', ')}`);
    }
  }
}

/** An integer within [min, max]; `fallback` when undefined. */
export function checkInteger(
  name: string,
  value: unknown,
  min: number,
  max: number,
  fallback: number,
): number {
  return value === undefined ? fallback : requireInteger(name, value, min, max);
}

/** An integer within [min, max], which has no default. */
export function requireInteger(name: string, value: unknown, min: number, max: number): number {
  if (!Number.isInteger(value) || (value as number) < min || (value as number) > max) {
    throw new OptionError(name, `must be an integer from ${min} to ${max}, got ${show(value)}`);
  }
  return value as number;
}

/** A finite number within [min, max]; `fallback` when undefined. */
export function checkNumber(
  name: string,
  value: unknown,
  min: number,
  max: number,
  fallback: number,
): number {
  return value === undefined ? fallback : requireNumber(name, value, min, max);
}

/** A number within [min, max], which has no default. */
export function requireNumber(name: string, value: unknown, min: number, max: number): number {
  if (typeof value !== 'number' || !(value >= min && value <= max)) {
    throw new OptionError(name, `must be a number from ${min} to ${max}, got ${show(value)}`);
  }
  return value;
}

/** A boolean; `fallback` when undefined. */
export function checkBoolean(name: string, value: unknown, fallback: boolean): boolean {
  if (value === undefined) return fallback;
  if (typeof value !== 'boolean') throw new OptionError(name, `must be true or false, got ${show(value)}`);
  return value;
}

/** One of a list of strings; `fallback` when undefined. */
export function checkOneOf<T extends string>(
  name: string,
  value: unknown,
  allowed: readonly T[],
  fallback: T,
): T {
  if (value === undefined) return fallback;
  if (!allowed.includes(value as T)) {
    throw new OptionError(name, `must be one of '${allowed.join("', '")}', got ${show(value)}`);
  }
  return value as T;
}

/** A function. */
export function requireFunction(name: string, value: unknown): void {
  if (typeof value !== 'function') throw new OptionError(name, `must be a function, got ${show(value)}`);
}

/** An array. */
export function requireArray(name: string, value: unknown): void {
  if (!Array.isArray(value)) throw new OptionError(name, `must be an array, got ${show(value)}`);
}

/** Bytes, from `min` to `max` of them. */
export function requireBytes(name: string, value: unknown, min = 0, max: number = Infinity): void {
  if (value instanceof Uint8Array && value.length >= min && value.length <= max) return;
  const most =
    max === Infinity ? `${min} bytes or more` : min === max ? `${min} bytes` : `${min} to ${max} bytes`;
  const got = value instanceof Uint8Array ? `${value.length} bytes` : show(value);
  throw new OptionError(
    name,
    `must be a Uint8Array${min === 0 && max === Infinity ? '' : ` of ${most}`}, got ${got}`,
  );
}

/** An object that has the methods which it will be called by. */
export function requireMethods(name: string, value: unknown, methods: readonly string[]): void {
  if (typeof value !== 'object' || value === null) {
    throw new OptionError(
      name,
      `must be an object with the methods ${methods.join(', ')}, got ${show(value)}`,
    );
  }
  const missing = methods.filter(
    (method) => typeof (value as Record<string, unknown>)[method] !== 'function',
  );
  if (missing.length > 0) throw new OptionError(name, `lacks the method ${missing.join(', ')}`);
}

/** Elements of an array that are shown. */
const SHOWN = 8;

/** A value as it is shown in a message; long ones are cut. */
export function show(value: unknown): string {
  const text = Array.isArray(value) ? showArray(value) : showOne(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function showArray(values: readonly unknown[]): string {
  const shown = Array.from(values.slice(0, SHOWN), showOne);
  return `[${[...shown, ...(values.length > SHOWN ? ['...'] : [])].join(', ')}]`;
}

function showOne(value: unknown): string {
  if (typeof value === 'string') return `'${value}'`;
  return typeof value === 'object' && value !== null ? Object.prototype.toString.call(value) : String(value);
}
