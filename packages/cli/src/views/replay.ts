import { counted, scaled, time, whole } from '../figures/format.ts';
import type { ReplayResult } from '../metrics/replay-result.ts';
import type { SentResult } from '../metrics/result.ts';

/** The summary of a replay: names and their texts. */
export function replayRows(replay: ReplayResult, sent: SentResult): [name: string, text: string][] {
  const { read, passes, skipped, asked, scheduled, took, backwards, furthest, damage } = replay;
  const again = read === 0 ? ': there is nothing to send' : passes > 1 ? ` in ${whole(passes)} passes` : '';
  const rows: [string, string][] = [['capture', `${counted(read, 'frame')}${again}`]];
  for (const [reason, count] of Object.entries(skipped))
    rows.push(['not sent', `${counted(count, 'frame')}: ${reason}`]);
  if (asked.pps !== null)
    rows.push(['rate', `${scaled(sent.pps, 'pps')} of the ${scaled(asked.pps, 'pps')} asked for`]);
  else if (asked.bps !== null)
    rows.push(['rate', `${scaled(sent.bps, 'bit/s')} of the ${scaled(asked.bps, 'bit/s')} asked for`]);
  if (scheduled !== null && asked.pps === null && asked.bps === null)
    rows.push(['took', `${time(1000 * took)}, by the capture ${time(1000 * scheduled)}`]);
  if (backwards > 0) rows.push(['backwards', `${counted(backwards, 'frame')}, sent right behind later ones`]);
  if (furthest !== null && furthest > 0)
    rows.push(['order', `changed by up to ${counted(furthest, 'frame')}`]);
  if (damage !== null) rows.push(['damaged', damage]);
  return rows;
}
