import { once } from 'node:events';
import { type Batch, type DgramSocket, type PacketRelay, SharedRUDPConn, type UdpPeer } from 'etherconn';
import { type Station, type StationOptions, Stations } from '../runner/stations.ts';
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

/** The receiving side: hosts with a socket for each of their ports, on all of a host's addresses. */
export class Targets {
  readonly #stations: Stations;
  readonly #sockets = new Map<string, DgramSocket>();

  private constructor(stations: Stations) {
    this.#stations = stations;
  }

  static async open(
    relay: PacketRelay,
    targets: readonly Target[],
    options: StationOptions & { readonly version: 4 | 6 },
    listener: BatchListener,
  ): Promise<Targets> {
    const opened = new Targets(new Stations(relay, targets, options));
    try {
      for (const target of targets) {
        const key = `${target.mac} ${target.vlans.join('.')} ${target.port}`;
        if (opened.#sockets.has(key)) continue;
        const socket = opened.#stations
          .host(target)
          .dgram.createSocket(options.version === 4 ? 'udp4' : 'udp6');
        opened.#sockets.set(key, socket);
        socket.bind(target.port);
      }
      await Promise.all([...opened.#sockets.values()].map((socket) => once(socket, 'listening')));
      opened.listen(listener);
    } catch (error) {
      await opened.close();
      throw error;
    }
    return opened;
  }

  get hosts(): number {
    return this.#stations.size;
  }

  listen(listener: BatchListener): void {
    for (const socket of this.#sockets.values()) socket.onBatch(listener);
  }

  async close(): Promise<void> {
    await this.#stations.close();
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

/** The sending side: hosts, a conn for each address and port, and a peer for each flow. */
export class Sources {
  readonly peers: readonly UdpPeer[];
  readonly #stations: Stations;
  readonly #conns = new Map<string, SharedRUDPConn>();

  /** @param nextHop MAC address of each flow's next hop */
  constructor(
    relay: PacketRelay,
    flows: readonly Flow[],
    options: StationOptions,
    nextHop: (flow: Flow) => string,
  ) {
    this.#stations = new Stations(relay, flows, options);
    this.peers = flows.map((flow) => {
      const key = `${flow.mac} ${flow.vlans.join('.')} ${flow.address} ${flow.port}`;
      let conn = this.#conns.get(key);
      if (conn === undefined) {
        const local = { address: flow.address, port: flow.port };
        // Flows of one conn may have different next hops: each asks when its peer is made, which is now.
        conn = new SharedRUDPConn(local, this.#stations.host(flow), {
          resolveNextHop: () => nextHop(this.#asking),
        });
        this.#conns.set(key, conn);
      }
      this.#asking = flow;
      return conn.peer({ address: flow.toAddress, port: flow.toPort });
    });
  }

  #asking!: Flow;

  /** For answers. */
  listen(listener: BatchListener): void {
    for (const conn of this.#conns.values()) conn.onBatch(listener);
  }

  async close(): Promise<void> {
    await this.#stations.close();
  }
}
