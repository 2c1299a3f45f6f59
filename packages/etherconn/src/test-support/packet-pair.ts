import { setTimeout as sleep } from 'node:timers/promises';
import type { PacketLinkOptions } from '../link/packet/options.ts';
import type { LinkPair } from './link-conformance.ts';
import { FAR, NEAR, openVethBench } from './veth-links.ts';

/** Milliseconds in which a frame crosses a veth pair and wakes the receiver, a V3 block's timeout included. */
const CROSSING = 20;

/** AF_PACKET links on both ends of a new veth pair, for {@link linkConformance}, also in child processes. */
export async function makePair(options: PacketLinkOptions = {}): Promise<LinkPair> {
  const bench = await openVethBench();
  return {
    a: bench.open(NEAR, options),
    b: bench.open(FAR, options),
    beside: bench.open(FAR, options),
    settle: () => sleep(CROSSING),
    dispose: () => bench.close(),
  };
}
