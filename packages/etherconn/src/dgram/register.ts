import nodeDgram, * as named from 'node:dgram';
import { syncBuiltinESMExports } from 'node:module';
import { EtherconnError } from '../errors.ts';
import { useHostOf } from './host-module.ts';
import dgram from './index.ts';

/**
 * `node --import etherconn/register-dgram app.js`: the program's `node:dgram` is etherconn's, in every module and
 * every worker thread.
 *
 * The sockets live on the default host, or on the one of the module that the environment variable
 * ETHERCONN_DGRAM_HOST names (a path or a package): its default export is a Host, or a function that returns one or a
 * promise of one. It is loaded in each thread.
 */
await useHostOf(process.env.ETHERCONN_DGRAM_HOST);

Object.assign(nodeDgram, { createSocket: dgram.createSocket, Socket: dgram.Socket });
syncBuiltinESMExports();
// Bun and Deno replace the default export alone: half of a program's sockets would be the operating system's.
if (named.createSocket !== dgram.createSocket) {
  throw new EtherconnError(
    'ERR_ETHERCONN_RUNTIME',
    'etherconn/register-dgram needs Node.js: this runtime does not let node:dgram be replaced. Import etherconn/dgram instead',
  );
}
