import { inspect } from 'node:util';

/**
 * Errors with the codes, classes and messages of Node's own (https://nodejs.org/api/errors.html): programs compare
 * them, and tests of programs quote them.
 */

/** An error with a `code`, as Node throws for wrong arguments and wrong states. */
export interface CodedError extends Error {
  code: string;
}

type ErrorClass = new (message: string) => Error;

/** `error.name` stays 'TypeError', and the stack begins with 'TypeError [CODE]: message', as Node's do. */
function coded(Class: ErrorClass, code: string, message: string): CodedError {
  const error = new Class(message) as CodedError;
  const name = error.name;
  error.code = code;
  Object.defineProperty(error, 'name', { value: `${name} [${code}]`, configurable: true });
  Error.captureStackTrace(error, coded);
  void error.stack;
  delete (error as { name?: string }).name;
  return error;
}

/** 'one of type number or string'-like texts: `expected` holds primitive type names in lower case and class names. */
export function invalidArgType(name: string, expected: readonly string[], actual: unknown): CodedError {
  const kind = name.includes('.') ? 'property' : 'argument';
  const subject = name.endsWith(' argument') ? `${name} ` : `"${name}" ${kind} `;
  const types = expected.filter((one) => PRIMITIVES.includes(one));
  const classes = expected.filter((one) => !PRIMITIVES.includes(one));
  const parts: string[] = [];
  if (types.length > 0) parts.push(`${types.length > 1 ? 'one of type' : 'of type'} ${orList(types)}`);
  if (classes.length > 0) parts.push(`an instance of ${orList(classes)}`);
  return coded(
    TypeError,
    'ERR_INVALID_ARG_TYPE',
    `The ${subject}must be ${parts.join(' or ')}. Received ${describe(actual)}`,
  );
}

const PRIMITIVES: readonly string[] = ['string', 'number', 'function', 'boolean', 'bigint', 'symbol'];

function orList(words: readonly string[]): string {
  if (words.length < 3) return words.join(' or ');
  return `${words.slice(0, -1).join(', ')}, or ${words.at(-1)}`;
}

/** What a value is, in Node's words: 'type number (1)', 'an instance of Foo', 'undefined'. */
function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === 'function') return `function ${value.name}`;
  if (typeof value === 'object') {
    const made: unknown = value.constructor;
    if (typeof made === 'function') return `an instance of ${made.name}`;
    return inspect(value, { depth: -1 });
  }
  if (typeof value === 'string') {
    const cut = value.length > 28 ? `${value.slice(0, 25)}...` : value;
    return `type string (${cut.includes("'") ? JSON.stringify(cut) : `'${cut}'`})`;
  }
  if (typeof value === 'bigint') return `type bigint (${value}n)`;
  return `type ${typeof value} (${Object.is(value, -0) ? '-0' : String(value)})`;
}

export function outOfRange(name: string, range: string, actual: number): CodedError {
  const received =
    Number.isInteger(actual) && Math.abs(actual) > 2 ** 32 ? withSeparators(String(actual)) : inspect(actual);
  return coded(
    RangeError,
    'ERR_OUT_OF_RANGE',
    `The value of "${name}" is out of range. It must be ${range}. Received ${received}`,
  );
}

function withSeparators(digits: string): string {
  return digits.replace(/\B(?=(?:\d{3})+$)/g, '_');
}

export function badPort(name: string, port: unknown, allowZero: boolean): CodedError {
  const operator = allowZero ? '>=' : '>';
  return coded(
    RangeError,
    'ERR_SOCKET_BAD_PORT',
    `${name} should be ${operator} 0 and < 65536. Received ${describe(port)}.`,
  );
}

export function missingArgument(name: string): CodedError {
  return coded(TypeError, 'ERR_MISSING_ARGS', `The "${name}" argument must be specified`);
}

export function bufferOutOfBounds(name: string): CodedError {
  return coded(RangeError, 'ERR_BUFFER_OUT_OF_BOUNDS', `"${name}" is outside of buffer bounds`);
}

export function badSocketType(): CodedError {
  return coded(TypeError, 'ERR_SOCKET_BAD_TYPE', 'Bad socket type specified. Valid types are: udp4, udp6');
}

export function alreadyBound(): CodedError {
  return coded(Error, 'ERR_SOCKET_ALREADY_BOUND', 'Socket is already bound');
}

export function alreadyConnected(): CodedError {
  return coded(Error, 'ERR_SOCKET_DGRAM_IS_CONNECTED', 'Already connected');
}

export function notConnected(): CodedError {
  return coded(Error, 'ERR_SOCKET_DGRAM_NOT_CONNECTED', 'Not connected');
}

export function notRunning(): CodedError {
  return coded(Error, 'ERR_SOCKET_DGRAM_NOT_RUNNING', 'Not running');
}

export function badBufferSize(): CodedError {
  return coded(TypeError, 'ERR_SOCKET_BAD_BUFFER_SIZE', 'Buffer size must be a positive integer');
}

export function addressBlocked(address: string): CodedError {
  return coded(Error, 'ERR_IP_BLOCKED', `IP(${address}) is blocked by net.BlockList`);
}

/** Node's code for descriptors that it cannot take; here none can be taken. */
export function invalidFdType(type: string): CodedError {
  return coded(
    TypeError,
    'ERR_INVALID_FD_TYPE',
    `Unsupported fd type: ${type} (a socket of a simulated host has no file descriptor)`,
  );
}

/** Node's code for what cannot be sent to another process. */
export function handleNotSendable(): CodedError {
  return coded(
    TypeError,
    'ERR_INVALID_HANDLE_TYPE',
    'This handle type cannot be sent (a socket of a simulated host lives in its own process)',
  );
}

/** For names that a future Node adds to `dgram.Socket.prototype`. */
export function notImplemented(name: string): CodedError {
  return coded(
    Error,
    'ERR_METHOD_NOT_IMPLEMENTED',
    `The ${name} method is not implemented by etherconn's sockets`,
  );
}
