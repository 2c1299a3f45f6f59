import type { NamedFlow } from '../metrics/result.ts';
import type { UdpReceiver } from './receiver.ts';

/** What has been received of each flow, the worst first: by packets lost, then by the slowest one. */
export function flowList(receiver: UdpReceiver): NamedFlow[] {
  const flows: NamedFlow[] = [];
  for (let row = 0; row < receiver.flows.size; row++)
    flows.push({ ...receiver.flows.summary(row), name: receiver.names[row] });
  return flows.sort((a, b) => b.lost - a.lost || (b.max ?? 0) - (a.max ?? 0));
}
