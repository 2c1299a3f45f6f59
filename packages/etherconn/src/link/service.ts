import type { Link } from './link.ts';

/** Options of `registerService`. */
export interface ServiceOptions {
  /**
   * One of the machine's own IP addresses: text, 4 or 16 bytes. The kernel answers ARP and neighbor discovery for
   * it.
   */
  address: string | Uint8Array;
  /** UDP port, 1 to 65,535. */
  port: number;
  /**
   * Reserves the port with a kernel socket that receives nothing, so that no other program gets it. Default true.
   * With false, it is not checked whether the address is the machine's or whether another program has the port; the
   * service then receives the datagrams of that program.
   */
  reserve?: boolean;
}

/** A UDP service on the interface's own address, see {@link KernelRelay.registerService}. */
export interface Service {
  /** Canonical text. */
  readonly address: string;
  readonly port: number;
  readonly closed: boolean;
  /**
   * For the option `resolveNextHop` of conns. Returns the MAC address to which the kernel would send, by its routes
   * and neighbors. The kernel resolves unknown neighbors. Returns null if there is no route, or no answer within 4
   * s.
   */
  readonly resolveNextHop: (address: string) => Uint8Array | null | Promise<Uint8Array | null>;
  /** Closes the service. The kernel receives the datagrams again. Harmless when repeated. */
  close(): void;
}

/** A link to an interface of the machine, which has addresses: UDP services on them may be had. */
export interface ServiceLink extends Link {
  readonly services: {
    /** See {@link KernelRelay.registerService}. They end with the link. */
    register(options: ServiceOptions): Service;
  };
}
