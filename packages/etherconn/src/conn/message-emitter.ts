import type { EventEmitter } from 'node:events';
import { LazyEmitter } from '../lazy-emitter.ts';
import { nextTick } from '../real-time.ts';

/** A conn that wants to know when somebody begins to listen to its messages. */
interface Listened {
  /** A 'message' listener has been added, a tick ago. */
  messageListened?(): void;
}

type Name = Parameters<EventEmitter['on']>[0];
type Listener = Parameters<EventEmitter['on']>[1];

class Emitter extends LazyEmitter {
  override on(name: Name, listener: Listener): this {
    super.on(name, listener);
    return this.#added(name);
  }

  override prependListener(name: Name, listener: Listener): this {
    super.prependListener(name, listener);
    return this.#added(name);
  }

  override addListener(name: Name, listener: Listener): this {
    return this.on(name, listener);
  }

  #added(name: Name): this {
    if (name === 'message') nextTick(() => (this as Listened).messageListened?.());
    return this;
  }
}

/**
 * The event emitter that conns are. In declarations it is Node's own: how that types listeners differs between the
 * versions of @types/node, and an overridden `on` would fit one of them only.
 */
export const MessageEmitter: typeof EventEmitter = Emitter as typeof EventEmitter;
