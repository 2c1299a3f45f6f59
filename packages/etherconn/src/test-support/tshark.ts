import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hasCommand } from '../testing/namespaces.ts';
import { orSkip } from '../testing/strict.ts';

/** tshark as a judge of what we decode. */

/** Why tests with tshark are skipped, or false. */
export const tsharkMissing: string | false = orSkip(hasCommand('tshark') ? false : 'tshark is not installed');

export interface TsharkOptions {
  /** Settings, as of `-o`. */
  readonly preferences: readonly string[];
  /** The only protocols that are dissected, so that tshark does not look beyond. Default: all. */
  readonly protocols?: readonly string[];
}

/** The named fields of each frame of a capture file; a field that occurs several times has all its values. */
export function tsharkFields<Name extends string>(
  capture: Uint8Array,
  names: readonly Name[],
  options: TsharkOptions,
): Record<Name, string[]>[] {
  const folder = mkdtempSync(join(tmpdir(), 'etherconn-'));
  try {
    const file = join(folder, 'capture');
    writeFileSync(file, capture);
    const settings = join(folder, 'settings');
    mkdirSync(settings);
    if (options.protocols !== undefined) disableOthers(settings, options.protocols);
    const args = ['-n', '-r', file, '-T', 'fields', '-E', 'occurrence=a', '-E', 'aggregator=,'];
    for (const preference of options.preferences) args.push('-o', preference);
    for (const name of names) args.push('-e', name);
    return run(args, settings)
      .split('\n')
      .slice(0, -1)
      .map((line) => {
        const cells = line.split('\t').map((cell) => (cell === '' ? [] : cell.split(',')));
        return Object.fromEntries(names.map((name, i) => [name, cells[i] ?? []])) as Record<Name, string[]>;
      });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** tshark has no option for "only these": all others are named in a file of its settings. */
function disableOthers(settings: string, protocols: readonly string[]): void {
  const all = run(['-G', 'protocols'], settings)
    .trimEnd()
    .split('\n')
    .map((line) => line.split('\t')[2]!);
  writeFileSync(
    join(settings, 'disabled_protos'),
    all.filter((name) => !protocols.includes(name)).join('\n'),
  );
}

function run(args: readonly string[], settings: string): string {
  const env = { ...process.env, WIRESHARK_CONFIG_DIR: settings };
  const result = spawnSync('tshark', args, { encoding: 'utf8', env, maxBuffer: 1 << 30 });
  if (result.status !== 0)
    throw new Error(`tshark ${args.join(' ')}: ${result.error?.message ?? result.stderr}`);
  return result.stdout;
}
