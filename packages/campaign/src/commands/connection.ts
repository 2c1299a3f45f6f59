import { accessSync, constants } from 'node:fs';
import { hostname } from 'node:os';
import { type Command, ScenarioError } from '@etherconn/cli/parts';
import type { Hub } from '../hub/hub.ts';
import { connectNats } from '../hub/nats-hub.ts';

/** Options of whatever talks to a NATS server. */
export interface ConnectionOptions {
  readonly nats?: string;
  readonly creds?: string;
  readonly tlsCa?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
}

export const DEFAULT_URL = 'nats://127.0.0.1:4222';
/**
 * Milliseconds that an answer is waited for. TCP loses none, so this is for connections that break; a process that is kept
 * from running must not take its own delay for the server's.
 */
const TIMEOUT = 3000;
/** Milliseconds between pings, which show a connection that is cut. */
const PING = 1000;

export function addConnectionOptions(command: Command, nats: string): Command {
  return command
    .option('--nats <url>', nats)
    .option('--creds <file>', "an nkey's seed, or a .creds file")
    .option('--tls-ca <file>', 'certificates that the server is checked by')
    .option('--tls-cert <file>', 'certificate of this client')
    .option('--tls-key <file>', 'key of this client');
}

/** @param name who connects; the server knows permissions and the inbox by it */
export async function connectAs(
  name: string,
  options: ConnectionOptions,
  waitForServer = false,
): Promise<Hub> {
  const url = options.nats ?? DEFAULT_URL;
  for (const each of url.split(','))
    if (!/^(nats|tls):\/\/[^/]+$/.test(each))
      throw new ScenarioError('--nats', `must be nats://HOST:PORT or tls://HOST:PORT, got '${each}'`);
  for (const [option, path] of [
    ['--creds', options.creds],
    ['--tls-ca', options.tlsCa],
    ['--tls-cert', options.tlsCert],
    ['--tls-key', options.tlsKey],
  ] as const)
    if (path !== undefined) checkReadable(option, path);
  return connectNats({
    url,
    creds: options.creds,
    tlsCa: options.tlsCa,
    tlsCert: options.tlsCert,
    tlsKey: options.tlsKey,
    name,
    timeout: TIMEOUT,
    pingInterval: PING,
    waitForServer,
  });
}

function checkReadable(option: string, path: string): void {
  try {
    accessSync(path, constants.R_OK);
  } catch (error) {
    throw new ScenarioError(option, `cannot be read: ${(error as Error).message}`);
  }
}

/** Which machine this is, for names. */
export function machineName(): string {
  return hostname().split('.')[0];
}
