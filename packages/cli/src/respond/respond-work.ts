import { type EthernetResponse, L2Endpoint, type L2EndpointKey, type Registration } from 'etherconn';
import { DHCPV4_SERVER_PORT, EtherType, IpProtocol } from 'etherconn/wire';
import { DhcpServer, type DhcpServerPlan } from '../dhcp/server/dhcp-server.ts';
import { Delta } from '../metrics/delta.ts';
import type { Client } from '../runner/client.ts';
import { countedRun } from '../runner/counted-run.ts';
import type { Engine } from '../runner/engine.ts';
import type { Work } from '../runner/work.ts';
import type { AddressSet } from './address-set.ts';
import { EchoMachine } from './echo.ts';

export interface RespondPlan {
  readonly mac: Uint8Array;
  /** VLANs that it is in; an empty list for untagged frames. */
  readonly vlans: readonly (readonly number[])[];
  /** Addresses that it answers ARP, neighbor discovery and ping for. */
  readonly addresses: AddressSet;
  /** Sends datagrams to these back. */
  readonly echo: boolean;
  readonly dhcp?: DhcpServerPlan;
  /** Milliseconds; undefined to go on until interrupted. */
  readonly duration?: number | undefined;
}

/** Bytes of the frame check sequence, which frame sizes count and links do not. */
const FCS = 4;
/** Milliseconds between two looks at what has expired. */
const LOOK_EVERY = 1000;

/** `respond`: one run of a responder. */
export function respondWork(engine: Engine, plan: RespondPlan): Work {
  const { duration } = plan;
  const responder = new Responder(engine, plan);
  return {
    flows: 0,
    notes: [],
    async run(onSecond, signal) {
      const { total, length, interrupted } = await countedRun(engine, {
        clients: [responder],
        signal,
        duration,
        onSecond,
      });
      return {
        total,
        length,
        interrupted: interrupted && duration !== undefined && length < duration,
        sends: true,
        receives: true,
        jitter: Number.NaN,
        flows: [],
        responder: responder.result(),
      };
    },
    async close() {
      responder.stop();
    },
  };
}

class Responder implements Client {
  readonly #machine: EchoMachine;
  readonly #server: DhcpServer | null;
  readonly #registration: Registration;
  readonly #counts = new Map<string, number>();
  #delta = new Delta();

  constructor({ relay, clock }: Engine, { mac, vlans, addresses, echo, dhcp }: RespondPlan) {
    this.#machine = new EchoMachine(mac, addresses, echo);
    this.#server = dhcp === undefined ? null : new DhcpServer(dhcp, () => clock.now());
    const etherTypes = [EtherType.IPV4, EtherType.ARP, EtherType.IPV6];
    const keys: L2EndpointKey[] = vlans.flatMap((ids) =>
      etherTypes.map((type) => new L2Endpoint(mac, type, [...ids]).getKey()),
    );
    this.#registration = relay.register(keys, { multicast: true, exclusive: true });
    this.#registration.receive((response) => this.#receive(response));
  }

  start(now: number): number {
    return now + LOOK_EVERY;
  }

  tick(now: number): number {
    this.#server?.expire();
    return now + LOOK_EVERY;
  }

  counters(into: Delta): void {
    into.merge(this.#delta);
    this.#delta = new Delta();
  }

  stop(): void {
    this.#registration.close();
  }

  result() {
    const server = this.#server;
    const counts = Object.fromEntries([...this.#counts, ...(server?.counts ?? [])]);
    if (server === null) return { counts };
    const { bound: held, free } = server.pool;
    return { counts, leases: { held, free } };
  }

  #receive(response: EthernetResponse): void {
    const { etherBytes } = response;
    this.#delta.add('received', 1);
    this.#delta.add('expected', 1);
    this.#delta.add('receivedBytes', etherBytes.length + FCS);
    const answer = response.truncated ? null : this.#answer(response);
    if (answer === null) return;
    // Without room it is lost, as on a wire: who asks asks again.
    if (this.#registration.trySend(answer) === 1) {
      this.#delta.add('sent', 1);
      this.#delta.add('sentBytes', answer.length + FCS);
    } else this.#delta.add('noRoom', 1);
  }

  #answer(response: EthernetResponse): Uint8Array | null {
    const { protocol, localPort, transportPayloadBytes, remoteEndpoint, localEndpoint } = response;
    if (this.#server !== null && protocol === IpProtocol.UDP && localPort === DHCPV4_SERVER_PORT)
      return transportPayloadBytes === null
        ? null
        : this.#server.answer(transportPayloadBytes, {
            mac: remoteEndpoint.hwAddr,
            vlans: localEndpoint.vlans.map((id) => ({ id })),
          });
    const answer = this.#machine.answer(response.etherBytes);
    const { kind } = this.#machine;
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
    return answer;
  }
}
