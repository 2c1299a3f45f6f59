import { styleText } from 'node:util';
import { counted, percent, scaled, time, whole } from '../figures/format.ts';
import type { Found, ResponderResult, RunResult } from '../metrics/result.ts';
import { fleetRows, percentilesOf } from './fleet.ts';
import { replayRows } from './replay.ts';

type Style = Parameters<typeof styleText>[0];

/** Colours, or plain text where they are not wanted. */
export type Paint = (style: Style, text: string) => string;

export const plain: Paint = (_style, text) => text;
export const coloured: Paint = (style, text) => styleText(style, text, { validateStream: false });

/** The summary of a run in a few lines. */
export function summaryLines(result: RunResult, paint: Paint): string[] {
  const lines: string[] = [];
  const label = labelBy(paint);
  const { foundRate } = result;
  if (foundRate !== undefined) {
    for (const trial of foundRate.trials) {
      const verdict = trial.passed ? paint('green', 'passed') : paint('red', trial.reason ?? 'failed');
      lines.push(`${label('trial')}${scaled(trial.rate, 'pps').padEnd(10)} ${verdict}`);
    }
    const found = foundRate.rate === null ? 'none of the rates passed' : scaled(foundRate.rate, 'pps');
    lines.push(`${label('rate')}${paint('bold', found)}`);
  }
  if (result.replay !== undefined)
    for (const [name, text] of replayRows(result.replay, result.sent!)) lines.push(`${label(name)}${text}`);
  const parts = Object.entries(result.parts ?? {});
  for (const [name, part] of parts) {
    const from = part.begin === 0 ? '' : `, from ${Number(part.begin.toPrecision(4))} s`;
    lines.push(`${label('part')}${paint('bold', name)}  ${part.type}${from}`, ...foundLines(part, paint));
  }
  if (parts.length > 0) lines.push(`${label('part')}${paint('bold', 'all together')}`);
  // Parts have already reported their clients.
  const { fleet: _fleet, ping: _ping, ...together } = result;
  lines.push(...foundLines(parts.length > 0 ? together : result, paint));
  lines.push(...thresholdLines(result, paint));
  for (const note of result.notes) lines.push(`${label('note')}${note}`);
  return lines;
}

function foundLines(found: Found, paint: Paint): string[] {
  const lines: string[] = [];
  const label = labelBy(paint);
  const { sent, received, latency, jitter, behind } = found;
  if (found.ping !== undefined)
    for (const [name, count] of Object.entries(found.ping.errorsByName))
      lines.push(`${label('error')}${paint('red', `${name} ${whole(count)}`)}`);
  for (const [name, text] of found.fleet === undefined ? [] : fleetRows(found.fleet))
    lines.push(`${label(name)}${name === 'failed' ? paint('red', text) : text}`);
  for (const [name, text] of found.responder === undefined ? [] : responderRows(found.responder))
    lines.push(`${label(name)}${text}`);
  if (sent !== null) {
    const unsent =
      sent.unsent === 0 ? '' : `, ${paint('yellow', `${whole(sent.unsent)} could not be sent in time`)}`;
    lines.push(
      `${label('sent')}${counted(sent.packets, 'packet')}, ${scaled(sent.pps, 'pps')}, ${scaled(sent.bps, 'bit/s')}${unsent}`,
    );
  }
  if (received !== null) {
    lines.push(
      `${label('received')}${counted(received.packets, 'packet')}, ${scaled(received.pps, 'pps')}, ${scaled(received.bps, 'bit/s')}`,
    );
    const loss = `${whole(received.lost)}${received.loss === null ? '' : ` (${percent(received.loss)})`}`;
    // A responder does not know what was sent to it, so it cannot report losses.
    if (found.responder === undefined)
      lines.push(
        `${label('lost')}${received.lost === 0 ? loss : paint('red', loss)}   duplicates ${whole(received.duplicates)}   reordered ${whole(received.reordered)}${
          received.late === 0 ? '' : `   too late ${whole(received.late)}`
        }`,
      );
    if (received.linkDropped > 0)
      lines.push(
        `${label('dropped')}${counted(received.linkDropped, 'frame')} here, because this process was too slow`,
      );
    if (received.foreign > 0)
      lines.push(
        `${label('foreign')}${counted(received.foreign, 'datagram')} that no sender of ours has sent`,
      );
    if (received.overLimit > 0)
      lines.push(
        `${label('not shown')}${counted(received.overLimit, 'packet')} of more flows than --max-flows`,
      );
  }
  if (latency !== null) lines.push(`${label('latency')}${percentilesOf(latency)}`);
  if (jitter !== null) lines.push(`${label('jitter')}${time(jitter)}`);
  if (behind !== null && behind.p99 >= 1)
    lines.push(
      `${label('schedule')}behind by p50 ${time(behind.p50)}, p99 ${time(behind.p99)}, max ${time(behind.max)}`,
    );
  return lines;
}

function responderRows({ counts, leases }: ResponderResult): [name: string, text: string][] {
  const asked = Object.entries(counts).map(([name, count]) => `${name} ${whole(count)}`);
  const rows: [string, string][] = [['asked', asked.length === 0 ? 'nothing' : asked.join('   ')]];
  if (leases !== undefined)
    rows.unshift(['leases', `${whole(leases.held)} held   ${whole(leases.free)} free`]);
  return rows;
}

export function thresholdLines({ thresholds }: RunResult, paint: Paint): string[] {
  return thresholds.map(({ text, state, actual }) => {
    const mark = state === 'met' ? paint('green', 'ok  ') : paint('red', 'FAIL');
    return `${labelBy(paint)('threshold')}${mark} ${text}  ${paint('dim', actual)}`;
  });
}

function labelBy(paint: Paint): (text: string) => string {
  return (text) => paint('dim', text.padEnd(11));
}
