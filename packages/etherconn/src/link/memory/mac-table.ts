const INITIAL_SIZE = 64;
/** A full table looks for entries to throw out at most this often (milliseconds). */
const PURGE_INTERVAL = 1000;

/**
 * The switch's forwarding table: (MAC address, outermost VLAN id) to port, open addressing with linear
 * probing over typed arrays. An entry is good for `ageing` milliseconds after it was last seen, and as long
 * as its port has the generation noted in it (ports get a new one when they go down or away).
 */
export class MacTable {
  /** Port number by entry; -1 is an empty place. */
  ports: Int32Array = new Int32Array(INITIAL_SIZE).fill(-1);
  /** Generation of the port by entry. */
  generations: Int32Array = new Int32Array(INITIAL_SIZE);
  #high: Int32Array = new Int32Array(INITIAL_SIZE);
  #low: Int32Array = new Int32Array(INITIAL_SIZE);
  #seen: Float64Array = new Float64Array(INITIAL_SIZE);
  #mask: number = INITIAL_SIZE - 1;
  #count = 0;
  #purged = -Infinity;
  readonly #limit: number;
  readonly #ageing: number;
  readonly #alive: (port: number, generation: number) => boolean;

  constructor(limit: number, ageing: number, alive: (port: number, generation: number) => boolean) {
    this.#limit = limit;
    this.#ageing = ageing;
    this.#alive = alive;
  }

  /** Entries, outdated ones that were not thrown out yet included. */
  get size(): number {
    return this.#count;
  }

  /** Entry of a station, -1 when it is not known (any more). `low` has the VLAN id in bits 16 to 27. */
  lookup(high: number, low: number, now: number): number {
    const entry = this.#find(high, low);
    if (this.ports[entry]! < 0 || now - this.#seen[entry]! > this.#ageing) return -1;
    return entry;
  }

  /** Notes where a station was seen; false when the table is full. */
  learn(high: number, low: number, port: number, generation: number, now: number): boolean {
    let entry = this.#find(high, low);
    if (this.ports[entry]! < 0) {
      if (this.#count >= this.#limit && !this.#purge(now)) return false;
      // At most half full, so that a probe for an unknown address ends soon.
      if ((this.#count + 1) * 2 > this.ports.length) this.#rebuild(this.ports.length * 2, now);
      entry = this.#find(high, low);
      this.#high[entry] = high;
      this.#low[entry] = low;
      this.#count++;
    }
    this.ports[entry] = port;
    this.generations[entry] = generation;
    this.#seen[entry] = now;
    return true;
  }

  /** Place of the station, or the empty place where it would be. */
  #find(high: number, low: number): number {
    let hash = Math.imul(high ^ Math.imul(low, 0x9e3779b1), 0x85ebca77);
    hash ^= hash >>> 15;
    let entry = hash & this.#mask;
    while (this.ports[entry]! >= 0 && (this.#high[entry] !== high || this.#low[entry] !== low)) {
      entry = (entry + 1) & this.#mask;
    }
    return entry;
  }

  /** Throws out what is outdated; false when that made no room. */
  #purge(now: number): boolean {
    if (now - this.#purged < PURGE_INTERVAL) return false;
    this.#purged = now;
    this.#rebuild(this.ports.length, now);
    return this.#count < this.#limit;
  }

  #rebuild(size: number, now: number): void {
    const { ports, generations } = this;
    const high = this.#high;
    const low = this.#low;
    const seen = this.#seen;
    this.ports = new Int32Array(size).fill(-1);
    this.generations = new Int32Array(size);
    this.#high = new Int32Array(size);
    this.#low = new Int32Array(size);
    this.#seen = new Float64Array(size);
    this.#mask = size - 1;
    this.#count = 0;
    for (let old = 0; old < ports.length; old++) {
      const port = ports[old]!;
      const generation = generations[old]!;
      if (port < 0 || now - seen[old]! > this.#ageing || !this.#alive(port, generation)) continue;
      const entry = this.#find(high[old]!, low[old]!);
      this.ports[entry] = port;
      this.generations[entry] = generation;
      this.#high[entry] = high[old]!;
      this.#low[entry] = low[old]!;
      this.#seen[entry] = seen[old]!;
      this.#count++;
    }
  }
}
