/** Destinations of one generation; at most twice as many are kept per socket or conn. */
const GENERATION = 2048;

type Generation<T> = Map<string, Map<number, T>>;

/**
 * Destinations by address text and port, so that a send to a known one costs neither parsing nor an object. Two
 * generations: when the young one is full it becomes the old one, and what nobody used since is forgotten with the
 * next.
 */
export class DestinationCache<T> {
  #young: Generation<T> | null = null;
  #old: Generation<T> | null = null;
  #count = 0;
  #lastAddress = '';
  #lastPort = -1;
  #last: T | null = null;

  get(address: string, port: number): T | null {
    if (port === this.#lastPort && address === this.#lastAddress) return this.#last;
    if (this.#young === null) return null;
    let found = this.#young.get(address)?.get(port);
    if (found === undefined) {
      found = this.#old?.get(address)?.get(port);
      if (found === undefined) return null;
      this.set(address, port, found);
    }
    this.#lastAddress = address;
    this.#lastPort = port;
    this.#last = found;
    return found;
  }

  set(address: string, port: number, destination: T): void {
    if (this.#young === null || this.#count >= GENERATION) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#count = 0;
    }
    let ports = this.#young.get(address);
    if (ports === undefined) {
      ports = new Map();
      this.#young.set(address, ports);
    }
    ports.set(port, destination);
    this.#count++;
    this.#lastAddress = address;
    this.#lastPort = port;
    this.#last = destination;
  }

  clear(): void {
    this.#young = null;
    this.#old = null;
    this.#count = 0;
    this.#lastPort = -1;
    this.#last = null;
  }
}
