import type { CampaignTerms } from '../protocol/records.ts';

/** What a campaign is to do, as its file says. */
export interface Plan extends CampaignTerms {
  /** Agents that are waited for, and how long. */
  readonly agents: number;
  readonly wait: number;
  readonly thresholds: readonly string[];
}
