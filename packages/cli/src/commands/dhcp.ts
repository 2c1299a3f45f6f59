import { Command } from 'commander';
import { type ClientOption, parseClientOption } from '../dhcp/client-options.ts';
import { CLIENTS_MAX, DEFAULT_IN_FLIGHT } from '../dhcp/fleet-plan.ts';
import { parseImpairments } from '../scenario/impairments.ts';
import { parseCount, parseDuration, parseRatio, parseStarts, parseWhole } from '../scenario/quantity.ts';
import { parseMacRange, parseUnicastMac, parseVlanRange, type Range } from '../scenario/range.ts';
import { ScenarioError } from '../scenario/scenario-error.ts';
import { addCommonOptions, type CommonOptions, defaulted, parsed, repeated } from './common-options.ts';
import { guarded } from './failure.ts';

const DEFAULT_MAC = '02:ec:00:00:00:01';
const DEFAULT_RATE = 100;

interface DhcpOptions extends CommonOptions {
  readonly clients: number;
  readonly rate: number;
  readonly inFlight?: number;
  readonly macStart: string;
  readonly vlan?: Range<readonly number[]>;
  readonly option: readonly ClientOption[];
  readonly broadcast?: true;
  readonly renew?: true;
  readonly release?: true;
  readonly flap?: number;
  readonly decline?: number;
  readonly duration?: number;
  readonly timeout: number;
  readonly retries: number;
  readonly leases?: string;
  readonly leaseTime?: number;
  readonly impair?: ReturnType<typeof parseImpairments>;
}

export function dhcpCommand(): Command {
  const command = new Command('dhcp')
    .description('get DHCPv4 leases for many clients, and measure it')
    .argument('<interface>', 'interface of the clients; any word with --engine memory')
    .option(
      '--clients <n>',
      'how many clients',
      parsed((option, text) => parseCount(option, text, CLIENTS_MAX)),
      100,
    )
    .option('--rate <n>', 'clients that begin in a second, or max', parsed(parseStarts), DEFAULT_RATE)
    .option(
      '--in-flight <n>',
      `most clients that ask at the same time (default: any number; ${DEFAULT_IN_FLIGHT} with --rate max)`,
      parsed((option, text) => parseCount(option, text, CLIENTS_MAX)),
    )
    .addOption(
      defaulted('--mac-start <mac>', 'MAC address of the first client', parseUnicastMac, DEFAULT_MAC),
    )
    .option('--vlan <ids>', 'VLAN tags, like 100, 100.200 or 100-199', parsed(parseVlanRange))
    .addOption(
      repeated(
        '--option <code=value>',
        'DHCP option to send: text with {n}, {mac}, {vlan}, or 0x…; 82=1:VALUE,2:VALUE',
        parseClientOption,
      ),
    )
    .option('--broadcast', 'ask the server to answer by broadcast')
    .option(
      '--renew',
      'renew leases at T1, rebind at T2; the run ends when every lease is renewed, or after --duration',
    )
    .option('--release', 'give leases back at the end, and with --flap')
    .option('--flap <time>', 'give up each lease after this time and begin again', parsed(parseDuration))
    .option(
      '--decline <percent>',
      'share of the clients that decline their first address',
      parsed(parseRatio),
    )
    .option(
      '--duration <time>',
      'how long to run (default: until each client is served)',
      parsed(parseDuration),
    )
    .addOption(
      defaulted(
        '--timeout <time>',
        'how long to wait for the first answer; doubles with each retry',
        parseDuration,
        '4s',
      ),
    )
    .option(
      '--retries <n>',
      'how often to send a message again',
      parsed((option, text) => parseWhole(option, text, 0, 20)),
      4,
    )
    .option('--leases <file>', 'write the state of each client at the end to a CSV file')
    .option(
      '--lease-time <time>',
      'lease time of the server with --engine memory (default: 1h)',
      parsed(parseDuration),
    )
    .option(
      '--impair <faults>',
      'faults of --engine memory: loss=1%,delay=5ms,jitter=1ms …',
      parsed(parseImpairments),
    );
  return addCommonOptions(command, ['auto', 'xdp', 'packet', 'memory'], { flows: false })
    .addHelpText(
      'after',
      `
Examples:
  etherconn dhcp mem --engine memory --clients 1000 --rate 500
  etherconn dhcp eth0 --clients 5000 --rate 200 --broadcast --leases leases.csv --fail-if 'failed>0'
  etherconn dhcp eth0 --clients 100 --vlan 100-199 --option '82=1:port-{n}' --renew --release --duration 10m
`,
    )
    .action(async (interfaceName: string, options: DhcpOptions) => {
      process.exitCode = await guarded(options.verbose === true, () => dhcp(interfaceName, options));
    });
}

async function dhcp(interfaceName: string, options: DhcpOptions): Promise<number> {
  const { clients, rate, macStart, vlan, flap, duration, timeout, retries, seed, impair, leases } = options;
  check(options);
  const plan = {
    clients,
    rate,
    inFlight: options.inFlight ?? (Number.isFinite(rate) ? Number.POSITIVE_INFINITY : DEFAULT_IN_FLIGHT),
    mac: parseMacRange('--mac-start', `${macStart}+${clients}`),
    vlan,
    options: options.option,
    broadcast: options.broadcast === true,
    renew: options.renew === true,
    release: options.release === true,
    flap,
    decline: options.decline ?? 0,
    duration,
    timeout,
    retries,
    seed,
  };
  // Loaded when asked for: the other commands need none of it.
  const [{ runSession }, { fleetWork }, { checkWritable }] = await Promise.all([
    import('./session.ts'),
    import('../dhcp/fleet-work.ts'),
    import('../views/output-file.ts'),
  ]);
  if (leases !== undefined) await checkWritable('--leases', leases);
  const leaseTime = Math.max(1, Math.round((options.leaseTime ?? 3_600_000) / 1000));
  return runSession('dhcp', options, { interfaceName, impair, stations: clients }, async (engine) =>
    fleetWork(engine, plan, leaseTime, leases),
  );
}

function check({ engine, impair, leaseTime, flap, duration, vlan, clients }: DhcpOptions): void {
  if (engine !== 'memory' && impair !== undefined)
    throw new ScenarioError('--impair', 'is for --engine memory');
  if (engine !== 'memory' && leaseTime !== undefined)
    throw new ScenarioError('--lease-time', 'is for --engine memory; other servers choose their lease time');
  if (flap !== undefined && duration !== undefined && flap >= duration)
    throw new ScenarioError('--flap', 'must be less than --duration');
  if (vlan !== undefined && vlan.count > clients)
    throw new ScenarioError('--vlan', `must have at most as many values as there are clients (${clients})`);
}
