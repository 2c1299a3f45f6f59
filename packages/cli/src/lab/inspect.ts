import { createConnection } from 'node:net';
import { isRunning } from '../system/processes.ts';
import { runTool } from '../system/tools.ts';
import { interfacesIn } from './lab-plan.ts';
import { type LabState, socketOf, statePath } from './lab-state.ts';
import { entering, isThere } from './places.ts';
import type { DirectionStats } from './wire.ts';

/** How a lab is now. */
export interface LabCondition {
  /** What is not as it was made, and what to do; none of a lab that works. */
  readonly problems: readonly string[];
  /** Whether `lab up` can mend it: a wire that has ended is started again. */
  readonly mendable: boolean;
  /** What the wire of each cable has done; undefined without a wire that answers. */
  readonly wires?: readonly { readonly toRight: DirectionStats; readonly toLeft: DirectionStats }[];
}

/** Milliseconds that a wire has to answer. */
const PATIENCE = 2000;

export async function inspect(state: LabState): Promise<LabCondition> {
  const { plan, places, wire } = state;
  const problems: string[] = [];
  if (!state.complete) problems.push('lab up did not come to its end');
  for (const place of places) {
    if (isThere(place)) problems.push(...(await missingInterfaces(state, place)));
    else problems.push(`the network namespace ${place.name} is gone`);
  }
  const mendable = problems.length === 0;
  if (plan.impair === undefined) return { problems, mendable };
  const wires = wire !== undefined && isRunning(wire) ? await askWire(plan.name) : undefined;
  if (wires === undefined) problems.push('the wire has ended');
  return { problems, mendable, ...(wires === undefined ? {} : { wires }) };
}

async function missingInterfaces(
  { plan }: LabState,
  place: Parameters<typeof entering>[0],
): Promise<string[]> {
  const links = JSON.parse(await runTool([...entering(place), 'ip', '-json', 'link', 'show'])) as {
    ifname: string;
  }[];
  return interfacesIn(plan, place.name)
    .filter((name) => !links.some(({ ifname }) => ifname === name))
    .map((name) => `interface ${name} of ${place.name} is gone`);
}

function askWire(name: string): Promise<LabCondition['wires']> {
  return new Promise((resolve) => {
    const socket = createConnection(socketOf(statePath(name)));
    let text = '';
    socket.setTimeout(PATIENCE, () => socket.destroy());
    socket.setEncoding('utf8').on('data', (chunk) => {
      text += chunk;
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      try {
        resolve(JSON.parse(text));
      } catch {
        resolve(undefined);
      }
    });
  });
}
