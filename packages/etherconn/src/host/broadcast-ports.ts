/** What {@link BroadcastPorts} needs of the Ethernet side of a host. */
export interface PortListener {
  /** See `Relay.listenToPort`. */
  listenToPort(port: number, listens: boolean): void;
}

/**
 * Tells the relay to which UDP ports of a host broadcasts go. So a broadcast for one port, such as that of DHCP servers, is
 * not offered to a thousand hosts that have no such port.
 */
export class BroadcastPorts {
  readonly #ethernet: PortListener;
  /** A host's first port, which needs no map, and how many users it has. */
  #port = -1;
  #users = 0;
  #closed = false;
  /** Users of the others. */
  #others: Map<number, number> | null = null;

  constructor(ethernet: PortListener) {
    this.#ethernet = ethernet;
  }

  /** A port has one more user. */
  add(port: number): void {
    if (this.#closed) return;
    if (this.#users === 0 && this.#others?.has(port) !== true) this.#port = port;
    const users = this.#change(port, 1);
    if (users === 1) this.#ethernet.listenToPort(port, true);
  }

  /** A port has one user less. */
  remove(port: number): void {
    if (this.#closed) return;
    const users = this.#change(port, -1);
    if (users === 0) this.#ethernet.listenToPort(port, false);
  }

  /** The host is closed. */
  close(): void {
    for (const port of [this.#port, ...(this.#others?.keys() ?? [])])
      if (port >= 0) this.#ethernet.listenToPort(port, false);
    this.#port = -1;
    this.#users = 0;
    this.#others = null;
    this.#closed = true;
  }

  /** Returns how many users the port has now. */
  #change(port: number, by: 1 | -1): number {
    if (port === this.#port) {
      this.#users += by;
      if (this.#users === 0) this.#port = -1;
      return this.#users;
    }
    this.#others ??= new Map();
    const users = (this.#others.get(port) ?? 0) + by;
    if (users > 0) this.#others.set(port, users);
    else this.#others.delete(port);
    return users;
  }
}
