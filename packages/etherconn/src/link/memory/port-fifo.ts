/** A first-in first-out list of ports, each with a count; grows, and allocates nothing in between. */
export class PortFifo<Port> {
  #ports: (Port | null)[] = new Array<Port | null>(16).fill(null);
  #counts = new Int32Array(16);
  #head = 0;
  size = 0;

  /** Adds a port at the end; if it is there already, `count` is added to it. */
  push(port: Port, count: number): void {
    const mask = this.#counts.length - 1;
    const last = (this.#head + this.size - 1) & mask;
    if (this.size > 0 && this.#ports[last] === port) {
      this.#counts[last]! += count;
      return;
    }
    if (this.size > mask) this.#grow();
    const index = (this.#head + this.size) & (this.#counts.length - 1);
    this.#ports[index] = port;
    this.#counts[index] = count;
    this.size++;
  }

  /** The first port; only when `size` is not 0. */
  get first(): Port {
    return this.#ports[this.#head]!;
  }

  /** The first port's count. */
  get firstCount(): number {
    return this.#counts[this.#head]!;
  }

  set firstCount(count: number) {
    this.#counts[this.#head] = count;
  }

  /** Takes the first port away. */
  shift(): void {
    this.#ports[this.#head] = null;
    this.#head = (this.#head + 1) & (this.#counts.length - 1);
    this.size--;
  }

  #grow(): void {
    const size = this.#counts.length;
    const ports = new Array<Port | null>(size * 2).fill(null);
    const counts = new Int32Array(size * 2);
    for (let index = 0; index < this.size; index++) {
      const from = (this.#head + index) & (size - 1);
      ports[index] = this.#ports[from]!;
      counts[index] = this.#counts[from]!;
    }
    this.#ports = ports;
    this.#counts = counts;
    this.#head = 0;
  }
}
