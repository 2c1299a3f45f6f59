import { once } from 'node:events';
import { type Batch, type DgramSocket, SharedRUDPConn, type UdpPeer } from 'etherconn';
import type { Station, Stations } from '../runner/stations.ts';
import type { Flow } from '../scenario/flow-plan.ts';

export type BatchListener = (batch: Batch) => void;

/** Answers every datagram with itself. */
export const echo: BatchListener = (batch) => {
  while (batch.next()) {
    const at = batch.payloadOffset;
    batch.reply(batch.u8.subarray(at, at + batch.payloadLength));
  }
};

/** A station with a port that receives. */
export interface Target extends Station {
  readonly port: number;
}

/** The receiving side: a socket for each port of a host, on all of the host's addresses. */
export class Targets {
  readonly #sockets = new Map<string, DgramSocket>();

  /** @param stations the stations of all targets */
  static async open(
    stations: Stations,
    targets: readonly Target[],
    version: 4 | 6,
    listener: BatchListener,
  ): Promise<Targets> {
    const opened = new Targets();
    for (const target of targets) {
      const key = `${target.mac} ${target.vlans.join('.')} ${target.port}`;
      if (opened.#sockets.has(key)) continue;
      const socket = stations.host(target).dgram.createSocket(version === 4 ? 'udp4' : 'udp6');
      opened.#sockets.set(key, socket);
      socket.bind(target.port);
    }
    await Promise.all([...opened.#sockets.values()].map((socket) => once(socket, 'listening')));
    opened.listen(listener);
    return opened;
  }

  listen(listener: BatchListener): void {
    for (const socket of this.#sockets.values()) socket.onBatch(listener);
  }
}

/** The stations that flows go to. */
export function targetsOf(flows: readonly Flow[], macOf: (address: string) => string): Target[] {
  const targets = new Map<string, Target>();
  for (const { vlans, toAddress, toPort, toMac } of flows) {
    const mac = toMac ?? macOf(toAddress);
    targets.set(`${mac} ${vlans.join('.')} ${toAddress} ${toPort}`, {
      mac,
      vlans,
      address: toAddress,
      port: toPort,
    });
  }
  return [...targets.values()];
}

/** A flow with its next hop; null if nobody answered. */
export type ReadyFlow = Omit<Flow, 'toMac'> & { readonly toMac: string | null };

/** The sending side: a conn for each address and port of a host, and a peer for each flow. */
export class Sources {
  /** In the order of the flows; null for one without a next hop. */
  readonly peers: readonly (UdpPeer | null)[];
  readonly #conns = new Map<string, SharedRUDPConn>();

  /** @param stations the stations of the sources of all flows */
  constructor(stations: Stations, flows: readonly ReadyFlow[]) {
    this.peers = flows.map((flow) => {
      if (flow.toMac === null) return null;
      const key = `${flow.mac} ${flow.vlans.join('.')} ${flow.address} ${flow.port}`;
      let conn = this.#conns.get(key);
      if (conn === undefined) {
        const local = { address: flow.address, port: flow.port };
        // Flows of one conn may have different next hops. A flow looks its own up when its peer is created, which is now.
        conn = new SharedRUDPConn(local, stations.host(flow), { resolveNextHop: () => this.#asking.toMac });
        this.#conns.set(key, conn);
      }
      this.#asking = flow;
      return conn.peer({ address: flow.toAddress, port: flow.toPort });
    });
  }

  #asking!: ReadyFlow;

  /** For answers. */
  listen(listener: BatchListener): void {
    for (const conn of this.#conns.values()) conn.onBatch(listener);
  }
}
