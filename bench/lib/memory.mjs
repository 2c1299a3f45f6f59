import { readFileSync } from 'node:fs';

/** Mebibytes of this process that are in memory now, as the kernel counts, and of those the ones that no file backs. */
export function residentMemory() {
  const status = readFileSync('/proc/self/status', 'utf8');
  const read = (/** @type {string} */ name) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024;
  return { resident: read('VmRSS'), anonymous: read('RssAnon') };
}
