import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** A process, so that it is not taken for a later one with the same number. */
export interface ProcessId {
  readonly pid: number;
  /** When it began, in the kernel's ticks since boot. */
  readonly start: number;
}

/** Milliseconds that a process gets to end by itself. */
const GRACE = 1000;
const LOOK_EVERY = 10;

/** Field 22 of /proc/PID/stat, counted behind the name, which may contain spaces; zombies have ended. */
export function identify(pid: number): ProcessId | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : { pid, start: Number(fields[19]) };
  } catch {
    return undefined;
  }
}

export function isRunning(id: ProcessId): boolean {
  return identify(id.pid)?.start === id.start;
}

/** Ends processes: asks them first, and does not ask again after a second. Resolves once none of them runs. */
export async function endAll(ids: readonly ProcessId[]): Promise<void> {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    for (const id of ids) if (isRunning(id)) kill(id.pid, signal);
    for (let waited = 0; waited < GRACE && ids.some(isRunning); waited += LOOK_EVERY)
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY));
  }
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** All processes that `select` takes; this one and those above it are not among them. */
export function findProcesses(select: (pid: number) => boolean): ProcessId[] {
  const own = new Set(ancestors());
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && !own.has(Number(name)) && select(Number(name)))
    .map((name) => identify(Number(name)))
    .filter((id) => id !== undefined);
}

/** The network namespace that a process is in: 'net:[4026531840]'. Undefined when it has ended or is another's. */
export function networkOf(pid: number | 'self'): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return undefined;
  }
}

/** Whether a process was started with this in its environment. */
export function hasVariable(pid: number, name: string, value: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(`${name}=${value}`);
  } catch {
    return false;
  }
}

function ancestors(): number[] {
  const found: number[] = [];
  for (let pid = process.pid; pid > 1 && !found.includes(pid); ) {
    found.push(pid);
    try {
      pid = Number(/^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
    } catch {
      break;
    }
  }
  return found;
}
