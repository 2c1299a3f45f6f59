import { parseFeatures } from './features.ts';
import { type LinkFacts, programsOf, readLinks, XDP_MODES } from './links.ts';
import { runTool } from './tools.ts';

/** A network interface, as the kernel and its driver tell. */
export interface InterfaceFacts {
  readonly name: string;
  readonly index: number;
  /** Null of an interface without one. */
  readonly mac: string | null;
  readonly mtu: number;
  readonly state: 'up' | 'no carrier' | 'down';
  /** Whether its frames are Ethernet frames. */
  readonly ethernet: boolean;
  /** Null when nobody tells. */
  readonly driver: string | null;
  /** Queues that it was made with: for receiving, and for sending. */
  readonly rxQueues: number;
  readonly txQueues: number;
  /** XDP programs that are attached; `mode` is native, generic or offloaded. */
  readonly xdp: readonly { readonly mode: string; readonly programId: number }[];
  /** Offloads that are on, of those that matter here; null when nobody tells. */
  readonly offloads: readonly string[] | null;
}

/** Offloads that change what is sent and received, by ethtool's names, and what they are called here. */
const OFFLOADS: Readonly<Record<string, string>> = {
  'rx-checksumming': 'rx-checksum',
  'tx-checksumming': 'tx-checksum',
  'tcp-segmentation-offload': 'tso',
  'generic-segmentation-offload': 'gso',
  'generic-receive-offload': 'gro',
  'large-receive-offload': 'lro',
  'rx-gro-hw': 'gro-hw',
  'rx-vlan-offload': 'rx-vlan',
  'tx-vlan-offload': 'tx-vlan',
  'rx-vlan-stag-hw-parse': 'rx-stag',
};
/** Programs of the system that run at a time. */
const AT_ONCE = 8;

/**
 * All interfaces of a network namespace (a path; undefined for that of this process), or those with these names. Throws a
 * ToolError without iproute2; without ethtool less is known.
 */
export async function readInterfaces(
  netns: string | undefined,
  names: readonly string[] = [],
): Promise<InterfaceFacts[]> {
  const enter = netns === undefined ? [] : ['nsenter', `--net=${netns}`];
  const links = (await readLinks(netns)).filter(({ ifname }) => names.length === 0 || names.includes(ifname));
  const found: InterfaceFacts[] = [];
  for (let first = 0; first < links.length; first += AT_ONCE)
    found.push(
      ...(await Promise.all(links.slice(first, first + AT_ONCE).map((link) => factsOf(link, enter)))),
    );
  return found;
}

async function factsOf(link: LinkFacts, enter: readonly string[]): Promise<InterfaceFacts> {
  const ask = (option: string): Promise<string | null> =>
    runTool([...enter, 'ethtool', option, link.ifname]).catch(() => null);
  const [about, features] = await Promise.all([ask('-i'), ask('-k')]);
  const { flags } = link;
  return {
    name: link.ifname,
    index: link.ifindex,
    mac: link.link_type === 'ether' ? (link.address ?? null) : null,
    mtu: link.mtu,
    state: !flags.includes('UP') ? 'down' : flags.includes('LOWER_UP') ? 'up' : 'no carrier',
    ethernet: link.link_type === 'ether' || link.link_type === 'loopback',
    driver: /^driver: (.+)$/m.exec(about ?? '')?.[1] ?? link.linkinfo?.info_kind ?? null,
    rxQueues: link.num_rx_queues ?? 1,
    txQueues: link.num_tx_queues ?? 1,
    xdp: programsOf(link).map(({ mode, prog }) => ({
      mode: XDP_MODES.get(mode)?.[0] ?? 'unknown',
      programId: prog.id,
    })),
    offloads: features === null ? null : offloadsOf(features),
  };
}

function offloadsOf(text: string): string[] {
  const features = parseFeatures(text);
  return Object.entries(OFFLOADS).flatMap(([name, called]) => (features.get(name) === true ? [called] : []));
}
