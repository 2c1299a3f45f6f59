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
 * Sends and receives UDP datagrams from one IP address and port over an EtherConn of its own. The address need
 * not exist in the operating system; 0.0.0.0 and :: receive what is sent to any address. Closing it closes the
 * EtherConn.
 */
export class RUDPConn extends UdpEndpoint {
  readonly #conn: EtherConn;

  /** Takes over what `conn` receives. Throws InUseError when it has an RUDPConn already. */
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
