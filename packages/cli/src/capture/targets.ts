import { closeSync, openSync, rmSync } from 'node:fs';
import { format, parse } from 'node:path';

/** Where a capture is written to. */
export interface Target {
  /** Opens the next file. Throws Node's error. */
  open(): number;
  close(file: number): void;
}

/** Standard output stays open. */
export const STANDARD_OUTPUT: Target = { open: () => 1, close() {} };

/** One file, made anew; a named pipe waits for its reader. */
export function fileTarget(path: string): Target {
  return { open: () => openSync(path, 'w'), close: closeSync };
}

/** Files that are numbered before the end of their name; of more than `keep`, the oldest are removed. */
export function ringTarget(path: string, keep: number): Target {
  const { dir, name, ext } = parse(path);
  const paths: string[] = [];
  let number = 0;
  return {
    open() {
      number++;
      const next = format({ dir, name: `${name}-${String(number).padStart(5, '0')}`, ext });
      const file = openSync(next, 'w');
      paths.push(next);
      if (paths.length > keep) rmSync(paths.shift()!, { force: true });
      return file;
    },
    close: closeSync,
  };
}
