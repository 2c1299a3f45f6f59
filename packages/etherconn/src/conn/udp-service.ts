import { OptionError } from '../errors.ts';
import type { Service } from '../link/service.ts';
import { checkKnown, show } from '../options.ts';
import { KernelRelay } from '../relay/kernel-relay.ts';
import type { RelayRegistration } from '../relay/registration.ts';
import { macHigh, macLow } from '../wire/mac.ts';
import { SharedEtherConn } from './shared-ether-conn.ts';
import { SharedRUDPConn } from './shared-rudp-conn.ts';
import type { UdpAddress } from './udp-address.ts';
import type { UdpConnOptions } from './udp-endpoint.ts';
import { UDP_CONN_OPTIONS } from './udp-options.ts';

/** Options of {@link UdpService.open}. */
export interface UdpServiceOptions extends UdpConnOptions {
  /** Reserves the port at the kernel, see `ServiceOptions.reserve`. Default true. */
  reserve?: boolean;
}

/** The conn on the interface's own MAC address, which the services of a relay share. */
interface Host {
  readonly conn: SharedEtherConn;
  services: number;
  /** Ends following the interface's MAC address. */
  readonly stopFollowing: () => void;
}

const hosts = new WeakMap<KernelRelay, Host>();

/**
 * A UDP server on one of the machine's own addresses that bypasses the kernel. All other traffic of that address
 * stays with the kernel.
 *
 * ```ts
 * const relay = await XDPRelay.open('eth0');
 * const service = await UdpService.open(relay, { address: '10.0.0.2', port: 53 });
 * service.onBatch((batch) => { while (batch.next()) batch.reply(answer(batch)); });
 * ```
 *
 * Answers (`batch.reply`) go to the MAC address that sent the request. Other datagrams go where the kernel would
 * send them, by its routes and neighbors, unless `resolveNextHop` is set.
 */
export class UdpService extends SharedRUDPConn {
  readonly #service: Service;
  readonly #relay: KernelRelay;

  private constructor(relay: KernelRelay, service: Service, host: Host, options: UdpConnOptions) {
    super(service, host.conn, { resolveNextHop: service.resolveNextHop, ...options });
    this.#relay = relay;
    this.#service = service;
  }

  /**
   * Rejects with the errors of `relay.registerService`, and with an InUseError if the own MAC address is already
   * registered.
   */
  static async open(
    relay: KernelRelay,
    address: UdpAddress,
    options: UdpServiceOptions = {},
  ): Promise<UdpService> {
    if (!(relay instanceof KernelRelay)) {
      throw new OptionError('relay', `must be an XDPRelay or a RawSocketRelay, got ${show(relay)}`);
    }
    checkKnown(options, [...UDP_CONN_OPTIONS, 'reserve']);
    const { reserve, ...others } = options;
    const { address: ip, port } = address ?? {};
    const service = relay.registerService({ address: ip, port, ...(reserve !== undefined && { reserve }) });
    try {
      const host = hostOf(relay);
      try {
        const opened = new UdpService(relay, service, host, others);
        host.services++;
        return opened;
      } finally {
        if (host.services === 0) await release(relay, host);
      }
    } catch (error) {
      service.close();
      throw error;
    }
  }

  /** Closes the service. The kernel receives the datagrams again. */
  override async close(): Promise<void> {
    if (this.closed) return;
    this.#service.close();
    await super.close();
    const host = hosts.get(this.#relay);
    if (host !== undefined && --host.services === 0) await release(this.#relay, host);
  }
}

function hostOf(relay: KernelRelay): Host {
  let host = hosts.get(relay);
  if (host === undefined) {
    const conn = new SharedEtherConn(relay.hardwareAddress, relay, [], { exclusive: true });
    host = { conn, services: 0, stopFollowing: followAddress(relay, conn) };
    hosts.set(relay, host);
  }
  return host;
}

/** When somebody changes the interface's MAC address, the conn gets what comes to the new one as well. */
function followAddress(relay: KernelRelay, conn: SharedEtherConn): () => void {
  let moved: RelayRegistration | undefined;
  const stop = relay.onAddress((mac) => {
    moved?.close();
    moved = undefined;
    if (relay.closed || Buffer.compare(mac, conn.macBytes) === 0) return;
    const { vlanKey, etherTypes } = conn;
    moved = relay.addEndpoint(
      [{ macHigh: macHigh(mac), macLow: macLow(mac), vlanKey, etherTypes }],
      false,
      false,
    );
    moved.receiver = conn;
  });
  return () => {
    stop();
    moved?.close();
  };
}

async function release(relay: KernelRelay, host: Host): Promise<void> {
  hosts.delete(relay);
  host.stopFollowing();
  await host.conn.close();
}
