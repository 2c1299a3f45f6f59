import nodeDgram from 'node:dgram';
import { defaultHost, setDefaultHost } from './default-host.ts';
import { type DgramModule, dgramModule } from './socket-class.ts';

/**
 * `etherconn/dgram`: the module node:dgram over a simulated host, for programs and libraries that want a module of its
 * shape. What programs load is common-js.ts.
 */

export { defaultHost, setDefaultHost } from './default-host.ts';
export type { MessageInfo, ReceivedMessageInfo } from './message-info.ts';
export type { OutgoingMessage } from './send-many.ts';
export type { SocketStats } from './socket.ts';
export type {
  DgramModule,
  DgramSocket,
  DgramSocketClass,
  DgramSocketOptions,
  InformedSocket,
} from './socket-class.ts';

/** The default export: what node:dgram exports, and how to choose the host. */
export interface DefaultDgramModule extends DgramModule {
  /** Node's own, deprecated (DEP0112): makes handles of the kernel's, which sockets of a host do not take. */
  _createSocketHandle: unknown;
  defaultHost: typeof defaultHost;
  setDefaultHost: typeof setDefaultHost;
}

const dgram: DefaultDgramModule = {
  ...dgramModule(defaultHost),
  _createSocketHandle: (nodeDgram as unknown as { _createSocketHandle: unknown })._createSocketHandle,
  defaultHost,
  setDefaultHost,
};

/** Creates a socket, as `dgram.createSocket` of Node does. */
export const createSocket: DgramModule['createSocket'] = dgram.createSocket;
/** The class of the sockets, as `dgram.Socket` of Node. */
export const Socket: DgramModule['Socket'] = dgram.Socket;
export default dgram;
