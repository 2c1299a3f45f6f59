import { readFile } from 'node:fs/promises';
import { type PartRates, restingRates } from '../figures/series.ts';
import type { PartResult, RunResult } from '../metrics/result.ts';

/** What is compared of a run, or of a part of it. */
export type Found = Pick<PartResult, 'sent' | 'received' | 'latency' | 'jitter' | 'fleet'> & {
  readonly seconds: readonly PartRates[];
};

/** A run, as a file has it. */
export interface RunFile {
  readonly file: string;
  readonly result: RunResult;
  readonly whole: Found;
  readonly parts: Readonly<Record<string, Found>>;
}

/** Reads the output of `--json`, `--ndjson` or `--report`. */
export async function readRun(file: string): Promise<RunFile> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why =
      code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'it is a folder' : `${code}`;
    throw unreadable(file, why, code);
  }
  const run = text.trimStart().startsWith('<') ? ofReport(text) : ofLines(text);
  if (run === null || typeof run.result.command !== 'string' || !('sent' in run.result))
    throw unreadable(file, 'it is no result of etherconn: --json, --ndjson or --report write one', 'EINVAL');
  const { result, seconds } = run;
  const parts = (result.parts ?? {}) as Readonly<Record<string, PartResult & { seconds?: PartRates[] }>>;
  return {
    file,
    result,
    whole: { ...result, seconds },
    parts: Object.fromEntries(
      Object.entries(parts).map(([name, part]) => [name, { ...part, seconds: part.seconds ?? [] }]),
    ),
  };
}

/** The object of `--json`; a report has it, too. */
type ResultWithSeconds = RunResult & { readonly seconds?: readonly PartRates[] };

interface Read {
  readonly result: RunResult;
  readonly seconds: readonly PartRates[];
}

function ofReport(text: string): Read | null {
  const data = /<script type="application\/json" id="data">(.*?)<\/script>/s.exec(text)?.[1];
  const result =
    data === undefined ? undefined : (parse(data) as { result?: ResultWithSeconds } | null)?.result;
  return result === undefined ? null : { result, seconds: result.seconds ?? [] };
}

/** One object, or one a line of which the last is the result. */
function ofLines(text: string): Read | null {
  const objects = text
    .trim()
    .split('\n')
    .map((line) => parse(line) as (ResultWithSeconds & { type?: string }) | null);
  const result = objects.at(-1);
  if (result === null || result === undefined || typeof result !== 'object') return null;
  if (result.type !== 'result') return { result, seconds: result.seconds ?? [] };
  const lines = objects.slice(0, -1) as unknown as (PartRates & {
    length: number;
    parts?: Readonly<Record<string, PartRates>>;
  })[];
  // Behind the end packets are waited for: that is no second of the run.
  const seconds = lines.filter(({ length, sent }, i) => i === 0 || length >= 1 || sent > 0);
  const parts = Object.entries(result.parts ?? {}).map(([name, part]) => [
    name,
    { ...part, seconds: secondsOfPart(seconds, name) },
  ]);
  return { result: { ...result, parts: Object.fromEntries(parts) }, seconds };
}

/** Lines tell only of parts to which something has happened: between the first of them and the last, the others were at rest. */
function secondsOfPart(
  lines: readonly (PartRates & { readonly parts?: Readonly<Record<string, PartRates>> })[],
  name: string,
): PartRates[] {
  const has = (line: (typeof lines)[number]): boolean => line.parts?.[name] !== undefined;
  const own = lines.slice(lines.findIndex(has), lines.findLastIndex(has) + 1);
  const isFleet = own.some((line) => line.parts?.[name]?.leases !== undefined);
  return own.map((line) => ({ ...restingRates(line.second, isFleet), ...line.parts?.[name] }));
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function unreadable(file: string, why: string, code: string | undefined): Error {
  return Object.assign(new Error(`${file} cannot be read: ${why}`), { code });
}
