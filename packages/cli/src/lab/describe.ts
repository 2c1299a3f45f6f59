import type { Impairments } from 'etherconn/link';
import { counted, percent, scaled, whole } from '../figures/format.ts';
import type { LabCondition } from './inspect.ts';
import type { CableEnd, LabPlan } from './lab-plan.ts';
import type { LabState } from './lab-state.ts';
import { namedPath } from './places.ts';
import type { DirectionStats } from './wire.ts';

/** Labs as people, and as programs, read them. */

/** 'loss 1 %, delay 20 ± 5 ms, 100 Mbit/s'. */
export function faultsText({ loss, duplicate, corrupt, reorder, delay, jitter, rate }: Impairments): string {
  const parts: string[] = [];
  const chance = (name: string, value: number | undefined): void => {
    if (value !== undefined && value > 0) parts.push(`${name} ${percent(value)}`);
  };
  chance('loss', loss);
  if (delay !== undefined || jitter !== undefined)
    parts.push(`delay ${brief(delay ?? 0)}${jitter === undefined ? '' : ` ± ${brief(jitter)}`} ms`);
  chance('reordered', reorder);
  chance('duplicates', duplicate);
  chance('corrupt', corrupt);
  if (rate !== undefined) parts.push(scaled(rate, 'bit/s'));
  return parts.join(', ');
}

function brief(value: number): number {
  return Number(value.toPrecision(3));
}

/** A picture of the cables: who is joined to whom. */
export function picture({ cables, impair }: LabPlan): string[] {
  const middle = impair === undefined ? '── veth ──' : '── veth ── wire ── veth ──';
  const text = ({ namespace, interface: name, addresses }: CableEnd): string =>
    [namespace, name, ...addresses].join(' ');
  const width = Math.max(...cables.map(({ ends: [left] }) => text(left).length));
  const lines = cables.map(
    ({ ends: [left, right] }) => `  ${text(left).padEnd(width)}  ${middle}  ${text(right)}`,
  );
  if (impair !== undefined) lines.push(`  each wire, each way: ${faultsText(impair)}`);
  return lines;
}

/** Commands to copy, which work in this lab. */
export function nextSteps({ plan, kind }: LabState): string[] {
  const [left, right] = plan.cables[0].ends;
  const reached = right.addresses[0]?.split('/')[0];
  const inside = (end: CableEnd, command: string): string =>
    `  etherconn lab exec ${end.namespace} -- ${command}`;
  const own = (end: CableEnd, command: string): string =>
    kind === 'named'
      ? `  etherconn ${command} --netns ${end.namespace}`
      : inside(end, `etherconn ${command}`);
  const name = plan.name === DEFAULT_NAME ? '' : ` ${plan.name}`;
  const lines: string[] = [];
  if (reached !== undefined) {
    lines.push(inside(left, `ping -c 3 ${reached}`));
    // Machines that are simulated answer, too; the kernel has its own address there.
    const network = reached.includes(':') ? undefined : reached.replace(/\d+$/, '');
    if (network !== undefined) {
      lines.push(own(right, `udp echo ${right.interface} --address ${network}200`));
      lines.push(
        own(
          left,
          `udp send ${left.interface} --from ${network}100+20 --to ${network}200 --round-trip --duration 5s`,
        ),
      );
    }
  }
  lines.push(`  etherconn lab shell ${left.namespace}`, `  etherconn lab down${name}`);
  return lines;
}

export const DEFAULT_NAME = 'lab';

/** A lab of `lab list`. */
export function listing(state: LabState, condition: LabCondition): string[] {
  const { plan } = state;
  const { problems, mendable, wires } = condition;
  const head = problems.length === 0 ? 'up' : 'broken';
  const remedy = mendable
    ? `etherconn lab up ${plan.name}, with the same options,`
    : `etherconn lab down ${plan.name}`;
  return [
    `${plan.name}: ${head}, since ${state.created}`,
    ...picture(plan),
    ...(wires ?? []).flatMap(({ toRight, toLeft }, n) => {
      const [left, right] = plan.cables[n].ends;
      return [
        `  ${left.namespace} > ${right.namespace}: ${countsText(toRight)}`,
        `  ${right.namespace} > ${left.namespace}: ${countsText(toLeft)}`,
      ];
    }),
    ...problems.map((problem) => `  ${problem}: ${remedy} repairs it`),
  ];
}

function countsText(stats: DirectionStats): string {
  const { frames, ...rest } = stats;
  const parts = Object.entries(rest)
    .filter(([name, count]) => count > 0 && name !== 'delayed')
    .map(([name, count]) => `${whole(count)} ${name}`);
  return [counted(frames, 'frame'), ...parts].join(', ');
}

/** The same as data. */
export function listingJson(state: LabState, { problems, wires }: LabCondition): object {
  const { plan, places, kind, created, wire } = state;
  return {
    name: plan.name,
    state: problems.length === 0 ? 'up' : 'broken',
    created,
    namespaces: places.map(({ name, holder }) => ({
      name,
      path: holder === undefined ? namedPath(name) : `/proc/${holder.pid}/ns/net`,
    })),
    kind,
    mtu: plan.mtu,
    queues: plan.queues,
    ...(plan.impair === undefined ? {} : { impair: plan.impair, seed: plan.seed }),
    links: plan.cables.map(({ ends }, n) => ({ ends, ...(wires === undefined ? {} : { wire: wires[n] }) })),
    ...(wire === undefined ? {} : { wirePid: wire.pid }),
    problems,
  };
}
