import type { Clock, ClockTimer } from '../../clock.ts';
import { type IpKey, ipKey } from './ip-key.ts';

const ENTRIES_MAX = 256;

/**
 * What routers have reported about paths to single destinations. The number of entries and their lifetime are
 * bounded.
 */
export class PathTable<V> {
  readonly #clock: Clock;
  readonly #lifetime: number;
  readonly #changed: () => void;
  /** By destination, oldest first. */
  readonly #entries = new Map<IpKey, { value: V; expires: number }>();
  #timer: ClockTimer | null = null;

  /** `lifetime` in milliseconds; `changed` is called when an entry is added or removed. */
  constructor(clock: Clock, lifetime: number, changed: () => void) {
    this.#clock = clock;
    this.#lifetime = lifetime;
    this.#changed = changed;
  }

  /** Returns the value for the destination of `version` 4 or 6 at `offset`. */
  get(u8: Uint8Array, offset: number, version: number): V | undefined {
    return this.#entries.get(ipKey(u8, offset, version))?.value;
  }

  set(u8: Uint8Array, offset: number, version: number, value: V): void {
    const key = ipKey(u8, offset, version);
    const entries = this.#entries;
    entries.delete(key);
    if (entries.size >= ENTRIES_MAX) entries.delete(entries.keys().next().value!);
    entries.set(key, { value, expires: this.#clock.now() + this.#lifetime });
    this.#timer ??= this.#clock.setTimer(this.#expire, this.#lifetime, true);
    this.#changed();
  }

  /** Removes entries for which `isOver` returns true. */
  forget(isOver: (value: V) => boolean): void {
    let isChanged = false;
    for (const [key, { value }] of this.#entries) if (isOver(value)) isChanged = this.#entries.delete(key);
    if (isChanged) this.#changed();
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#entries.clear();
  }

  readonly #expire = (): void => {
    this.#timer = null;
    const now = this.#clock.now();
    for (const [key, { expires }] of this.#entries) {
      if (expires > now) {
        this.#timer = this.#clock.setTimer(this.#expire, expires - now, true);
        break;
      }
      this.#entries.delete(key);
    }
    this.#changed();
  };
}
