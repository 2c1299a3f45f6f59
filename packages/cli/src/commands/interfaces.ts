import { Command } from 'commander';
import type { VlanOffload } from 'etherconn';
import { examine } from '../doctor/examine.ts';
import type { Finding } from '../doctor/finding.ts';
import { ExitCode } from '../exit-code.ts';
import { LineOutput } from '../line-output.ts';
import { ScenarioError } from '../scenario/scenario-error.ts';
import { type InterfaceFacts, readInterfaces } from '../system/interfaces.ts';
import { guarded } from './failure.ts';

/** An interface, and what etherconn can do with it. */
interface Listed extends InterfaceFacts {
  /** Whether it takes VLAN tags out of received frames, before AF_XDP sees them; null when nobody tells. */
  readonly vlanOffload: VlanOffload['state'] | null;
  /** Engines that would work here and now. */
  readonly engines: readonly ('packet' | 'xdp')[];
  /** Why not, and what to know. */
  readonly notes: readonly string[];
}

export function interfacesCommand(): Command {
  return new Command('interfaces')
    .description('list the network interfaces, and what works on them')
    .argument('[names...]', 'interfaces to list (default: all)')
    .option('--netns <name>', 'network namespace: a name, a process id or a path')
    .option('--json', 'print one JSON object')
    .option('--verbose', 'print the stack of an error')
    .addHelpText(
      'after',
      `
Examples:
  etherconn interfaces
  etherconn interfaces eth0 --json
`,
    )
    .action(
      async (
        names: string[],
        options: { netns?: string; json?: boolean; verbose?: boolean },
      ): Promise<void> => {
        process.exitCode = await guarded(options.verbose === true, () =>
          interfaces(names, options.netns, options.json === true),
        );
      },
    );
}

async function interfaces(
  names: readonly string[],
  netns: string | undefined,
  json: boolean,
): Promise<number> {
  // Loaded when asked for: the other commands need none of it.
  const [{ namespacePath }, { vlanOffload }] = await Promise.all([
    import('../runner/engine.ts'),
    import('etherconn'),
  ]);
  const path = namespacePath('--netns', netns);
  const [findings, facts] = await Promise.all([examine(), readInterfaces(path, names)]);
  for (const name of names)
    if (!facts.some((each) => each.name === name))
      throw new ScenarioError('NAME', `there is no interface '${name}'; etherconn interfaces lists them`);
  const askedOf = (name: string): VlanOffload | null => {
    try {
      return vlanOffload(name, path === undefined ? {} : { netns: path });
    } catch {
      // Without the addon, or without permission to enter the namespace, nobody tells.
      return null;
    }
  };
  const listed = facts.map((each) => judged(each, findings, askedOf(each.name)));
  const output = new LineOutput(process.stdout);
  if (json) output.line(JSON.stringify({ interfaces: listed }));
  else for (const line of table(listed)) output.line(line);
  await output.flush();
  return ExitCode.OK;
}

function judged(facts: InterfaceFacts, findings: readonly Finding[], vlans: VlanOffload | null): Listed {
  const works = (name: string): Finding | undefined => findings.find((finding) => finding.name === name);
  const [packet, xdp] = [works('AF_PACKET link'), works('AF_XDP link')];
  const engines: Listed['engines'][number][] = [];
  const notes: string[] = [];
  if (!facts.ethernet) notes.push('its frames are not Ethernet frames');
  if (facts.state !== 'up')
    notes.push(facts.state === 'down' ? `is down: ip link set ${facts.name} up` : 'has no carrier');
  const usable = facts.ethernet && facts.state !== 'down';
  if (usable && packet?.state === 'ok') engines.push('packet');
  else if (usable) notes.push(`AF_PACKET: ${packet?.detail ?? 'unknown'}`);
  const [program] = facts.xdp;
  if (program !== undefined)
    notes.push(
      `an XDP program is attached (${program.mode}, id ${program.programId}): AF_XDP works when it is gone`,
    );
  else if (usable && xdp?.state === 'ok') engines.push('xdp');
  else if (usable) notes.push(`AF_XDP: ${xdp?.detail ?? 'unknown'}`);
  if (usable && vlans?.state === 'on')
    notes.push(`takes VLAN tags out of received frames, so AF_XDP does not see them: ${vlans.advice}`);
  return { ...facts, vlanOffload: vlans?.state ?? null, engines, notes };
}

function table(listed: readonly Listed[]): string[] {
  const rows = listed.map((each) => [
    each.name,
    each.state,
    `${each.mtu}`,
    each.mac ?? '-',
    each.driver ?? '?',
    `${each.rxQueues}/${each.txQueues}`,
    each.xdp.length === 0 ? '-' : each.xdp.map(({ mode }) => mode).join(' '),
    each.engines.length === 0 ? '-' : each.engines.join(' '),
    each.offloads === null ? '?' : each.offloads.length === 0 ? '-' : each.offloads.join(' '),
  ]);
  const head = ['name', 'state', 'mtu', 'mac', 'driver', 'queues', 'xdp', 'engines', 'offloads'];
  const all = [head, ...rows];
  const widths = head.map((_, i) => Math.max(...all.map((row) => row[i].length)));
  const lines = all.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i]))
      .join('  ')
      .trimEnd(),
  );
  const notes = listed.flatMap(({ name, notes: each }) => each.map((note) => `${name}: ${note}`));
  return notes.length === 0 ? lines : [...lines, '', ...notes];
}
