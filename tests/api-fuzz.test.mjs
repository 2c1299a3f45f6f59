/**
 * Calls everything that the package exports, and every public method of its objects, with anything. Whatever comes, a
 * call returns, throws an error with a code, or gives a promise that settles likewise once the network is closed. A call
 * that throws has changed nothing. Nothing becomes an uncaught exception or an unhandled rejection.
 */
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { entryPoints, isConstructible, isDeclared, publicMembers } from './api-fuzz/public-api.mjs';
import { Arguments, ArgumentsOwnError } from './api-fuzz/values.mjs';
import { INTERFACES, makeWorld } from './api-fuzz/world.mjs';

const CALLS = Math.ceil(Number(process.env.ETHERCONN_FUZZ_RUNS ?? 100_000) / 20);
const SEED = Number(process.env.ETHERCONN_FUZZ_SEED ?? 1);
/** Calls in one world: what has been closed or filled up makes room for new things. */
const CALLS_PER_WORLD = 500;
/** Seldom, for they end what others are to be tried on. */
const ENDING = new Set(['close', Symbol.asyncDispose, Symbol.dispose]);

/** Helpers of tests: they start processes, and take what node:test gives them. */
const NOT_CALLED = new Set([
  'openNamespace',
  'addVethPair',
  'startCapture',
  'requireCommand',
  'requireNamespaces',
  'requireCapture',
  'namespaceObstacle',
]);

/** mulberry32: the same numbers for the same seed, everywhere. */
function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Every exported function, constructor and static method: [name, call]. */
async function exportedCalls() {
  const calls = new Map();
  for (const [entry, exports] of await entryPoints()) {
    for (const [name, value] of Object.entries(exports)) {
      if (typeof value !== 'function' || NOT_CALLED.has(name) || value.prototype instanceof Error) continue;
      const title = `${entry} ${name}`;
      const isClass = /^class\b/.test(Function.prototype.toString.call(value));
      if (!isClass) calls.set(title, (args) => value(...args));
      else if (isConstructible(name)) calls.set(title, (args) => new value(...args));
      if (!isClass) continue;
      for (const method of Object.getOwnPropertyNames(value)) {
        if (typeof value[method] === 'function' && isDeclared(name, method))
          calls.set(`${title}.${method}`, (args) => value[method](...args));
      }
    }
  }
  return [...calls];
}

const describe = (args) => args.map((arg) => show(arg)).join(', ');

function show(arg) {
  try {
    if (typeof arg === 'object' && arg !== null && Object.getPrototypeOf(arg) === Object.prototype)
      return `{ ${Object.keys(arg)
        .map((key) => `${key}: ${show(arg[key])}`)
        .join(', ')} }`;
    if (typeof arg === 'string') return JSON.stringify(arg.slice(0, 40));
    if (Array.isArray(arg)) return `[${Array.from(arg, show).join(', ').slice(0, 60)}]`;
    return typeof arg === 'object' ? `${arg?.constructor?.name ?? arg}` : String(arg).slice(0, 40);
  } catch {
    return 'hostile';
  }
}

/**
 * Whether an error is one that a caller can tell by its code. The functions of `etherconn/wire` run for each frame, and
 * take what their types say: there an engine's own error will do.
 */
function isCoded(error, title = '') {
  if (title.startsWith('./wire ') && (error instanceof TypeError || error instanceof RangeError)) return true;
  if (error instanceof ArgumentsOwnError) return true;
  // These are Node's own.
  if (title.startsWith('./net isIP') && error instanceof TypeError) return true;
  // The reason of an aborted signal.
  if (error instanceof DOMException && error.name === 'AbortError') return true;
  return error instanceof Error && typeof error.code === 'string';
}

