import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Milliseconds that journals of other campaigns are kept after they were last written. */
const KEPT = 7 * 86_400_000;

/** Deletes the journals of campaigns that have ended long ago: of all but `run` that nobody has written for a week. */
export function deleteOldJournals(folder: string, run: string, log: (text: string) => void): void {
  let deleted = 0;
  for (const file of readdirSync(folder)) {
    if (!/\.journal(\.new)?$/.test(file) || file.startsWith(`${run}.`)) continue;
    const path = join(folder, file);
    // Another process of the same name may have deleted it just now.
    const writtenAt = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Number.POSITIVE_INFINITY;
    if (Date.now() - writtenAt <= KEPT) continue;
    rmSync(path, { force: true });
    deleted++;
  }
  if (deleted > 0) log(`deleted ${deleted} journals of earlier campaigns, not written for a week`);
}
