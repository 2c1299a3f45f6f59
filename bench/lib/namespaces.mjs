import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { addVethPair, openNamespace, requireNamespaces } from 'etherconn/testing';
import { Child } from './child.mjs';
import {
  FAR_MAC,
  NEAR_MAC,
  NOBODY,
  NOBODY_MAC,
  RECEIVER_ADDRESS,
  SENDER_ADDRESS,
  STATION,
  STATION_ADDRESS,
} from './plan.mjs';
import { rival } from './rivals.mjs';
import { Skip } from './run.mjs';

export const NEAR = 'near0';
export const FAR = 'far0';
/** Two namespaces with a veth pair between them, and nothing else on it than what the bench sends. */
export class Bench {
  /** @type {import('etherconn/testing').Namespace} */
  near;
  /** @type {import('etherconn/testing').Namespace} */
  far;
  #cores;

  /**
   * @param {import('etherconn/testing').Namespace} near
   * @param {import('etherconn/testing').Namespace} far
   * @param {{ a: number, b: number }} cores
   */
  constructor(near, far, cores) {
    this.near = near;
    this.far = far;
    this.#cores = cores;
  }

  /**
   * @param {{ a: number, b: number }} cores
   * @param {{ queues?: number }} [options]
   */
  static async open(cores, { queues = 1 } = {}) {
    const obstacle = requireNamespaces();
    if (obstacle !== false) throw new Skip(obstacle);
    const [near, far] = await Promise.all([openNamespace(), openNamespace()]);
    addVethPair(
      { namespace: near, name: NEAR, mac: NEAR_MAC, addresses: [`${SENDER_ADDRESS}/24`] },
      { namespace: far, name: FAR, mac: FAR_MAC, addresses: [`${RECEIVER_ADDRESS}/24`] },
      { queues },
    );
    const neighbors = { [RECEIVER_ADDRESS]: FAR_MAC, [NOBODY]: NOBODY_MAC, [STATION_ADDRESS]: STATION };
    for (const [address, mac] of Object.entries(neighbors)) setNeighbor(near, NEAR, address, mac);
    const bench = new Bench(near, far, cores);
    bench.setFarNeighbor(SENDER_ADDRESS, NEAR_MAC);
    return bench;
  }

  /**
   * A program of the suite in JavaScript, on the near side and the first core or on the far side and the second.
   * @param {'near' | 'far'} side
   * @param {string} name file in bench/children
   * @param {object} options
   * @param {readonly string[]} [flags]
   */
  script(side, name, options, flags = []) {
    const file = fileURLToPath(new URL(`../children/${name}.mjs`, import.meta.url));
    const interfaceName = side === 'near' ? NEAR : FAR;
    return this.program(side, [
      process.execPath,
      ...flags,
      file,
      JSON.stringify({ interfaceName, ...options }),
    ]);
  }

  /**
   * A rival in C; options are its arguments.
   * @param {'near' | 'far'} side
   * @param {string} name
   * @param {Record<string, string | number>} [options]
   */
  rival(side, name, options = {}) {
    const all = { if: side === 'near' ? NEAR : FAR, ...options };
    return this.program(side, [rival(name), ...Object.entries(all).map(([key, value]) => `${key}=${value}`)]);
  }

  /**
   * @param {'near' | 'far'} side
   * @param {readonly string[]} command
   */
  program(side, command) {
    const core = side === 'near' ? this.#cores.a : this.#cores.b;
    return new Child(command, { core, namespace: side === 'near' ? this.near : this.far });
  }

  /** Has the far interface take xdp_frames though it has no XDP program: veth does that with GRO alone. */
  takeXdpFrames() {
    this.far.run('ethtool', '-K', FAR, 'gro', 'on');
  }

  /** Something on the far side that answers one ARP request for the address that nobody has. */
  answerArp() {
    return this.script('far', 'answer-arp', { address: NOBODY, mac: NOBODY_MAC });
  }

  /**
   * Who has an address, as the far kernel is to believe.
   * @param {string} address
   * @param {string} mac
   */
  setFarNeighbor(address, mac) {
    setNeighbor(this.far, FAR, address, mac);
  }

  /** Frames that the far interface has received, as the kernel counts. */
  farFrames() {
    const line = readFileSync(`/proc/${this.far.pid}/net/dev`, 'utf8')
      .split('\n')
      .find((each) => each.trim().startsWith(`${FAR}:`));
    return Number(line?.split(':')[1].trim().split(/\s+/)[1]);
  }

  async close() {
    await this.near.close();
    await this.far.close();
  }
}

/**
 * @param {import('etherconn/testing').Namespace} namespace
 * @param {string} name
 * @param {string} address
 * @param {string} mac
 */
function setNeighbor(namespace, name, address, mac) {
  namespace.run('ip', 'neighbor', 'replace', address, 'lladdr', mac, 'dev', name, 'nud', 'permanent');
}
