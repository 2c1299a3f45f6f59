import { runTool } from './tools.ts';

/** What `ip -json -details link show` says of an interface, as far as it is of interest. */
export interface LinkFacts {
  readonly ifindex: number;
  readonly ifname: string;
  readonly flags: readonly string[];
  readonly mtu: number;
  readonly link_type?: string;
  readonly address?: string;
  /** Name of the peer in this namespace. */
  readonly link?: string;
  /** Of a peer in another namespace. */
  readonly link_netnsid?: number;
  readonly master?: string;
  readonly linkinfo?: { readonly info_kind?: string };
  readonly num_rx_queues?: number;
  readonly num_tx_queues?: number;
  readonly xdp?: {
    readonly attached?: readonly AttachedFacts[];
    readonly mode?: number;
    readonly prog?: AttachedFacts['prog'];
  };
}

/** An XDP program. */
export interface AttachedFacts {
  readonly mode: number;
  readonly prog: { readonly id: number; readonly name?: string };
}

/** Modes of `ip link`: XDP_ATTACHED_DRV, _SKB, _HW of linux/if_link.h, and what `ip link set` calls them. */
export const XDP_MODES: ReadonlyMap<number, readonly [text: string, keyword: string]> = new Map([
  [1, ['native', 'xdp']],
  [2, ['generic', 'xdpgeneric']],
  [3, ['offloaded', 'xdpoffload']],
]);

/** The interfaces of this process's network namespace, or of that at a path. Throws a ToolError. */
export async function readLinks(netns?: string): Promise<LinkFacts[]> {
  const enter = netns === undefined ? [] : ['nsenter', `--net=${netns}`];
  return JSON.parse(await runTool([...enter, 'ip', '-json', '-details', 'link', 'show'])) as LinkFacts[];
}

/** The XDP programs that are attached to an interface. */
export function programsOf({ xdp }: LinkFacts): AttachedFacts[] {
  if (xdp === undefined) return [];
  if (xdp.attached !== undefined) return [...xdp.attached];
  return xdp.prog === undefined ? [] : [{ mode: xdp.mode ?? 1, prog: xdp.prog }];
}
