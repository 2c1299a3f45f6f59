import { readdirSync, readFileSync } from 'node:fs';

/** The processes that carry a mark in their environment: a test file's own and what it has started, and so on. */
export function markedProcesses(mark) {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => ({ pid: Number(pid), environment: read(`/proc/${pid}/environ`) }))
    .filter(({ environment }) => environment.split('\0').includes(mark))
    .map(({ pid }) => ({ pid, command: read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim() }));
}

function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    // It has just ended, or is not ours.
    return '';
  }
}
