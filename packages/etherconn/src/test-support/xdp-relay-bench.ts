import { XDPRelay, type XDPRelayOptions } from '../relay/xdp-relay.ts';
import type { Namespace, VethOptions } from '../testing/namespaces.ts';
import { type FAR, NEAR, openVethBench } from './veth-links.ts';

/** Two namespaces with a veth pair between them, and the XDPRelays that a test opens on it. */
export interface XdpRelayBench {
  readonly near: Namespace;
  readonly far: Namespace;
  /** Closed at the end at the latest. Audits its chunks, and has few of them, unless told otherwise. */
  open(interfaceName: typeof NEAR | typeof FAR, options?: XDPRelayOptions): Promise<XDPRelay>;
}

/** Gives everything back however `body` ends. */
export async function withXdpRelays(
  veth: VethOptions,
  body: (bench: XdpRelayBench) => Promise<void>,
): Promise<void> {
  const bench = await openVethBench(veth);
  const relays: XDPRelay[] = [];
  try {
    await body({
      near: bench.near,
      far: bench.far,
      async open(interfaceName, options = {}) {
        const netns = interfaceName === NEAR ? bench.near.path : bench.far.path;
        const relay = await XDPRelay.open(interfaceName, { netns, audit: true, chunks: 512, ...options });
        relays.push(relay);
        return relay;
      },
    });
  } finally {
    for (const relay of relays) await relay.close();
    await bench.close();
  }
}
