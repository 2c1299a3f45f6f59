import type { TestContext } from 'node:test';
import type { SystemError } from '../errors.ts';
import { Host } from '../host/host.ts';
import type { HostOptions } from '../host/host-options.ts';
import type { UdpPort, UdpPortOptions, UdpPortUser } from '../host/udp/udp-port.ts';
import type { MemoryNetworkOptions } from '../link/memory/memory-network.ts';
import { type BatchStore, destinationOffset, Field, sourceOffset } from '../relay/batch-store.ts';
import { MemoryNetwork, type MemoryRelay, type MemoryRelayOptions } from '../relay/memory-relay.ts';
import { formatIp, parseIp } from '../wire/ip.ts';

/** A datagram that a {@link PortUser} has been given. */
export interface TakenDatagram {
  readonly data: Buffer;
  readonly from: string;
  readonly fromPort: number;
  readonly to: string;
}

/** Owner of a UDP port that notes what happens to it. */
export class PortUser implements UdpPortUser {
  /** What has come, in batches as it came. */
  readonly batches: TakenDatagram[][] = [];
  readonly errors: SystemError[] = [];
  closed: Error | null = null;

  batchEnd(store: BatchStore, head: number, _count: number): void {
    const { words } = store;
    const { u8 } = store.memory!;
    const batch: TakenDatagram[] = [];
    for (let at = head; at >= 0; at = words[at + Field.NEXT]) {
      const version = (words[at + Field.KINDS] & 0xf) as 4 | 6;
      batch.push({
        data: Buffer.from(u8.subarray(words[at + Field.PAYLOAD], words[at + Field.PAYLOAD_END])),
        from: formatIp(u8, sourceOffset(words, at), version),
        fromPort: words[at + Field.PORTS] >>> 16,
        to: formatIp(u8, destinationOffset(words, at), version),
      });
    }
    this.batches.push(batch);
  }

  missed(): void {}

  failed(error: SystemError): void {
    this.errors.push(error);
  }

  hostClosed(error: Error): void {
    this.closed = error;
  }

  /** All datagrams. */
  get taken(): TakenDatagram[] {
    return this.batches.flat();
  }

  /** All datagrams' payloads, as text. */
  get texts(): string[] {
    return this.taken.map(({ data }) => data.toString());
  }
}

/** A port of a host with its user, for tests that send and receive by text. */
export class TestPort {
  readonly user: PortUser = new PortUser();
  readonly port: UdpPort;

  constructor(host: Host, options: Partial<UdpPortOptions> = {}) {
    this.port = host.openUdpPort(this.user, { version: 4, ...options });
  }

  /** Binds; '' for every address. */
  bind(address: string, port = 0): this {
    this.port.bind(address === '' ? this.#any() : parseIp(address), port);
    return this;
  }

  connect(address: string, port: number): this {
    this.port.connect(parseIp(address), port, '');
    return this;
  }

  /** Sends a payload once; 1, or 0 when there is no room. */
  send(payload: string | Uint8Array, address: string, port: number): 0 | 1 {
    const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload;
    return this.port.destination(parseIp(address), port, '').trySend(bytes, 0, bytes.length);
  }

  #any(): Uint8Array {
    return new Uint8Array(this.port.version === 4 ? 4 : 16);
  }
}

/** A network of hosts, each on a relay of its own. */
export class HostNetwork {
  readonly network: MemoryNetwork;
  readonly #relayOptions: MemoryRelayOptions;

  /** Closes everything behind the test. Time is virtual unless said otherwise. */
  constructor(
    t: TestContext,
    networkOptions: MemoryNetworkOptions = {},
    relayOptions: MemoryRelayOptions = {},
  ) {
    this.network = new MemoryNetwork({ time: 'virtual', ...networkOptions });
    this.#relayOptions = relayOptions;
    t.after(async () => {
      for (const relay of this.#relays) await relay.close();
      await this.network.close();
    });
  }

  readonly #relays: MemoryRelay[] = [];

  relay(options: MemoryRelayOptions = {}): MemoryRelay {
    const relay = this.network.relay({ ...this.#relayOptions, ...options });
    this.#relays.push(relay);
    return relay;
  }

  /** Host number `n`: 02:00:00:00:00:0n, 10.0.0.n/24 and 2001:db8::n/64 unless said otherwise. */
  host(n: number, options: HostOptions = {}): Host {
    return Host.createNow(this.relay(), {
      mac: `02:00:00:00:00:${n.toString(16).padStart(2, '0')}`,
      addresses: [`10.0.0.${n}/24`, `2001:db8::${n.toString(16)}/64`],
      detectDuplicates: 'off',
      ...options,
    });
  }

  /** Lets everything happen that needs no time. */
  settle(): Promise<void> {
    return this.network.virtualClock.settle();
  }

  /** Lets time pass, in milliseconds. */
  advance(ms: number): Promise<void> {
    return this.network.virtualClock.advance(ms);
  }
}