test('whatever is called with whatever: errors with codes, before anything is done', async () => {
  const random = generator(SEED);
  const exported = await exportedCalls();
  /** First failure of each function. */
  const failures = new Map();
  let last = 'nothing';
  const fail = (title, args, what, error) => {
    if (failures.has(`${title} ${what}`)) return;
    failures.set(
      `${title} ${what}`,
      `${title}(${describe(args)}) ${what}: ${error?.stack?.split('\n').slice(0, 4).join('\n    ') ?? String(error)}`,
    );
  };
  const uncaught = (error) => {
    if (!(error instanceof ArgumentsOwnError)) fail(last, [], 'uncaught', error);
  };
  const listeners = new Map();
  for (const event of ['uncaughtException', 'unhandledRejection']) {
    listeners.set(event, process.listeners(event));
    process.removeAllListeners(event);
    process.on(event, uncaught);
  }
  process.setMaxListeners(0);
  EventEmitter.defaultMaxListeners = 0;
  const descriptors = () => readdirSync('/proc/self/fd').length;
  const before = process.platform === 'linux' ? descriptors() : 0;
  let done = 0;
  let refused = 0;
  try {
    while (done < CALLS) {
      const world = await makeWorld();
      const made = [];
      const args = new Arguments(random, () => Object.values(world.subjects).filter((one) => one != null));
      const plain = new Arguments(random, () => [undefined]);
      /** Promises that have not settled: [title, arguments]. */
      const waiting = new Map();
      const watch = (title, values, promise) => {
        waiting.set(promise, [title, values]);
        promise.then(
          () => waiting.delete(promise),
          (error) => {
            waiting.delete(promise);
            if (!isCoded(error, title)) fail(title, values, 'rejected', error);
          },
        );
      };
      for (let i = 0; i < CALLS_PER_WORLD; i++, done++) {
        let [title, call] = args.pick(exported);
        if (random() < 0.7) {
          const [name, subject] = args.pick(Object.entries(world.subjects).filter(([, one]) => one != null));
          const members = publicMembers(subject, INTERFACES[name]);
          if (members.length === 0) continue;
          const [key, how] = args.pick(members);
          if (ENDING.has(key) && random() < 0.95) continue;
          title = `${name}.${String(key)}`;
          call =
            how === 'call'
              ? (values) => subject[key](...values)
              : (values) => {
                  subject[key] = values[0];
                };
        }
        // Those of wire write into the records that they are given: not into the objects of others.
        const values = (title.startsWith('./wire ') ? plain : args).list(3);
        last = title;
        if (process.env.ETHERCONN_FUZZ_TRACE) console.error(title, describe(values));
        const state = world.state();
        try {
          const result = call(values);
          if (result instanceof Promise) {
            watch(title, values, result);
          } else if (
            typeof result?.[Symbol.asyncIterator] === 'function' &&
            typeof result.next === 'function'
          ) {
            watch(title, values, result.next());
            watch(title, values, result.return());
          }
          if (typeof result?.close === 'function') made.push(result);
          if (result instanceof EventEmitter) result.on('error', () => undefined);
        } catch (error) {
          refused++;
          if (!isCoded(error, title)) fail(title, values, 'threw', error);
          else if (world.state() !== state)
            fail(title, values, `threw, but has changed ${state} to ${world.state()}`, error);
        }
        if (i % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      last = 'closing';
      for (const one of made) {
        try {
          one.close()?.catch?.(() => undefined);
        } catch (error) {
          if (!isCoded(error)) fail('close', [one], 'threw', error);
        }
      }
      await world.close();
      // Some have files to read, or modules to load.
      for (let turn = 0; turn < 8 || (waiting.size > 0 && turn < 200); turn++)
        await new Promise((resolve) => (turn < 8 ? setImmediate(resolve) : setTimeout(resolve, 10)));
      for (const [, [title, values]] of waiting) fail(title, values, 'never settles', undefined);
    }
  } finally {
    for (const [event, saved] of listeners) {
      process.removeAllListeners(event);
      for (const listener of saved) process.on(event, listener);
    }
  }
  console.log(`${done} calls of ${exported.length} exports and the methods of objects, ${refused} refused`);
  assert.equal(
    failures.size,
    0,
    `${failures.size} failures, seed ${SEED}:\n${[...failures.values()].sort().join('\n')}`,
  );
  if (process.platform === 'linux') assert.ok(descriptors() <= before + 8, 'descriptors are left open');
});
