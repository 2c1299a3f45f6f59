import type { Command } from '@etherconn/cli/parts';
import { agentCommand } from './agent.ts';
import { campaignCommand } from './campaign.ts';

/** What the `etherconn` command has from this package. */
export function commands(): Command[] {
  return [campaignCommand(), agentCommand()];
}
