import { setTimeout as sleep } from 'node:timers/promises';
import type { XdpLinkOptions } from '../link/xdp/options.ts';
import type { VethOptions } from '../testing/namespaces.ts';
import type { LinkPair } from './link-conformance.ts';
import { FAR, NEAR } from './veth-links.ts';
import { openXdpBench } from './xdp-bench.ts';

/** Milliseconds in which a frame crosses a veth pair, which it does within the call that sends it, and wakes the receiver. */
const CROSSING = 3;

/** XDP links on both ends of a new veth pair, for the link conformance suite, also in child processes. */
export async function makePair(options: XdpLinkOptions = {}, veth: VethOptions = {}): Promise<LinkPair> {
  const bench = await openXdpBench(veth);
  const [a, b] = await Promise.all([bench.open(NEAR, options), bench.open(FAR, options)]);
  return { a, b, settle: () => sleep(CROSSING), dispose: () => bench.close() };
}
