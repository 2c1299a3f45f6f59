import {
  accessSync,
  constants,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { identify, isRunning, type ProcessId } from '../system/processes.ts';
import { LabError } from './lab-error.ts';
import type { LabPlan } from './lab-plan.ts';

/** A network namespace that was made for a lab. */
export interface Place {
  readonly name: string;
  /** The kernel's name of it, 'net:[4026532000]': another namespace of the same name is not ours. */
  readonly network?: string;
  /** The process that holds it; undefined of a namespace that has a name in /run/netns. */
  readonly holder?: ProcessId;
}

/** What is known of a lab outside of this process. It is written before anything is made. */
export interface LabState {
  readonly version: 1;
  readonly plan: LabPlan;
  readonly created: string;
  /** 'named': by root, in /run/netns. 'held': in a user namespace, by processes. */
  readonly kind: 'named' | 'held';
  readonly places: readonly Place[];
  readonly wire?: ProcessId;
  /** Whether `lab up` has come to its end. */
  readonly complete: boolean;
}

/** The environment variable that marks the processes of a lab; its value is the path of the state. */
export const MARK = 'ETHERCONN_LAB_STATE';

let folder: string | undefined;

/** Where the states are: of root /run, else what the session has, or a folder of the user's own in /tmp. */
export function stateFolder(): string {
  folder ??= makeFolder();
  return folder;
}

function makeFolder(): string {
  const uid = process.getuid?.() ?? 0;
  const { XDG_RUNTIME_DIR: session } = process.env;
  const base =
    uid === 0 && isWritable('/run')
      ? '/run/etherconn'
      : session !== undefined && isWritable(session)
        ? join(session, 'etherconn')
        : `/tmp/etherconn-${uid}`;
  mkdirSync(base, { recursive: true, mode: 0o700 });
  const { uid: owner } = lstatSync(base);
  if (!lstatSync(base).isDirectory() || owner !== uid)
    throw new LabError(`${base} belongs to somebody else; set XDG_RUNTIME_DIR to a folder of your own`);
  const path = join(base, 'labs');
  mkdirSync(path, { recursive: true, mode: 0o700 });
  return path;
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

export function statePath(name: string): string {
  return join(stateFolder(), `${name}.json`);
}

export function logPath(name: string): string {
  return join(stateFolder(), `${name}.log`);
}

/** Where the wires of the lab with this state answer. */
export function socketOf(state: string): string {
  return state.replace(/json$/, 'sock');
}

/** Names of all labs, also of those that are broken. */
export function labNames(): string[] {
  return readdirSync(stateFolder())
    .filter((file) => file.endsWith('.json'))
    .map((file) => file.slice(0, -'.json'.length))
    .sort();
}

/** Undefined when there is no such lab. */
export function readState(name: string): LabState | undefined {
  let text: string;
  try {
    text = readFileSync(statePath(name), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const state = JSON.parse(text) as LabState;
    if (state.version === 1) return state;
  } catch {}
  throw new LabError(`${statePath(name)} is not the state of a lab; remove the file`);
}

/** Replaces the state in one step, so that it is never half a file. */
export function writeState(state: LabState): void {
  const path = statePath(state.plan.name);
  writeFileSync(`${path}.new`, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** The state goes last: whatever it tells of is gone before. */
export function removeState(name: string): void {
  for (const path of [socketOf(statePath(name)), logPath(name), `${statePath(name)}.new`, statePath(name)])
    rmSync(path, { force: true });
}

/** Does `work` while no other command changes this lab. The lock of a process that is gone does not count. */
export async function withLock<T>(name: string, work: () => Promise<T>): Promise<T> {
  const path = join(stateFolder(), `${name}.lock`);
  takeLock(name, path);
  try {
    return await work();
  } finally {
    rmSync(path, { force: true });
  }
}

function takeLock(name: string, path: string): void {
  const own = `${path}.${process.pid}`;
  writeFileSync(own, JSON.stringify(identify(process.pid)), { mode: 0o600 });
  try {
    if (isLinked(own, path)) return;
    const other = JSON.parse(readFileSync(path, 'utf8')) as ProcessId;
    if (!isRunning(other)) {
      rmSync(path, { force: true });
      if (isLinked(own, path)) return;
    }
    throw new LabError(`another command is at work on lab '${name}' (process ${other.pid}); wait for it`);
  } finally {
    rmSync(own, { force: true });
  }
}

/** The lock appears with its owner in it, or not at all. */
function isLinked(own: string, path: string): boolean {
  try {
    linkSync(own, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}
