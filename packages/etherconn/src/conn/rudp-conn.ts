import { ClosedError, OptionError } from '../errors.ts';
import { checkBoolean, checkKnown, show } from '../options.ts';
import { EtherConn } from './ether-conn.ts';
import { toUdpAddress, type UdpAddress } from './udp-address.ts';
import { UDP_CONN_OPTIONS, type UdpConnOptions, UdpEndpoint } from './udp-endpoint.ts';

/** Options of an RUDPConn. */
export interface RUDPConnOptions extends UdpConnOptions {
  /** Accepts every UDP datagram that reaches the EtherConn, for any address and port (Go: WithAcceptAny). Default false. */
  acceptAny?: boolean;
}

/**
 * Sends and receives UDP datagrams with one IP address and port over its own EtherConn. The operating system need
 * not have the address. 0.0.0.0 and :: receive datagrams for any address. Closing the conn closes the EtherConn.
 */
export class RUDPConn extends UdpEndpoint {
  readonly #conn: EtherConn;

  /** Receives in place of `conn`. Throws InUseError if `conn` already has an RUDPConn. */
  constructor(source: UdpAddress, conn: EtherConn, options: RUDPConnOptions = {}) {
    const local = toUdpAddress('source', source);
    if (!(conn instanceof EtherConn))
      throw new OptionError('conn', `must be an EtherConn, got ${show(conn)}`);
    checkKnown(options, [...UDP_CONN_OPTIONS, 'acceptAny']);
    super(local, conn, conn.writer, options, checkBoolean('acceptAny', options.acceptAny, false));
    this.#conn = conn;
    this.openAbove(conn, () => conn.attach(this));
  }

  /** Closes this conn and its EtherConn. */
  async close(): Promise<void> {
    this.shutdown(new ClosedError('conn'));
    await this.#conn.close();
  }
}
