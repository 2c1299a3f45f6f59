import { OptionError } from '../errors.ts';
import { requireInteger, show } from '../options.ts';
import { EthernetResponse } from '../relay/ethernet-response.ts';
import { formatIp, parseIp, toIpv6Bytes } from '../wire/ip.ts';
import { IpProtocol } from '../wire/protocol.ts';
import { toIpBytes, toUdpAddress, type UdpAddress } from './udp-address.ts';

/**
 * Identifies a transport endpoint by 19 bytes: the IP address (16 bytes, IPv4 in its mapped form ::ffff:a.b.c.d),
 * the IP protocol, and the port in big endian. Protocols without ports have port 0. Go: L4HashKey.
 */
export class L4HashKey {
  readonly bytes: Uint8Array;

  /** Throws an OptionError: `address` is text, 4 or 16 bytes; `protocol` 0 to 255; `port` 0 to 65535. */
  constructor(address: string | Uint8Array, protocol: number, port: number) {
    requireInteger('protocol', protocol, 0, 255);
    requireInteger('port', port, 0, 65535);
    this.bytes = new Uint8Array(19);
    this.bytes.set(toIpv6Bytes(toIpBytes('address', address)));
    this.bytes[16] = protocol;
    this.bytes[17] = port >> 8;
    this.bytes[18] = port;
  }

  /** The key of a UDP address. Go: NewL4HashKeyWithUDPAddr. */
  static withUDPAddr(address: UdpAddress): L4HashKey {
    const { bytes, port } = toUdpAddress('address', address);
    return new L4HashKey(bytes, IpProtocol.UDP, port);
  }

  /** The key of the receiver of a frame, for any IP protocol. Go: NewL4HashKeyWithEthernet. */
  static withEthernet(response: EthernetResponse): L4HashKey {
    if (!(response instanceof EthernetResponse))
      throw new OptionError('response', `must be an EthernetResponse, got ${show(response)}`);
    const address = response.localIP === null ? new Uint8Array(16) : parseIp(response.localIP);
    return new L4HashKey(address, response.protocol, response.localPort);
  }

  get protocol(): number {
    return this.bytes[16];
  }

  get port(): number {
    return (this.bytes[17] << 8) | this.bytes[18];
  }

  /** Address, protocol and port: '10.0.0.1|17|53'. */
  toString(): string {
    const address = formatIp(this.bytes, 0, 6).replace(/^::ffff:(?=\d+\.)/, '');
    return `${address}|${this.protocol}|${this.port}`;
  }

  equals(other: L4HashKey): boolean {
    return other instanceof L4HashKey && this.bytes.every((byte, i) => byte === other.bytes[i]);
  }
}
