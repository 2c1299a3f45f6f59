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
 * Sends and receives UDP datagrams from one IP address and port over a SharedEtherConn, beside others. Closing
 * it frees its key and leaves the shared conn open.
 */
export class SharedRUDPConn extends UdpEndpoint {
  readonly #lower: SharedLower;
  readonly #key: L4HashKey;

  /**
   * Throws InUseError when the address and port are taken on this conn. Over a SharedEthernetConn that is neither a
   * SharedEtherConn nor a Host, a packet that it fails to send makes the next write fail.
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

  /** Frees the address and port. */
  async close(): Promise<void> {
    if (this.closed) return;
    this.#lower.release(this.#key, this);
    this.shutdown(new ClosedError('conn'));
  }
}
