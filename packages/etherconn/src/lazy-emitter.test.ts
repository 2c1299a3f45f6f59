import assert from 'node:assert/strict';
import { EventEmitter, on, once } from 'node:events';
import { describe, it } from 'node:test';
import { LazyEmitter } from './lazy-emitter.ts';

class Own extends LazyEmitter {
  readonly name = 'own';
}

/** What each method does to an emitter without listeners. */
const CALLS: Record<string, (emitter: EventEmitter) => unknown> = {
  emit: (emitter) => emitter.emit('x', 1),
  listenerCount: (emitter) => emitter.listenerCount('x'),
  listeners: (emitter) => emitter.listeners('x'),
  rawListeners: (emitter) => emitter.rawListeners('x'),
  eventNames: (emitter) => emitter.eventNames(),
  off: (emitter) => emitter.off('x', () => undefined) === emitter,
  removeAllListeners: (emitter) => emitter.removeAllListeners() === emitter,
  'removeAllListeners of one': (emitter) => emitter.removeAllListeners('x') === emitter,
  getMaxListeners: (emitter) => emitter.getMaxListeners(),
  setMaxListeners: (emitter) => emitter.setMaxListeners(3).getMaxListeners(),
};

describe('a LazyEmitter', () => {
  it('is an EventEmitter', () => {
    const own = new Own();
    assert.ok(own instanceof EventEmitter && own instanceof LazyEmitter);
    assert.equal(own.name, 'own');
  });

  it('has no table before its first listener', () => {
    assert.equal((new Own() as unknown as { _events: unknown })._events, undefined);
  });

  for (const [name, call] of Object.entries(CALLS)) {
    it(`does as Node's without listeners: ${name}`, () => {
      assert.deepEqual(call(new Own()), call(new EventEmitter()));
    });

    it(`does as Node's when the last listener has gone: ${name}`, () => {
      const [own, nodes] = [new Own(), new EventEmitter()];
      for (const emitter of [own, nodes]) {
        const listener = () => undefined;
        emitter.on('x', listener).off('x', listener);
      }
      assert.deepEqual(call(own), call(nodes));
    });
  }

  it('throws an error that nobody listens for', () => {
    assert.throws(() => new Own().emit('error', new Error('told')), /told/);
  });

  it('calls listeners in order, with itself as `this`', () => {
    const own = new Own();
    const calls: unknown[] = [];
    own.on('x', function (this: unknown, value: number) {
      calls.push(this === own, value);
    });
    own.prependListener('x', () => calls.push('first'));
    assert.equal(own.emit('x', 7), true);
    assert.deepEqual(calls, ['first', true, 7]);
  });

  it('tells of new listeners', () => {
    const own = new Own();
    const names: unknown[] = [];
    own.on('newListener', (name) => names.push(name));
    own.on('x', () => undefined);
    assert.deepEqual(names, ['x']);
  });

  it('works with once and on of node:events', async () => {
    const own = new Own();
    setImmediate(() => own.emit('x', 1));
    assert.deepEqual(await once(own, 'x'), [1]);
    setImmediate(() => own.emit('y', 2));
    for await (const [value] of on(own, 'y')) {
      assert.equal(value, 2);
      break;
    }
  });
});
