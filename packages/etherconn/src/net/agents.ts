import http from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import type tls from 'node:tls';
import { connectSocket, type NetMaker } from './socket.ts';
import { connectTls } from './tls-connect.ts';

/** What undici asks of a `connect` option. */
export interface ConnectorOptions {
  hostname: string;
  host?: string;
  protocol: string;
  port: string | number;
  servername?: string | null;
  localAddress?: string | null;
}

export type ConnectorCallback = (
  ...args: [error: null, socket: Socket] | [error: Error, socket: null]
) => void;

/** A function for the option `connect` of undici's Agent, Pool and Client. */
export type Connector = (options: ConnectorOptions, callback: ConnectorCallback) => Socket;

type Options = Record<string, unknown>;

class HostAgent extends http.Agent {
  readonly #maker: NetMaker;

  constructor(maker: NetMaker, options?: http.AgentOptions) {
    super(options);
    this.#maker = maker;
  }

  override createConnection(...args: unknown[]): Socket {
    return connectSocket(this.#maker, args);
  }
}

class HostSecureAgent extends https.Agent {
  readonly #maker: NetMaker;

  constructor(maker: NetMaker, options?: https.AgentOptions) {
    super(options);
    this.#maker = maker;
  }

  override createConnection(...[options]: [options: Options, ...unknown[]]): Socket {
    const { _agentKey: key } = options as { _agentKey?: string };
    const session = key === undefined ? undefined : this.#cache._getSession(key);
    const socket = connectTls(this.#maker, session === undefined ? options : { session, ...options });
    if (key === undefined) return socket;
    // As Node's own agents: the next connection to there resumes the session, unless this one fails.
    socket.on('session', (made) => this.#cache._cacheSession(key, made));
    socket.once('close', (hadError) => {
      if (hadError) this.#cache._evictSession(key);
    });
    return socket;
  }

  get #cache(): SessionCache {
    return this as unknown as SessionCache;
  }
}

/** The cache of TLS sessions of Node's https.Agent. */
interface SessionCache {
  _getSession(key: string): Buffer | undefined;
  _cacheSession(key: string, session: Buffer): void;
  _evictSession(key: string): void;
}

/** An agent for node:http whose connections are those of a host. */
export function httpAgent(maker: NetMaker, options?: http.AgentOptions): http.Agent {
  return new HostAgent(maker, options);
}

/** The same for node:https. */
export function httpsAgent(maker: NetMaker, options?: https.AgentOptions): https.Agent {
  return new HostSecureAgent(maker, options);
}

/** Milliseconds that a connection may take, as with undici's own connector. */
const CONNECT_TIMEOUT = 10_000;

/** A `connect` for undici; `options` are those of `tls.connect`. */
export function undiciConnector(maker: NetMaker, options: tls.ConnectionOptions = {}): Connector {
  const { ALPNProtocols = ['http/1.1'], timeout = CONNECT_TIMEOUT, ...rest } = options;
  return ({ hostname, protocol, port, servername, localAddress }, callback) => {
    const isSecure = protocol === 'https:';
    const common: Options = {
      ...rest,
      host: hostname,
      port: port || (isSecure ? 443 : 80),
      ...(localAddress ? { localAddress } : {}),
    };
    const tlsOptions = { ...common, ALPNProtocols, servername: servername || rest.servername };
    const socket = isSecure ? connectTls(maker, tlsOptions) : connectSocket(maker, [common]);
    socket.setNoDelay(true);
    const timer = maker
      .host()
      .clock.setTimer(() => socket.destroy(timedOut(hostname, timeout)), timeout, true);
    const finish = (error: Error | null): void => {
      timer.cancel();
      socket.removeListener('error', finish);
      if (error) callback(error, null);
      else callback(null, socket);
    };
    socket.once('error', finish);
    socket.once(isSecure ? 'secureConnect' : 'connect', () => finish(null));
    return socket;
  };
}

function timedOut(host: string, timeout: number): Error {
  const error = new Error(`Connect Timeout Error (attempted address: ${host}, timeout: ${timeout}ms)`);
  return Object.assign(error, { name: 'ConnectTimeoutError', code: 'UND_ERR_CONNECT_TIMEOUT' });
}
