import { EventEmitter } from 'node:events';

/**
 * An EventEmitter whose table of listeners is made with the first of them: there may be 100,000 idle conns and hosts, and
 * the table that Node makes for each takes 200 bytes. Node's methods take an emitter without one for one without listeners.
 */
class Emitter {
  // In their place from the start, so that listeners change no shapes. Node sets them when a listener is added.
  _events: unknown = undefined;
  _eventsCount = 0;
  _maxListeners: unknown = undefined;
}

Object.setPrototypeOf(Emitter.prototype, EventEmitter.prototype);
Object.setPrototypeOf(Emitter, EventEmitter);

/** In declarations it is Node's own. */
export const LazyEmitter: typeof EventEmitter = Emitter as unknown as typeof EventEmitter;
