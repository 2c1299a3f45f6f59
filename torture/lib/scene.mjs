import { EtherConn, Host, RUDPConn } from 'etherconn';
import { checkConn, checkHost, checkRelay } from './ledgers.mjs';
import { FAR, holdings, interfaceState, Wire } from './wire.mjs';

export const HOST_MAC = '02:00:00:00:00:05';
export const HOST_ADDRESS = '10.9.0.5';
const CONN_MAC = '02:00:00:00:00:06';
const PEER_ADDRESS = '10.9.0.250';

/**
 * Something to do a fault to: a relay with a host and a conn at the far end, a peer at the near one. What the process
 * held before is compared with what it holds when all is closed.
 */
export class Scene {
  part;
  wire;
  /** @type {any} */
  relay;
  /** @type {any} */
  host;
  /** @type {any} */
  conn;
  /** @type {any} */
  peer;
  #before;

  /**
   * @param {import('./part.mjs').Part} part
   * @param {{ wire: Wire, relay?: any }} options
   */
  static async open(part, { wire, relay = {} }) {
    const scene = new Scene();
    scene.part = part;
    scene.wire = wire;
    scene.#before = holdings();
    scene.relay = await wire.relay('far', relay);
    scene.relay.on('error', () => {});
    scene.host = Host.createNow(scene.relay, {
      mac: HOST_MAC,
      addresses: [`${HOST_ADDRESS}/24`],
      detectDuplicates: 'off',
    });
    scene.host.on('conflict', () => {});
    scene.conn = new RUDPConn(
      { address: '10.9.0.6', port: 7 },
      new EtherConn(CONN_MAC, scene.relay, [0x0800]),
      {
        resolveNextHop: () => '02:00:00:00:01:01',
      },
    );
    scene.peer = Host.createNow(await wire.attacker(), {
      mac: '02:00:00:00:01:01',
      addresses: [`${PEER_ADDRESS}/24`],
      detectDuplicates: 'off',
    });
    return scene;
  }

  /**
   * Both directions work.
   * @param {string} when
   */
  async works(when) {
    const { part } = this;
    let error;
    for (let tries = 0; tries < 5; tries++) {
      error = await this.peer.ping(HOST_ADDRESS, { timeout: 1000 }).then(
        () => undefined,
        (failure) => failure,
      );
      if (error === undefined) break;
    }
    part.check(error === undefined, `${when}: the host does not answer: ${error}`);
    if (error === undefined) {
      error = await this.host.ping(PEER_ADDRESS, { timeout: 5000 }).then(
        () => undefined,
        (failure) => failure,
      );
      part.check(error === undefined, `${when}: the host reaches nobody: ${error}`);
    }
    checkRelay(part, this.relay);
    checkHost(part, this.host);
    checkConn(part, this.conn);
  }

  /**
   * Closes everything; whatever was opened is given back.
   * @param {{ interfaceIsThere?: boolean }} [options]
   */
  async close({ interfaceIsThere = true } = {}) {
    const { part, wire } = this;
    await this.peer.close();
    await this.conn.close();
    await this.host.close();
    await this.relay.close();
    await wire.closeRelays();
    if (interfaceIsThere && wire.far !== undefined) {
      const { program, promiscuity } = interfaceState(wire.far, FAR);
      part.equal(program, false, 'after close a program is left');
      part.equal(promiscuity, 0, 'after close, promiscuity');
    }
    this.given('after close');
  }

  /** @param {string} when */
  given(when) {
    const after = holdings();
    this.part.equal(after.descriptors, this.#before.descriptors, `${when}, descriptors`);
    this.part.equal(after.rings, this.#before.rings, `${when}, mapped rings`);
  }
}

/**
 * Does a fault over and over: each time to a scene of its own, on a wire of its own every now and then.
 * @param {import('./part.mjs').Part} part
 * @param {(scene: Scene) => Promise<{ interfaceIsThere?: boolean } | void>} fault
 * @param {{ queues?: number, relay?: any }} [options]
 */
export async function overAndOver(part, fault, { queues = 1, relay = {} } = {}) {
  // What the first of a kind loads stays.
  await once(part, async () => {}, queues, relay);
  do {
    await once(part, fault, queues, relay);
    part.count('times');
  } while (part.goesOn);
}

async function once(part, fault, queues, relay) {
  const wire = await Wire.open(part.engine, { queues });
  try {
    const scene = await Scene.open(part, { wire, relay });
    await scene.works('before');
    await scene.close((await fault(scene)) ?? {});
  } finally {
    await wire.close();
  }
}
