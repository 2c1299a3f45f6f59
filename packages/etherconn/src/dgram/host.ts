import type http from 'node:http';
import type https from 'node:https';
import type net from 'node:net';
import type tls from 'node:tls';
import { Host as CoreHost } from '../host/host.ts';
import { type Connector, httpAgent, httpsAgent, undiciConnector } from '../net/agents.ts';
import { type ModuleMaker, type NetModule, netMaker, netModule } from '../net/net-module.ts';
import { listenOnHost } from '../net/server.ts';
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
  #maker: ModuleMaker | null = null;
  #net: NetModule | null = null;

  /** This host's counterpart of the module node:dgram: `{ createSocket, Socket }`. */
  get dgram(): DgramModule {
    this.#dgram ??= dgramModule(this);
    return this.#dgram;
  }

  /** This host's counterpart of the module node:net: `{ connect, createServer, Socket, Server … }`. */
  get net(): NetModule {
    this.#net ??= netModule(this.#netMaker);
    return this.#net;
  }

  /** Returns an agent for node:http whose connections are the host's. Options are those of `http.Agent`. */
  agent(options: http.AgentOptions = {}): http.Agent {
    return httpAgent(this.#netMaker, options);
  }

  /** Returns an agent for node:https whose connections are the host's. Options are those of `https.Agent`. */
  secureAgent(options: https.AgentOptions = {}): https.Agent {
    return httpsAgent(this.#netMaker, options);
  }

  /**
   * Returns a function for the option `connect` of undici's Agent, Pool and Client. Options are those of `tls.connect`;
   * `timeout` is how long a connection may take, in milliseconds (default 10,000).
   */
  connector(options: tls.ConnectionOptions = {}): Connector {
    return undiciConnector(this.#netMaker, options);
  }

  /**
   * Makes a server of Node's (an http.Server, https.Server, tls.Server, http2 server, net.Server) listen on this host.
   * The arguments behind the server are those of its `listen`. Returns the server.
   */
  listen<T extends net.Server>(server: T, ...args: unknown[]): T {
    listenOnHost(server, this.#netMaker, args);
    return server;
  }

  get #netMaker(): ModuleMaker {
    this.#maker ??= netMaker(this);
    return this.#maker;
  }
}
