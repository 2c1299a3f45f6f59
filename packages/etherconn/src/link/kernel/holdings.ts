import { doAll } from './do-all.ts';

/**
 * What something has taken and must give back: sockets, mappings, programs, polls. Each resource is kept as soon as
 * it is there, so that an opening which fails half-way gives back what it has got, by the same steps as a close.
 */
export class Holdings {
  #releases: (() => void)[] = [];

  /** Keeps a resource until {@link release}; returns it. */
  keep<T>(resource: T, release: (resource: T) => void): T {
    this.#releases.push(() => release(resource));
    return resource;
  }

  /** Keeps from now on what `other` has kept. */
  takeOver(other: Holdings): void {
    this.#releases.push(...other.#releases);
    other.#releases = [];
  }

  /**
   * Gives everything back, what came last first. Each step is done whatever becomes of the others; throws the first
   * error when all of them are done. Harmless when repeated.
   */
  release(): void {
    const releases = this.#releases.reverse();
    this.#releases = [];
    doAll(releases);
  }

  /** After a failed opening: gives everything back and returns the failure, for the caller to throw. */
  abandon(failure: unknown): unknown {
    try {
      this.release();
    } catch {
      // Why the opening has failed is what the caller wants to know.
    }
    return failure;
  }
}
