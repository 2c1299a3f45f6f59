import type { Link } from './link.ts';

/** Options of `registerService`. */
export interface ServiceOptions {
  /** One of the machine's own IP addresses, text or 4 or 16 bytes: the kernel answers ARP and ND for it. */
  address: string | Uint8Array;
  /** UDP port, 1 to 65,535. */
  port: number;
  /**
   * Hold the port by a socket of the kernel's that takes nothing, so that no other program gets it. Default true. With
   * false it is not asked whether the address is the machine's, nor whether somebody has the port: his datagrams come
   * here then.
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
   * For the option `resolveNextHop` of conns: the MAC address to which the kernel would send, by its routes and
   * neighbors. A neighbor that it does not know is asked for by the kernel; null when there is no way there, or no
   * answer within 4 s.
   */
  readonly resolveNextHop: (address: string) => Uint8Array | null | Promise<Uint8Array | null>;
  /** The datagrams are the kernel's again. Harmless when repeated. */
  close(): void;
}

/** A link to an interface of the machine, which has addresses: UDP services on them may be had. */
export interface ServiceLink extends Link {
  readonly services: {
    /** See {@link KernelRelay.registerService}. They end with the link. */
    register(options: ServiceOptions): Service;
  };
}
