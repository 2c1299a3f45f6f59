import { type ChildProcess, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { spawnWithUs } from './bound-child.ts';
import { COORDINATOR, makeKeys, serverConfig, WATCHER } from './server-config.ts';

/** There is no nats-server here. */
export class NoServerError extends Error {
  readonly code: string = 'ERR_NO_NATS_SERVER';

  constructor(why: string) {
    super(
      `${why}; on Debian and Ubuntu: apt-get install nats-server; others: https://nats.io/download; or --nats names a server that runs elsewhere`,
    );
    this.name = 'NoServerError';
  }
}

/** Where Debian puts it, besides the PATH. */
const PLACES = ['/usr/sbin/nats-server', '/usr/local/bin/nats-server'];
const START_TIMEOUT = 10_000;

function findServer(): string {
  const found =
    spawnSync('nats-server', ['--version']).error === undefined ? 'nats-server' : PLACES.find(existsSync);
  if (found === undefined) throw new NoServerError('nats-server is not installed');
  return found;
}

/** A NATS server for the campaigns of one machine, on loopback, with keys for each of its clients. */
export class EmbeddedServer {
  readonly url: string;
  /** Files with the seeds, by name of the client. */
  readonly creds: Readonly<Record<string, string>>;
  readonly #child: ChildProcess;

  private constructor(url: string, creds: Readonly<Record<string, string>>, child: ChildProcess) {
    this.url = url;
    this.creds = creds;
    this.#child = child;
  }

  static async start(folder: string, agents: readonly string[]): Promise<EmbeddedServer> {
    const command = findServer();
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const keys = Object.fromEntries([COORDINATOR, WATCHER, ...agents].map((name) => [name, makeKeys()]));
    const creds: Record<string, string> = {};
    for (const [name, { seed }] of Object.entries(keys)) {
      creds[name] = join(folder, `${name}.nk`);
      writeFileSync(creds[name], `${seed}\n`, { mode: 0o600 });
    }
    const portsFolder = join(folder, 'ports');
    rmSync(portsFolder, { recursive: true, force: true });
    mkdirSync(portsFolder);
    const config = join(folder, 'nats.conf');
    const text = serverConfig({
      listen: '127.0.0.1:-1',
      storeFolder: join(folder, 'store'),
      coordinator: keys[COORDINATOR].publicKey,
      watcher: keys[WATCHER].publicKey,
      agents: Object.fromEntries(agents.map((name) => [name, keys[name].publicKey])),
      portsFolder,
    });
    writeFileSync(config, text, { mode: 0o600 });
    const child = spawnWithUs(command, ['-c', config]);
    let errors = '';
    child.stderr!.on('data', (chunk: Buffer) => {
      errors = `${errors}${chunk}`.slice(-2000);
    });
    const url = await portOf(portsFolder, child, () => errors);
    return new EmbeddedServer(url, creds, child);
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await exited;
  }
}

/** The server that {@link EmbeddedServer} has started with that folder, while it runs: its URL and a client's key. */
export function localServer(folder: string, name: string): { nats: string; creds: string } | undefined {
  try {
    const ports = join(folder, 'ports');
    // 'nats-server_PID.ports': a server that was killed has left it.
    const [file] = readdirSync(ports);
    const [pid] = /\d+/.exec(file)!;
    if (!readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(join(folder, 'nats.conf'))) return undefined;
    const { nats } = JSON.parse(readFileSync(join(ports, file), 'utf8')) as { nats: string[] };
    return { nats: nats[0], creds: join(folder, `${name}.nk`) };
  } catch {
    return undefined;
  }
}

async function portOf(folder: string, child: ChildProcess, errors: () => string): Promise<string> {
  const end = Date.now() + START_TIMEOUT;
  while (Date.now() < end) {
    if (child.exitCode !== null) throw new NoServerError(`nats-server did not start: ${errors().trim()}`);
    const [file] = readdirSync(folder);
    if (file !== undefined) {
      try {
        const { nats } = JSON.parse(readFileSync(join(folder, file), 'utf8')) as { nats: string[] };
        return nats[0];
      } catch {
        // It is being written.
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  child.kill('SIGKILL');
  throw new NoServerError('nats-server has not said its port');
}
