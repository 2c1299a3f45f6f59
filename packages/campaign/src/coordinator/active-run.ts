import { GoneError, type Hub } from '../hub/hub.ts';
import { currentSchema, runSchema } from '../protocol/messages.ts';
import { bucketOf, CURRENT, Key, REGISTRY } from '../protocol/names.ts';
import { isOver, type RunRecord } from '../protocol/records.ts';

/** Something that whoever runs a campaign must know. */
export class CampaignError extends Error {
  readonly code: string = 'ERR_CAMPAIGN';

  constructor(message: string) {
    super(message);
    this.name = 'CampaignError';
  }
}

/** The campaign that is under way, if there is one. */
export async function activeRun(hub: Hub): Promise<RunRecord | null> {
  try {
    const current = currentSchema.safeParse((await hub.get(REGISTRY, CURRENT))?.value).data;
    if (current === undefined || !(await hub.hasGeneration(current.generation))) return null;
    const run = runSchema.safeParse((await hub.get(bucketOf(current.generation), Key.RUN))?.value).data;
    return run === undefined || isOver(run) ? null : run;
  } catch (error) {
    if (error instanceof GoneError) return null;
    throw error;
  }
}
