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

export const connect: NetModule['connect'] = net.connect;
export const createConnection: NetModule['createConnection'] = net.createConnection;
export const createServer: NetModule['createServer'] = net.createServer;
export const Socket: NetModule['Socket'] = net.Socket;
export const Stream: NetModule['Stream'] = net.Stream;
export const Server: NetModule['Server'] = net.Server;
export const isIP: NetModule['isIP'] = net.isIP;
export const isIPv4: NetModule['isIPv4'] = net.isIPv4;
export const isIPv6: NetModule['isIPv6'] = net.isIPv6;
export const BlockList: NetModule['BlockList'] = net.BlockList;
export const SocketAddress: NetModule['SocketAddress'] = net.SocketAddress;
export const getDefaultAutoSelectFamily: NetModule['getDefaultAutoSelectFamily'] =
  net.getDefaultAutoSelectFamily;
export const setDefaultAutoSelectFamily: NetModule['setDefaultAutoSelectFamily'] =
  net.setDefaultAutoSelectFamily;
export const getDefaultAutoSelectFamilyAttemptTimeout: NetModule['getDefaultAutoSelectFamilyAttemptTimeout'] =
  net.getDefaultAutoSelectFamilyAttemptTimeout;
export const setDefaultAutoSelectFamilyAttemptTimeout: NetModule['setDefaultAutoSelectFamilyAttemptTimeout'] =
  net.setDefaultAutoSelectFamilyAttemptTimeout;
export default net;
