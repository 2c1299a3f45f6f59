import type { Link, Station } from '../link/link.ts';
import type { Registry } from './registry.ts';

const NONE: readonly Station[] = [];

/**
 * Keeps the filter of a link in step with the registrations, change by change. Whoever has registered may be spoken to
 * from now on, by this program or by a peer that nobody here knows of, so nothing waits for the turn of the event loop
 * to end.
 */
export class StationSteering {
  readonly #link: Link;
  readonly #registry: Registry;
  readonly #failed: (error: Error) => void;

  /** `failed` is told when the link cannot do what it had admitted. */
  constructor(link: Link, registry: Registry, failed: (error: Error) => void) {
    this.#link = link;
    this.#registry = registry;
    this.#failed = failed;
  }

  /** Throws what the link has against these stations. */
  admit(stations: readonly Station[]): void {
    this.#link.admit?.(stations);
  }

  /** The registry has these stations; when this returns, the link receives for them. */
  add(stations: readonly Station[]): void {
    this.#steer(stations, NONE);
  }

  /** The registry has these stations no more. */
  remove(stations: readonly Station[]): void {
    this.#steer(NONE, stations);
  }

  #steer(added: readonly Station[], removed: readonly Station[]): void {
    if (this.#link.steer === undefined || this.#link.closed) return;
    const all = this.#registry.wantsAll;
    try {
      this.#link.steer(added, removed, { all, group: all || this.#registry.listeners.size > 0 });
    } catch (error) {
      this.#failed(error as Error);
    }
  }
}
