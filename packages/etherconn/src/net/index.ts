import { defaultHost, setDefaultHost } from '../dgram/default-host.ts';
import { type ModuleMaker, type NetModule, netMaker, netModule } from './net-module.ts';

/**
 * `etherconn/net`: the module node:net over a simulated host, for programs and libraries that want a module of its shape.
 * What programs load is common-js.ts.
 */

export { defaultHost, setDefaultHost } from '../dgram/default-host.ts';
export type { NetModule } from './net-module.ts';

/** The default export: what node:net exports, and how to choose the host. */
export interface DefaultNetModule extends NetModule {
  defaultHost: typeof defaultHost;
  setDefaultHost: typeof setDefaultHost;
}

/** @internal What makes the sockets of the default host. */
export const defaultMaker: ModuleMaker = netMaker(defaultHost);

const net: DefaultNetModule = { ...netModule(defaultMaker), defaultHost, setDefaultHost };

/** Connects a socket of the default host; as `net.connect` of Node. */
export const connect: NetModule['connect'] = net.connect;
/** The same as {@link connect}. */
export const createConnection: NetModule['createConnection'] = net.createConnection;
/** Returns a server of the default host; as `net.createServer` of Node. */
export const createServer: NetModule['createServer'] = net.createServer;
/** The class of sockets of the default host; instances are `net.Socket`s. */
export const Socket: NetModule['Socket'] = net.Socket;
/** The same as {@link Socket}. */
export const Stream: NetModule['Stream'] = net.Stream;
/** The class of servers of the default host; instances are `net.Server`s. */
export const Server: NetModule['Server'] = net.Server;
/** Node's own: 4, 6, or 0 for a text that is no address. */
export const isIP: NetModule['isIP'] = net.isIP;
/** Node's own. */
export const isIPv4: NetModule['isIPv4'] = net.isIPv4;
/** Node's own. */
export const isIPv6: NetModule['isIPv6'] = net.isIPv6;
/** Node's own. */
export const BlockList: NetModule['BlockList'] = net.BlockList;
/** Node's own. */
export const SocketAddress: NetModule['SocketAddress'] = net.SocketAddress;
/** Node's own: whether `connect` tries several addresses of a name if it is not told. */
export const getDefaultAutoSelectFamily: NetModule['getDefaultAutoSelectFamily'] =
  net.getDefaultAutoSelectFamily;
/** Node's own. */
export const setDefaultAutoSelectFamily: NetModule['setDefaultAutoSelectFamily'] =
  net.setDefaultAutoSelectFamily;
/** Node's own: how long each address is tried, in milliseconds. */
export const getDefaultAutoSelectFamilyAttemptTimeout: NetModule['getDefaultAutoSelectFamilyAttemptTimeout'] =
  net.getDefaultAutoSelectFamilyAttemptTimeout;
/** Node's own. */
export const setDefaultAutoSelectFamilyAttemptTimeout: NetModule['setDefaultAutoSelectFamilyAttemptTimeout'] =
  net.setDefaultAutoSelectFamilyAttemptTimeout;
export default net;
