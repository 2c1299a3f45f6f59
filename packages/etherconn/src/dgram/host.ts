import { Host as CoreHost } from '../host/host.ts';
import { type NetModule, netModule } from '../net/net-module.ts';
import { type DgramModule, dgramModule } from './socket-class.ts';

/**
 * A complete machine on a relay, with sockets.
 *
 * ```ts
 * const socket = host.dgram.createSocket('udp4');
 * socket.send('hello', 53, '10.0.0.1');
 * const connection = host.net.connect(80, '10.0.0.1');
 * ```
 */
export class Host extends CoreHost {
  #dgram: DgramModule | null = null;
  #net: NetModule | null = null;

  /** This host's counterpart of the module node:dgram: `{ createSocket, Socket }`. */
  get dgram(): DgramModule {
    this.#dgram ??= dgramModule(this);
    return this.#dgram;
  }

  /** This host's counterpart of the module node:net: `{ connect, createServer, Socket, Server … }`. */
  get net(): NetModule {
    this.#net ??= netModule(this);
    return this.#net;
  }
}
