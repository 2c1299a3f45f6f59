import { openPacketLink, type PacketLink } from '../link/packet/link.ts';
import type { PacketLinkOptions } from '../link/packet/options.ts';
import { addVethPair, type Namespace, openNamespace, type VethOptions } from '../testing/namespaces.ts';

/** Interface names of the pair that {@link openVethBench} makes. */
export const NEAR = 'near0';
export const FAR = 'far0';
/** Their MAC addresses. */
export const NEAR_MAC = '02:00:00:00:00:0a';
export const FAR_MAC = '02:00:00:00:00:0b';

/** Two namespaces with a quiet veth pair between them, and the links that tests open on it. */
export interface VethBench {
  readonly near: Namespace;
  readonly far: Namespace;
  /** Opens a link on the interface of that name. Closed by `close` at the latest. */
  open(interfaceName: typeof NEAR | typeof FAR, options?: PacketLinkOptions): PacketLink;
  close(): Promise<void>;
}

export async function openVethBench(options: VethOptions = {}): Promise<VethBench> {
  const [near, far] = await Promise.all([openNamespace(), openNamespace()]);
  const links: PacketLink[] = [];
  addVethPair(
    { namespace: near, name: NEAR, mac: NEAR_MAC },
    { namespace: far, name: FAR, mac: FAR_MAC },
    options,
  );
  return {
    near,
    far,
    open(interfaceName, linkOptions = {}) {
      const netns = interfaceName === NEAR ? near.path : far.path;
      const link = openPacketLink(interfaceName, { netns, ...linkOptions });
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

/** The interface's promiscuity count, as the kernel shows it. */
export function promiscuity(namespace: Namespace, interfaceName: string): number {
  const { stdout } = namespace.run('ip', '-details', 'link', 'show', interfaceName);
  return Number(/promiscuity (\d+)/.exec(stdout)?.[1]);
}
