import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ScenarioError } from '../scenario/scenario-error.ts';

/** Throws a ScenarioError if a file cannot be written: before a run, not after it. */
export async function checkWritable(option: string, path: string): Promise<void> {
  const existing = await stat(path).catch(() => null);
  if (existing?.isDirectory() === true) throw new ScenarioError(option, `${path} is a folder; name a file`);
  try {
    await access(existing === null ? dirname(path) : path, constants.W_OK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why =
      code === 'ENOENT'
        ? `there is no folder ${dirname(path)}; make it first`
        : `no permission (${code}); name another file`;
    throw new ScenarioError(option, `${path} cannot be written: ${why}`);
  }
}
