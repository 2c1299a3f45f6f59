import type { Impairments } from 'etherconn/link';
import { parseDuration, parseRatio } from './quantity.ts';
import { ScenarioError } from './scenario-error.ts';

const RATIOS: readonly string[] = ['loss', 'duplicate', 'corrupt', 'reorder'];
const TIMES: readonly string[] = ['delay', 'jitter', 'reorderDelay'];

/** Faults of a wire: 'loss=1%,delay=5ms,jitter=1ms'. */
export function parseImpairments(option: string, text: string): Impairments {
  const faults: Record<string, number> = {};
  for (const part of text.split(',')) {
    const [name, value = ''] = part.split('=') as [string, string | undefined];
    if (RATIOS.includes(name)) faults[name] = parseRatio(option, value);
    else if (TIMES.includes(name)) faults[name] = parseDuration(option, value);
    else {
      const known = [...RATIOS.map((each) => `${each}=1%`), ...TIMES.map((each) => `${each}=5ms`)].join(',');
      throw new ScenarioError(option, `must be some of ${known}, got '${part}'`);
    }
  }
  return faults;
}
