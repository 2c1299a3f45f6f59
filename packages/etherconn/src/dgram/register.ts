import nodeDgram, * as named from 'node:dgram';
import { syncBuiltinESMExports } from 'node:module';
import { pathToFileURL } from 'node:url';
import { EtherconnError } from '../errors.ts';
import type { Host } from './host.ts';
import dgram from './index.ts';

/**
 * `node --import etherconn/register-dgram app.js`: the program's `node:dgram` is etherconn's, in every module and
 * every worker thread.
 *
 * The sockets live on the default host, or on the one of the module that the environment variable
 * ETHERCONN_DGRAM_HOST names (a path or a package): its default export is a Host, or a function that returns one or a
 * promise of one. It is loaded in each thread.
 */
const hostModule = process.env.ETHERCONN_DGRAM_HOST;
if (hostModule) {
  const isPath = /^(?:\.|\/)/.test(hostModule);
  const specifier = isPath ? pathToFileURL(hostModule).href : hostModule;
  const { default: made } = (await import(specifier)) as { default: Host | (() => Host | Promise<Host>) };
  dgram.setDefaultHost(typeof made === 'function' ? await made() : made);
}

Object.assign(nodeDgram, { createSocket: dgram.createSocket, Socket: dgram.Socket });
syncBuiltinESMExports();
// Bun and Deno replace the default export alone: half of a program's sockets would be the operating system's.
if (named.createSocket !== dgram.createSocket) {
  throw new EtherconnError(
    'ERR_ETHERCONN_RUNTIME',
    'etherconn/register-dgram needs Node.js: this runtime does not let node:dgram be replaced. Import etherconn/dgram instead',
  );
}
