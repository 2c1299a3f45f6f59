import { readdirSync, readFileSync } from 'node:fs';
import { MemoryNetwork, RawSocketRelay, XDPRelay } from 'etherconn';
import { addVethPair, openNamespace } from 'etherconn/testing';

export const NEAR = 'near0';
export const FAR = 'far0';
export const NEAR_MAC = '02:00:00:00:00:0a';
export const FAR_MAC = '02:00:00:00:00:0b';

/** What a relay can be over. */
export const KERNEL_ENGINES = ['xdp native', 'xdp generic', 'packet'];
export const ALL_ENGINES = [...KERNEL_ENGINES, 'memory'];

/** A wire with two ends, on which relays of an engine are opened: a veth pair, or a network in memory. */
export class Wire {
  engine;
  /** @type {import('etherconn/testing').Namespace} */
  near;
  /** @type {import('etherconn/testing').Namespace} */
  far;
  network;
  #relays = [];
  #queues;

  /**
   * @param {string} engine
   * @param {{ queues?: number }} [options]
   */
  static async open(engine, { queues = 1 } = {}) {
    const wire = new Wire();
    wire.engine = engine;
    wire.#queues = queues;
    if (engine === 'memory') wire.network = new MemoryNetwork();
    else {
      [wire.near, wire.far] = await Promise.all([openNamespace(), openNamespace()]);
      wire.pair();
    }
    return wire;
  }

  /** Lays the cable, again too when the interfaces were deleted. */
  pair() {
    addVethPair(
      { namespace: this.near, name: NEAR, mac: NEAR_MAC },
      { namespace: this.far, name: FAR, mac: FAR_MAC },
      { queues: this.#queues },
    );
  }

  /**
   * A relay of the engine at an end.
   * @param {'near' | 'far'} side
   * @param {any} [options]
   */
  async relay(side, options = {}) {
    const relay = await openRelay(this.engine, this.#end(side), options);
    this.#relays.push(relay);
    return relay;
  }

  /** Who sends anything at all, from the near end: over AF_PACKET, whatever is being tried at the far one. */
  async attacker() {
    const relay =
      this.engine === 'memory'
        ? this.network.relay({ sendingMode: 'batch' })
        : await RawSocketRelay.open(NEAR, { netns: this.near.path, sendingMode: 'batch' });
    this.#relays.push(relay);
    return relay;
  }

  #end(side) {
    if (this.network !== undefined) return { network: this.network };
    return side === 'near'
      ? { interfaceName: NEAR, netns: this.near.path }
      : { interfaceName: FAR, netns: this.far.path };
  }

  async closeRelays() {
    for (const relay of this.#relays.splice(0)) await relay.close();
  }

  async close() {
    await this.closeRelays();
    await this.network?.close();
    await this.near?.close();
    await this.far?.close();
  }
}

/**
 * @param {string} engine
 * @param {any} where
 * @param {any} options
 */
export async function openRelay(engine, { network, interfaceName, netns }, options = {}) {
  switch (engine) {
    case 'memory':
      return network.relay(options);
    case 'packet':
      return RawSocketRelay.open(interfaceName, { netns, ...options });
    default:
      return XDPRelay.open(interfaceName, {
        netns,
        mode: engine.split(' ')[1],
        maxEndpoints: 4096,
        ...options,
      });
  }
}

/** What a process must have as much of after closing everything as before: descriptors, and mappings of sockets. */
export function holdings() {
  const maps = readFileSync('/proc/self/maps', 'latin1').split('\n');
  return {
    descriptors: readdirSync('/proc/self/fd').length,
    rings: maps.filter((line) => line.includes('socket:')).length,
  };
}

/**
 * Whether an interface has a program, and how many want all of its frames.
 * @param {import('etherconn/testing').Namespace} namespace
 * @param {string} interfaceName
 */
export function interfaceState(namespace, interfaceName) {
  const { stdout } = namespace.run('ip', '-details', 'link', 'show', interfaceName);
  return {
    program: /prog\/xdp|xdpgeneric/.test(stdout),
    promiscuity: Number(/promiscuity (\d+)/.exec(stdout)?.[1]),
  };
}
