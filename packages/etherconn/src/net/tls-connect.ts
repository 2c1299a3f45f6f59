import type { Socket } from 'node:net';
import tls from 'node:tls';
import { normalizeArguments } from './node-net.ts';
import { connectSocket, type NetMaker } from './socket.ts';

/** `tls.connect` as it was when this was loaded. */
const { connect: connectOfNode } = tls;

type Options = Record<string, unknown>;

/** What of the options of a TLS connection the connection below it is told. */
const BELOW = [
  'port',
  'host',
  'family',
  'hints',
  'lookup',
  'localAddress',
  'localPort',
  'autoSelectFamily',
  'autoSelectFamilyAttemptTimeout',
  'allowHalfOpen',
  'noDelay',
  'keepAlive',
  'keepAliveInitialDelay',
  'blockList',
] as const;

/** `tls.connect` over a socket of a host. What names a socket or a path is left to Node. */
export function connectTls(maker: NetMaker, ...args: unknown[]): tls.TLSSocket {
  const [base, callback] = normalizeArguments(args);
  // connect(port, host, options) and connect(port, options).
  const more = [args[1], args[2]].find((one) => typeof one === 'object' && one !== null);
  const options: Options = { ...base, ...(more as Options | undefined) };
  if (options.socket || options.path) return connectOfNode(options as never, callback ?? undefined);
  // What Node throws for wrong options, it throws before there is a connection.
  const secureContext = options.secureContext ?? tls.createSecureContext(options);
  const below: Options = {};
  for (const name of BELOW) if (options[name] !== undefined) below[name] = options[name];
  const socket = connectSocket(maker, [below]);
  const secured = secure(socket, { ...options, secureContext }, callback);
  // It may end before it has to do with its connection: by a signal that was aborted before.
  if (options.signal) secured.once('close', () => socket.destroy());
  // With a socket of its own, Node sets it itself.
  if (typeof options.timeout === 'number' && options.timeout > 0) secured.setTimeout(options.timeout);
  return secured;
}

function secure(socket: Socket, options: Options, callback: (() => void) | null): tls.TLSSocket {
  try {
    return connectOfNode({ ...options, socket } as never, callback ?? undefined);
  } catch (error) {
    socket.destroy();
    throw error;
  }
}
