import { closeSync, openSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { ProcessId } from '../system/processes.ts';
import { runTool } from '../system/tools.ts';
import { LabError } from './lab-error.ts';
import { type CableEnd, type LabPlan, namespacesOf, wireInterfaces, wireNamespaceOf } from './lab-plan.ts';
import { type LabState, logPath, type Place, removeState, statePath, writeState } from './lab-state.ts';
import {
  checkFree,
  entering,
  makeHeld,
  makeNamed,
  nameForIp,
  removePlaces,
  startBackground,
} from './places.ts';

/** More than the MTU on the wire's side, for a second VLAN tag. */
const TAGS = 8;

/** Makes a lab. What it has made when something fails, or `signal` is aborted, is removed again. */
export async function build(plan: LabPlan, signal: AbortSignal): Promise<LabState> {
  const kind = (await canName()) ? 'named' : 'held';
  if (kind === 'named') for (const name of namespacesOf(plan)) checkFree(name, plan.name);
  let state: LabState = {
    version: 1,
    plan,
    created: new Date().toISOString(),
    kind,
    places: namespacesOf(plan).map((name) => ({ name })),
    complete: false,
  };
  const note = (change: Partial<LabState>): void => {
    state = { ...state, ...change };
    writeState(state);
    signal.throwIfAborted();
  };
  try {
    note({});
    const places = new Map<string, Place>();
    for (const { name } of state.places) {
      const first = places.values().next().value;
      places.set(
        name,
        kind === 'named' ? await makeNamed(name) : await makeHeld(name, first, statePath(plan.name)),
      );
      note({ places: state.places.map((place) => places.get(place.name) ?? place) });
    }
    for (const n of plan.cables.keys()) {
      await layCable(plan, n, places);
      signal.throwIfAborted();
    }
    if (plan.impair !== undefined) note({ wire: await startWire(state) });
    note({ complete: true });
    return state;
  } catch (error) {
    await tearDown(state);
    throw error;
  }
}

/** Removes all of a lab, however much of it there is. */
export async function tearDown(state: LabState): Promise<void> {
  await removePlaces(state);
  removeState(state.plan.name);
}

/** Starts the wires of a lab that has everything else. */
export async function startWire({ plan, places }: LabState): Promise<ProcessId> {
  const place = places.find(({ name }) => name === wireNamespaceOf(plan.name))!;
  const script = fileURLToPath(new URL('./wire-process.js', import.meta.url));
  const log = openSync(logPath(plan.name), 'a', 0o600);
  try {
    return await startBackground(
      [...entering(place), process.execPath, script, statePath(plan.name)],
      statePath(plan.name),
      log,
    );
  } catch (error) {
    const [reason] = readFileSync(logPath(plan.name), 'utf8').trim().split('\n').slice(-1);
    throw new LabError(`the wire did not start: ${reason || (error as Error).message}`);
  } finally {
    closeSync(log);
  }
}

/** Whether this user may give namespaces names: it is tried, for root inside of a container may not. */
async function canName(): Promise<boolean> {
  if (process.getuid?.() !== 0) return false;
  const probe = `etherconn-${process.pid}`;
  try {
    await runTool(['ip', 'netns', 'add', probe]);
    await runTool(['ip', 'netns', 'delete', probe]);
    return true;
  } catch {
    return false;
  }
}

async function layCable(plan: LabPlan, n: number, places: ReadonlyMap<string, Place>): Promise<void> {
  const [left, right] = plan.cables[n].ends;
  const at = (end: CableEnd): Side => ({
    place: places.get(end.namespace)!,
    name: end.interface,
    mtu: plan.mtu,
  });
  if (plan.impair === undefined) await makePair(at(left), at(right), plan.queues);
  else {
    const wire = places.get(wireNamespaceOf(plan.name))!;
    for (const [side, name] of wireInterfaces(n).entries()) {
      const end = plan.cables[n].ends[side];
      await makePair(at(end), { place: wire, name, mtu: plan.mtu + TAGS }, plan.queues);
      await setUp(wire, name, false);
      // A frame of several segments does not fit into a socket: each is to be one.
      await runTool([...entering(at(end).place), 'ip', 'link', 'set', end.interface, 'gso_max_segs', '1']);
    }
  }
  for (const end of [left, right]) {
    const { place, name } = at(end);
    await setUp(place, name, end.addresses.some(isV6));
    for (const address of end.addresses)
      await runTool([
        ...entering(place),
        ...['ip', 'address', 'add', address, 'dev', name, ...(isV6(address) ? ['nodad'] : [])],
      ]);
  }
}

interface Side {
  readonly place: Place;
  readonly name: string;
  readonly mtu: number;
}

function isV6(address: string): boolean {
  return address.includes(':');
}

async function makePair(left: Side, right: Side, queues: number): Promise<void> {
  const shape = (side: Side): string[] => [
    ...['name', side.name, 'mtu', `${side.mtu}`],
    ...['numrxqueues', `${queues}`, 'numtxqueues', `${queues}`],
  ];
  await runTool([
    ...entering(left.place),
    ...['ip', 'link', 'add', ...shape(left), 'type', 'veth'],
    ...['peer', ...shape(right), 'netns', nameForIp(right.place)],
  ]);
}

/** Without IPv6 addresses the kernel sends nothing of its own: an idle cable is silent. */
async function setUp(place: Place, name: string, ipv6: boolean): Promise<void> {
  if (!ipv6) {
    const setting = `/proc/sys/net/ipv6/conf/${name}/disable_ipv6`;
    await runTool([...entering(place), 'sh', '-c', `[ ! -e ${setting} ] || echo 1 > ${setting}`]);
  }
  await runTool([...entering(place), 'ip', 'link', 'set', name, 'up']);
}
