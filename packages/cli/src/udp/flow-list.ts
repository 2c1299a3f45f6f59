import type { NamedFlow } from '../metrics/result.ts';
import type { UdpReceiver } from './receiver.ts';

/** The counts of each received flow, the worst first: by lost packets, then by the slowest packet. */
export function flowList(receiver: UdpReceiver): NamedFlow[] {
  const flows: NamedFlow[] = [];
  for (let row = 0; row < receiver.flows.size; row++)
    flows.push({ ...receiver.flows.summary(row), name: receiver.names[row] });
  return flows.sort((a, b) => b.lost - a.lost || (b.max ?? 0) - (a.max ?? 0));
}
