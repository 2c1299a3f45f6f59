import { ClosedError } from '../errors.ts';
import { checkKnown } from '../options.ts';
import { IpProtocol } from '../wire/protocol.ts';
import { ForeignEthernet } from './foreign-ethernet.ts';
import { L4HashKey } from './l4-hash-key.ts';
import { isSharedLower, type SharedEthernetConn, type SharedLower } from './shared-ethernet.ts';
import { toUdpAddress, type UdpAddress } from './udp-address.ts';
import { UDP_CONN_OPTIONS, type UdpConnOptions, UdpEndpoint } from './udp-endpoint.ts';
import { Writer } from './writer.ts';

/**
 * Sends and receives UDP datagrams with one IP address and port over a SharedEtherConn, as one of many. Closing it
 * releases its key and leaves the shared conn open.
 */
export class SharedRUDPConn extends UdpEndpoint {
  readonly #lower: SharedLower;
  readonly #key: L4HashKey;

  /**
   * Throws InUseError if the address and port have an owner on this conn. If a SharedEthernetConn that is neither a
   * SharedEtherConn nor a Host fails to send a packet, the next write fails.
   */
  constructor(source: UdpAddress, conn: SharedEthernetConn, options: UdpConnOptions = {}) {
    const local = toUdpAddress('source', source);
    checkKnown(options, UDP_CONN_OPTIONS);
    const lower = isSharedLower(conn) ? conn : new ForeignEthernet(conn);
    super(local, lower, new Writer(lower.carrier), options, false);
    this.#lower = lower;
    this.#key = new L4HashKey(local.bytes, IpProtocol.UDP, local.port);
    this.openAbove(lower, () => lower.claim(this.#key, this));
  }

  /** Releases the address and port. */
  async close(): Promise<void> {
    if (this.closed) return;
    this.#lower.release(this.#key, this);
    this.shutdown(new ClosedError('conn'));
  }
}
