import { spawn } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import {
  endAll,
  findProcesses,
  hasVariable,
  identify,
  isRunning,
  networkOf,
  type ProcessId,
} from '../system/processes.ts';
import { runTool, ToolError, toolEnvironment } from '../system/tools.ts';
import { LabError } from './lab-error.ts';
import { interfacesIn } from './lab-plan.ts';
import { type LabState, MARK, type Place, statePath } from './lab-state.ts';

/**
 * Network namespaces that outlive the command. Root gives them names, as `ip netns` does. An ordinary user cannot; there
 * a process holds each of them, all in one user namespace, which the first holder has made.
 */

/** Longer than any machine runs, in seconds. */
const FOREVER = '2147483647';
/** Makes the loopback interface work, says so, and then does nothing. */
const HOLD = ['sh', '-c', `ip link set lo up && echo ready && exec sleep ${FOREVER}`] as const;

export function namedPath(name: string): string {
  return `/run/netns/${name}`;
}

/** Throws when there is a namespace of this name, for it is somebody's. */
export function checkFree(name: string, lab: string): void {
  if (existsSync(namedPath(name)))
    throw new LabError(
      `there is a network namespace '${name}' that no lab has made; choose another name than '${lab}', or remove it: ip netns delete ${name}`,
    );
}

export async function makeNamed(name: string): Promise<Place> {
  await runTool(['ip', 'netns', 'add', name]);
  const place = { name, network: networkAt(name)! };
  await runTool([...entering(place), 'ip', 'link', 'set', 'lo', 'up']);
  return place;
}

/** @param first of the lab, whose user namespace the others are made in */
export async function makeHeld(name: string, first: Place | undefined, mark: string): Promise<Place> {
  const words =
    first === undefined
      ? ['unshare', '--user', '--map-root-user', '--net', ...HOLD]
      : [...entering(first), 'unshare', '--net', ...HOLD];
  const holder = await startBackground(words, mark, 'ignore').catch((error) => {
    if (error instanceof ToolError)
      throw new LabError(`a lab needs root or user namespaces: ${error.message}; etherconn doctor says more`);
    throw error;
  });
  return { name, network: networkOf(holder.pid)!, holder };
}

/**
 * Starts a process that outlives this one, and waits until it says 'ready'. Its errors go to the descriptor `log`.
 * Throws a ToolError with what it says instead.
 */
export async function startBackground(
  words: readonly string[],
  mark: string,
  log: number | 'ignore',
): Promise<ProcessId> {
  const child = spawn(words[0], words.slice(1), {
    detached: true,
    stdio: ['ignore', 'pipe', log === 'ignore' ? 'pipe' : log],
    env: { ...toolEnvironment(), [MARK]: mark },
  });
  let errors = '';
  child.stderr?.on('data', (chunk) => {
    errors += chunk;
  });
  await new Promise<void>((resolve, reject) => {
    let said = '';
    child.stdout!.on('data', (chunk) => {
      said += chunk;
      if (said.includes('ready\n')) resolve();
    });
    child.once('error', (error) =>
      reject(new ToolError(`${words[0]} could not be started: ${error.message}`)),
    );
    // Not 'exit': the errors shall be read before.
    child.once('close', (code) =>
      reject(new ToolError(errors.trim().split('\n')[0] || `${words[0]} ended (${code})`)),
    );
  });
  const id = identify(child.pid!);
  if (id === undefined) throw new ToolError(`${words[0]} ended`);
  child.removeAllListeners();
  child.stdout!.destroy();
  child.stderr?.destroy();
  child.unref();
  return id;
}

/** Whether the namespace is there, and still the one that was made. */
export function isThere({ name, network, holder }: Place): boolean {
  if (network === undefined) return false;
  return holder === undefined ? networkAt(name) === network : isRunning(holder);
}

function networkAt(name: string): string | undefined {
  const status = statSync(namedPath(name), { throwIfNoEntry: false });
  return status === undefined ? undefined : `net:[${status.ino}]`;
}

/** What to put before a command so that it runs in the namespace. */
export function entering({ name, holder }: Place): string[] {
  if (holder === undefined) return ['ip', 'netns', 'exec', name];
  return ['nsenter', '--target', `${holder.pid}`, '--user', '--preserve-credentials', '--net'];
}

/** The command line of a program in the namespace. /sys is to show its interfaces, too, as `ip netns exec` has it. */
export function runningIn(place: Place, words: readonly string[]): string[] {
  const own = place.holder === undefined ? [] : ['unshare', '--mount'];
  const sys = place.holder === undefined ? '' : 'mount -t sysfs sysfs /sys 2>/dev/null; ';
  return [...entering(place), ...own, 'sh', '-c', `${sys}exec "$@"`, 'sh', ...words];
}

/** What `ip link … netns` takes. */
export function nameForIp({ name, holder }: Place): string {
  return holder === undefined ? name : `${holder.pid}`;
}

/**
 * Ends all processes in these namespaces, and removes them. A place that was planned and never noted may exist all the
 * same, when the command that made it was killed. It was found free before, so what has its name was made for the lab.
 */
export async function removePlaces({ kind, places, plan }: LabState): Promise<void> {
  const mark = statePath(plan.name);
  const named =
    kind === 'named' ? places.filter((place) => place.network === undefined || isThere(place)) : [];
  const networks = new Set([
    ...places.map(({ network }) => network),
    ...named.map(({ name }) => networkAt(name)),
  ]);
  networks.delete(undefined);
  await endAll(
    findProcesses((pid) => {
      const network = networkOf(pid);
      return (network !== undefined && networks.has(network)) || hasVariable(pid, MARK, mark);
    }),
  );
  for (const place of named) {
    if (!existsSync(namedPath(place.name))) continue;
    // Whoever has the namespace open keeps it, but not the interfaces.
    for (const name of interfacesIn(plan, place.name))
      await runTool([...entering(place), 'ip', 'link', 'delete', name]).catch(() => {});
    await runTool(['ip', 'netns', 'delete', place.name]);
  }
}
