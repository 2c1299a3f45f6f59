import { parseMacRange } from '../scenario/range.ts';
import { ScenarioError } from '../scenario/scenario-error.ts';

/** The MAC address of one machine. */
export function parseUnicastMac(option: string, text: string): string {
  const range = parseMacRange(option, text);
  if (range.count !== 1 || Number.parseInt(text, 16) % 2 === 1)
    throw new ScenarioError(option, `must be one MAC address, and no group's, got '${text}'`);
  return text;
}
