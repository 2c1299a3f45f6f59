import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The examples of a page of docs/commands: each block of shell commands, each command as its words. */
export function examplesOf(page: string): string[][][] {
  const path = fileURLToPath(new URL(`../../../../docs/commands/${page}`, import.meta.url));
  const blocks = readFileSync(path, 'utf8').matchAll(/```sh\n([\s\S]*?)```/g);
  return Array.from(blocks, ([, block]) =>
    block
      .replaceAll('\\\n', ' ')
      .trim()
      .split('\n')
      .map((line) => Array.from(line.matchAll(/'([^']*)'|(\S+)/g), ([, quoted, word]) => quoted ?? word)),
  );
}
