import { Command, Option } from 'commander';
import { CLIENTS_MAX, PingMachines, type PingPlan } from '../ping/ping-plan.ts';
import { parseImpairments } from '../scenario/impairments.ts';
import { parseCount, parseDuration, parsePrefix, parseWhole, prefixOf } from '../scenario/quantity.ts';
import { parseAddressRange, parseMacRange, parseVlanRange, type Range } from '../scenario/range.ts';
import { ScenarioError } from '../scenario/scenario-error.ts';
import { addCommonOptions, type CommonOptions, defaulted, parsed } from './common-options.ts';
import { guarded } from './failure.ts';

type AddressRange = ReturnType<typeof parseAddressRange>;

interface PingOptions extends CommonOptions {
  readonly from: AddressRange;
  readonly fromMac?: Range<string>;
  readonly vlan?: Range<readonly number[]>;
  readonly clients?: number;
  readonly prefix?: number;
  readonly gateway?: string;
  readonly count?: number;
  readonly interval: number;
  readonly flood?: true;
  readonly timeout: number;
  readonly deadline?: number;
  readonly size: number;
  readonly ttl: number;
  readonly tos: number;
  readonly pmtudisc: PingPlan['fragments'];
  readonly quiet?: true;
  readonly reportMissing?: true;
  readonly '4'?: true;
  readonly '6'?: true;
  readonly impair?: ReturnType<typeof parseImpairments>;
}

export function pingCommand(): Command {
  const whole = (min: number, max: number) => parsed((option, text) => parseWhole(option, text, min, max));
  const command = new Command('ping')
    .description('ping from any MAC address, VLAN and IP address, or from many at once')
    .argument('<interface>', 'interface to send on; any word with --engine memory')
    .argument('<destination>', 'addresses to ping, like 10.0.0.1 or 10.0.0.1+10', parsed(parseAddressRange))
    .requiredOption(
      '--from <addresses>',
      'source addresses, like 10.0.0.10 or 10.0.0.10+100',
      parsed(parseAddressRange),
    )
    .option(
      '--from-mac <macs>',
      'source MAC addresses (default: 02:ec and the IP address)',
      parsed(parseMacRange),
    )
    .option('--vlan <ids>', 'VLAN tags, like 100, 100.200 or 100-199', parsed(parseVlanRange))
    .option(
      '--clients <n>',
      'machines that ping (default: as many as the longest range has)',
      parsed((option, text) => parseCount(option, text, CLIENTS_MAX)),
    )
    .option(
      '--prefix <length>',
      'length of the network prefix (default: 24, 64 with IPv6)',
      parsed(parsePrefix),
    )
    .option('--gateway <address>', 'router for destinations outside of the network')
    .option(
      '-c, --count <n>',
      'requests of each machine (default: until Ctrl-C)',
      parsed((option, text) => parseCount(option, text)),
    )
    .addOption(
      defaulted('-i, --interval <time>', 'time between the requests of a machine', parseDuration, '1s'),
    )
    .addOption(
      new Option(
        '-f, --flood',
        'send again as soon as a reply comes, and at least 100 times a second',
      ).conflicts('interval'),
    )
    .option('-s, --size <bytes>', 'bytes of data', whole(0, 65_507), 56)
    .addOption(
      defaulted('-W, --timeout <time>', 'how long to wait for the last replies', parseDuration, '10s'),
    )
    .option(
      '-w, --deadline <time>',
      'end after this time, even without replies (default: none)',
      parsed(parseDuration),
    )
    .option('-q, --quiet', 'print only the first line and the summary')
    .option('-t, --ttl <n>', 'TTL, or hop limit', whole(1, 255), 64)
    .option('-Q, --tos <n>', 'type of service, or traffic class', whole(0, 255), 0)
    .addOption(
      new Option(
        '-M, --pmtudisc <how>',
        'fragmentation: do (never), want (only if the path is known to have a smaller MTU), dont (also by routers)',
      )
        .choices(['do', 'want', 'dont'])
        .default('want'),
    )
    .option('-O, --report-missing', 'report each request that has no reply when the next one is sent')
    .addOption(new Option('-4', 'the destination must be an IPv4 address').conflicts('6'))
    .option('-6', 'the destination must be an IPv6 address')
    .option(
      '--impair <faults>',
      'faults of --engine memory: loss=1%,delay=5ms,jitter=1ms …',
      parsed(parseImpairments),
    );
  return addCommonOptions(command, ['auto', 'xdp', 'packet', 'memory'])
    .addHelpText(
      'after',
      `
Times without a unit are seconds. Without any reply the exit code is 1.

Examples:
  etherconn ping mem 10.0.0.1 --engine memory --from 10.0.0.10 -c 3 -i 0.2
  etherconn ping eth0 10.0.0.1 --from 10.0.0.10 --from-mac 02:00:00:00:00:10 --vlan 100 -c 5
  etherconn ping eth0 10.0.0.1 --from 10.0.0.10+100 --vlan 100-199 -c 10 --fail-if 'loss>1%' --fail-if 'p99>5ms'
`,
    )
    .action(async (interfaceName: string, to: AddressRange, options: PingOptions) => {
      process.exitCode = await guarded(options.verbose === true, () => ping(interfaceName, to, options));
    });
}

async function ping(interfaceName: string, to: AddressRange, options: PingOptions): Promise<number> {
  const { from, fromMac, vlan, clients, gateway, impair, size } = options;
  for (const version of [4, 6] as const)
    if (options[`${version}`] === true && to.version !== version)
      throw new ScenarioError(`-${version}`, `needs an IPv${version} destination, got '${to.text}'`);
  if (options.engine !== 'memory' && impair !== undefined)
    throw new ScenarioError('--impair', 'is for --engine memory');
  const machines = new PingMachines({ from, fromMac, vlan, to }, clients);
  const { interval, count, timeout, deadline, ttl, tos } = options;
  const plan: PingPlan = {
    machines,
    prefix: prefixOf('--prefix', options.prefix, machines.version),
    gateway,
    interval,
    flood: options.flood === true,
    count,
    timeout,
    deadline,
    size,
    ttl,
    tos,
    fragments: options.pmtudisc,
  };
  // Loaded when asked for: the other commands need none of it.
  const [{ runSession }, { pingWork }, { PingLines }, { paintFor }] = await Promise.all([
    import('./session.ts'),
    import('../ping/ping-work.ts'),
    import('../views/ping-lines.ts'),
    import('../views/terminal.ts'),
  ]);
  const open = { interfaceName, impair };
  const { address, toAddress } = machines.machine(0);
  // A line for each reply is for one machine, and for people.
  const isForPeople = options.json !== true && options.ndjson !== true && !plan.flood;
  if (machines.count > 1 || !isForPeople)
    return runSession('ping', options, open, async (engine) => pingWork(engine, plan));
  const lines = new PingLines(process.stdout, paintFor(process.stdout), {
    title: { to: toAddress, from: address, interfaceName, size },
    quiet: options.quiet === true,
    missing: options.reportMissing === true,
  });
  return runSession('ping', options, open, async (engine) => pingWork(engine, plan, lines), lines);
}
