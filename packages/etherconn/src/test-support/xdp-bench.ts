import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import type { Station } from '../link/link.ts';
import { openXdpLink, type XdpLink } from '../link/xdp/link.ts';
import type { XdpLinkOptions } from '../link/xdp/options.ts';
import {
  addVethPair,
  type Namespace,
  openNamespace,
  requireNamespaces,
  type VethOptions,
} from '../testing/namespaces.ts';
import { orSkip } from '../testing/strict.ts';
import { macHigh, macLow } from '../wire/mac.ts';
import { TEST_ETHERTYPE } from './link-probe.ts';
import { FAR, FAR_MAC, NEAR, NEAR_MAC } from './veth-links.ts';

/** Why tests of XDP links cannot run here; false when they can. In the form of node:test's `skip` option. */
export function requireXdp(): string | false {
  if (requireNamespaces() !== false) return requireNamespaces();
  // bpf(2) goes by the capabilities of the first user namespace, whatever those in ours are.
  const allowed = process.getuid?.() === 0 && ownsFirstNamespace();
  return orSkip(allowed ? false : 'loading XDP programs needs root, not only in a user namespace');
}

/** Options of {@link openXdpBench}. */
export interface XdpBenchOptions extends VethOptions {
  /** IPv4 addresses with prefix length, for the kernels at both ends. */
  readonly nearAddress?: string;
  readonly farAddress?: string;
}

/** Two namespaces with a quiet veth pair between them, and the XDP links that tests open on it. */
export interface XdpBench {
  readonly near: Namespace;
  readonly far: Namespace;
  /** Opens a link on an interface: of the pair, or of the namespace that `netns` names. Closed by `close` at the latest. */
  open(interfaceName: string, options?: XdpLinkOptions): Promise<XdpLink>;
  close(): Promise<void>;
}

export async function openXdpBench(options: XdpBenchOptions = {}): Promise<XdpBench> {
  const [near, far] = await Promise.all([openNamespace(), openNamespace()]);
  const links: XdpLink[] = [];
  const { nearAddress, farAddress } = options;
  addVethPair(
    { namespace: near, name: NEAR, mac: NEAR_MAC, addresses: nearAddress === undefined ? [] : [nearAddress] },
    { namespace: far, name: FAR, mac: FAR_MAC, addresses: farAddress === undefined ? [] : [farAddress] },
    options,
  );
  return {
    near,
    far,
    async open(interfaceName, linkOptions = {}) {
      const netns = interfaceName === NEAR ? near.path : far.path;
      // A large map takes milliseconds to make.
      const usual = { netns, audit: true, ...(linkOptions.attach !== false && { maxEndpoints: 4096 }) };
      const link = await openXdpLink(interfaceName, { ...usual, ...linkOptions });
      links.push(link);
      return link;
    },
    async close() {
      for (const link of links) await link.close();
      await near.close();
      await far.close();
    },
  };
}

/** Opens a bench for `body` and closes it, whatever happens. */
export async function withXdpBench(
  options: XdpBenchOptions,
  body: (bench: XdpBench) => Promise<void>,
): Promise<void> {
  const bench = await openXdpBench(options);
  try {
    await body(bench);
  } finally {
    await bench.close();
  }
}

/** A station, untagged, that listens for test frames, or for what is named. */
export function stationAt(address: Uint8Array, etherTypes: readonly number[] = [TEST_ETHERTYPE]): Station {
  return { macHigh: macHigh(address), macLow: macLow(address), vlanKey: 0, etherTypes };
}

/** This process's open file descriptors: interfaces, sockets and programs leave some behind only when something leaks. */
export function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

/** Why tests that pin BPF objects cannot run here; they mount the BPF file system in a mount namespace of their own. */
export function requireBpfMount(): string | false {
  if (requireXdp() !== false) return requireXdp();
  const { status, stderr } = spawnSync('unshare', ['-m', 'mount', '-t', 'bpf', 'bpf', '/mnt']);
  return orSkip(status === 0 ? false : `no BPF file system can be mounted: ${stderr.toString().trim()}`);
}

/** Whether the interface has an XDP program, as the kernel shows it. */
export function hasProgram(namespace: Namespace, interfaceName: string): boolean {
  return /prog\/xdp|xdpgeneric/.test(namespace.run('ip', 'link', 'show', interfaceName).stdout);
}

/** In a user namespace of our own this file has other lines than this one. */
function ownsFirstNamespace(): boolean {
  return readFileSync('/proc/self/uid_map', 'utf8').trim().split(/\s+/).join(' ') === '0 0 4294967295';
}
