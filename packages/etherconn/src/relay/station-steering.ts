import type { Link, Station } from '../link/link.ts';
import type { Registry } from './registry.ts';

/**
 * Keeps the filter of a link in step with the registrations: once for many of them in one turn of the event loop, and
 * at the latest before the next flush.
 */
export class StationSteering {
  readonly #link: Link;
  readonly #registry: Registry;
  readonly #failed: (error: Error) => void;
  #added: Station[] = [];
  #removed: Station[] = [];
  /** Whether the link has not been told all yet. */
  pending = false;

  /** `failed` is told when the link cannot do what it had admitted. */
  constructor(link: Link, registry: Registry, failed: (error: Error) => void) {
    this.#link = link;
    this.#registry = registry;
    this.#failed = failed;
  }

  /** Throws what the link has against these stations. What has been removed in this turn makes room for them. */
  admit(stations: readonly Station[]): void {
    try {
      this.#link.admit?.(stations);
    } catch (error) {
      if (this.#removed.length === 0 || (error as { code?: unknown }).code !== 'ERR_ETHERCONN_LIMIT')
        throw error;
      this.settle();
      this.#link.admit?.(stations);
    }
  }

  add(stations: readonly Station[]): void {
    if (this.#link.steer === undefined) return;
    for (const station of stations) this.#added.push(station);
    this.#schedule();
  }

  remove(stations: readonly Station[]): void {
    if (this.#link.steer === undefined) return;
    for (const station of stations) this.#removed.push(station);
    this.#schedule();
  }

  /** Tells the link now what it has not been told yet. */
  settle(): void {
    if (!this.pending) return;
    this.pending = false;
    const added = this.#added;
    const removed = this.#removed;
    this.#added = [];
    this.#removed = [];
    if (this.#link.closed) return;
    const all = this.#registry.wantsAll;
    try {
      this.#link.steer!(added, removed, { all, group: all || this.#registry.listeners.size > 0 });
    } catch (error) {
      // Whoever sends, or nobody at all, is on the stack here: it is none of his doing.
      this.#failed(error as Error);
    }
  }

  #schedule(): void {
    if (this.pending) return;
    this.pending = true;
    process.nextTick(() => this.settle());
  }
}
