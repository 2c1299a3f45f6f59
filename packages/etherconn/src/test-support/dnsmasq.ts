import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Namespace } from '../testing/namespaces.ts';

/** A dnsmasq that runs in a namespace, as DHCP server or for router advertisements; DNS is off. */
export interface Dnsmasq {
  /** What it has logged. */
  readonly log: string;
  /** The leases that it has given, as the lines of its file: expiry, MAC address, IP address, name, client id. */
  leases(): string[][];
  /** Ends it and removes its files. */
  close(): Promise<void>;
}

/** Starts dnsmasq on an interface; resolves once it serves. It also ends with the namespace. */
export async function startDnsmasq(
  namespace: Namespace,
  interfaceName: string,
  options: readonly string[],
): Promise<Dnsmasq> {
  const folder = mkdtempSync(join(tmpdir(), 'etherconn-dnsmasq-'));
  const file = join(folder, 'leases');
  const child = namespace.spawn(
    'dnsmasq',
    // Keeps user and group as they are, too: in a user namespace there are no others.
    '--no-daemon',
    '--conf-file=/dev/null',
    '--no-resolv',
    '--no-hosts',
    '--port=0',
    '--log-dhcp',
    `--dhcp-leasefile=${file}`,
    `--interface=${interfaceName}`,
    '--except-interface=lo',
    ...options,
  );
  let log = '';
  const exited = new Promise<void>((resolve) => {
    child.on('exit', () => resolve());
  });
  await new Promise<void>((resolve, reject) => {
    child.stderr!.on('data', (chunk: Buffer) => {
      log += chunk;
      if (/started, version/.test(log)) resolve();
    });
    child.on('error', reject);
    child.on('exit', () => reject(new Error(`dnsmasq has ended: ${log}`)));
  });
  return {
    get log() {
      return log;
    },
    leases() {
      const lines = readFileSync(file, 'utf8').split('\n');
      return lines.filter((line) => line !== '').map((line) => line.split(' '));
    },
    async close() {
      child.kill('SIGTERM');
      await exited;
      rmSync(folder, { recursive: true });
    },
  };
}
