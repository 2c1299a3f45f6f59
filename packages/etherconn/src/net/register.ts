import http from 'node:http';
import { syncBuiltinESMExports } from 'node:module';
import nodeNet, * as named from 'node:net';
import tls from 'node:tls';
import { useHostOf } from '../dgram/host-module.ts';
import { EtherconnError } from '../errors.ts';
import net, { defaultMaker } from './index.ts';
import { listenOn } from './server.ts';
import { connectTls } from './tls-connect.ts';

/**
 * `node --import etherconn/register-net app.js`: TCP of the program is that of a host, in every module and every worker
 * thread: `node:net`, `node:tls`, `node:http`, `node:https`, `node:http2` and `fetch`. What names a descriptor, a handle
 * or a path stays the operating system's.
 *
 * The host is the default host, or the one of the module that the environment variable ETHERCONN_NET_HOST names (a path
 * or a package): its default export is a Host, or a function that returns one or a promise of one. It is loaded in each
 * thread.
 */
await useHostOf(process.env.ETHERCONN_NET_HOST);

const { createConnection } = nodeNet;
const { Socket, Stream, connect } = net;
Object.assign(nodeNet, { Socket, Stream, connect, createConnection: connect });
// Servers are Node's own, of whatever module; where they listen is ours.
Object.defineProperty(nodeNet.Server.prototype, '_listen2', {
  value: listenOn(defaultMaker),
  writable: true,
  configurable: true,
});
Object.assign(tls, { connect: (...args: unknown[]) => connectTls(defaultMaker, ...args) });
// Node 20 took node:net's function when it was loaded.
const agents = http.Agent.prototype as { createConnection: unknown };
if (agents.createConnection === createConnection) agents.createConnection = connect;

syncBuiltinESMExports();
// Bun and Deno replace the default export alone: half of a program's sockets would be the operating system's.
if (named.connect !== net.connect) {
  throw new EtherconnError(
    'ERR_ETHERCONN_RUNTIME',
    'etherconn/register-net needs Node.js: this runtime does not let node:net be replaced. Import etherconn/net instead',
  );
}
