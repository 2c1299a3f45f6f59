import { toolEnvironment } from '../system/tools.ts';
import { build, startWire, tearDown } from './build.ts';
import { listing, listingJson, nextSteps, picture } from './describe.ts';
import { inspect } from './inspect.ts';
import { LabError } from './lab-error.ts';
import type { LabPlan } from './lab-plan.ts';
import { type LabState, labNames, readState, withLock, writeState } from './lab-state.ts';
import { isThere, runningIn } from './places.ts';

/** What the commands do; each returns the lines to print. */

/** Makes a lab, or mends it; one that is as it was asked for is left alone. */
export function bringUp(plan: LabPlan, signal: AbortSignal): Promise<string[]> {
  checkPlatform();
  return withLock(plan.name, async () => {
    const before = readState(plan.name);
    if (before?.complete === true) {
      const { problems, mendable } = await inspect(before);
      if (mendable || problems.length === 0) {
        if (JSON.stringify(before.plan) !== JSON.stringify(plan))
          throw new LabError(
            `lab '${plan.name}' is up with other options; remove it first: etherconn lab down ${plan.name}`,
          );
        if (problems.length === 0) return report(before, 'is up already');
        const mended = { ...before, wire: await startWire(before) };
        writeState(mended);
        return report(mended, 'is up again: its wire had ended');
      }
    }
    // What a killed command, or somebody's ip netns delete, has left of an earlier one.
    if (before !== undefined) await tearDown(before);
    return report(await build(plan, signal), 'is up');
  });
}

function report(state: LabState, what: string): string[] {
  return [`Lab '${state.plan.name}' ${what}:`, ...picture(state.plan), '', 'Try:', ...nextSteps(state)];
}

/** @param name undefined for all labs */
export async function bringDown(name: string | undefined): Promise<string[]> {
  checkPlatform();
  const names = name === undefined ? labNames() : [name];
  const lines: string[] = [];
  for (const each of names)
    lines.push(
      await withLock(each, async () => {
        const state = readState(each);
        if (state === undefined) return `Lab '${each}' is not up.`;
        await tearDown(state);
        return `Lab '${each}' is removed.`;
      }),
    );
  return lines.length === 0 ? ['No lab is up.'] : lines;
}

export async function listLabs(json: boolean): Promise<string[]> {
  checkPlatform();
  const labs = [];
  for (const name of labNames()) {
    const state = readState(name);
    if (state !== undefined) labs.push({ state, condition: await inspect(state) });
  }
  if (json)
    return [JSON.stringify({ labs: labs.map(({ state, condition }) => listingJson(state, condition)) })];
  if (labs.length === 0) return ['No lab is up. This makes one: etherconn lab up'];
  return labs.flatMap(({ state, condition }) => listing(state, condition));
}

/** How to run a command in a namespace of a lab. */
export function commandIn(
  namespace: string,
  words: readonly string[],
): { readonly program: string; readonly args: readonly string[]; readonly env: NodeJS.ProcessEnv } {
  checkPlatform();
  const known: string[] = [];
  for (const name of labNames()) {
    const place = readState(name)?.places.find((each) => each.name === namespace);
    if (place !== undefined && !isThere(place))
      throw new LabError(
        `the network namespace ${namespace} is gone; etherconn lab down ${name} removes the rest`,
      );
    if (place !== undefined) {
      const [program, ...args] = runningIn(place, words);
      return { program, args, env: toolEnvironment() };
    }
    known.push(...(readState(name)?.places ?? []).map((each) => each.name));
  }
  const advice = known.length === 0 ? `no lab is up: etherconn lab up` : `there are ${known.join(', ')}`;
  throw new LabError(`no lab has a namespace '${namespace}'; ${advice}`);
}

function checkPlatform(): void {
  if (process.platform !== 'linux') throw new LabError('a lab needs Linux');
}
