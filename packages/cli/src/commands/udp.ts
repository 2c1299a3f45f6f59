import { Command } from 'commander';
import { macOf } from '../scenario/default-mac.ts';
import { FLOWS_MAX, FlowPlan } from '../scenario/flow-plan.ts';
import { type FrameSizes, parseFrameSizes } from '../scenario/frame-sizes.ts';
import { parseImpairments } from '../scenario/impairments.ts';
import {
  parseCount,
  parseDuration,
  parsePrefix,
  parseRate,
  parseRatio,
  prefixOf,
  type Rate,
} from '../scenario/quantity.ts';
import {
  parseAddressRange,
  parseMacRange,
  parsePortRange,
  parseVlanRange,
  type Range,
} from '../scenario/range.ts';
import { ScenarioError } from '../scenario/scenario-error.ts';
import { addCommonOptions, type CommonOptions, defaulted, parsed } from './common-options.ts';
import { guarded } from './failure.ts';

type AddressRange = ReturnType<typeof parseAddressRange>;
type Impairments = ReturnType<typeof parseImpairments>;

const DEFAULT_RATE: Rate = parseRate('', '1kpps');
/** The port of receivers when none is given: that of no service that is registered. */
const DEFAULT_PORT = '9464';

export function udpCommand(): Command {
  return new Command('udp')
    .description('send, receive and echo UDP traffic of many machines, and measure it')
    .addCommand(sendCommand())
    .addCommand(
      receiveCommand(
        'receive',
        'measure what etherconn udp send sends: loss, order and latency of each flow',
      ),
    )
    .addCommand(receiveCommand('echo', 'send every datagram back to where it came from'));
}

interface SendOptions extends CommonOptions {
  readonly from: AddressRange;
  readonly fromPort: Range<number>;
  readonly fromMac?: Range<string>;
  readonly to: AddressRange;
  readonly toPort: Range<number>;
  readonly toMac?: Range<string>;
  readonly vlan?: Range<readonly number[]>;
  readonly flows?: number;
  readonly prefix?: number;
  readonly gateway?: string;
  readonly rate: Rate;
  readonly ramp?: number;
  readonly rampFrom?: Rate;
  readonly size?: FrameSizes;
  readonly duration?: number;
  readonly count?: number;
  readonly roundTrip?: true;
  readonly receiveOn?: string;
  readonly receiveNetns?: string;
  readonly impair?: Impairments;
  readonly findRate?: true;
  readonly loss?: number;
  readonly trial: number;
}

function sendCommand(): Command {
  const command = new Command('send')
    .description('send UDP datagrams from many simulated machines at a rate')
    .argument('<interface>', 'interface to send on; any word with --engine memory')
    .requiredOption(
      '--from <addresses>',
      'source addresses, like 10.0.0.10 or 10.0.0.10+100',
      parsed(parseAddressRange),
    )
    .requiredOption('--to <addresses>', 'destination addresses', parsed(parseAddressRange))
    .addOption(defaulted('--from-port <ports>', 'source ports', parsePortRange, DEFAULT_PORT))
    .addOption(defaulted('--to-port <ports>', 'destination ports', parsePortRange, DEFAULT_PORT))
    .option(
      '--from-mac <macs>',
      'source MAC addresses (default: 02:ec and the IP address)',
      parsed(parseMacRange),
    )
    .option(
      '--to-mac <macs>',
      'MAC addresses of the next hop (default: found by ARP or neighbor discovery)',
      parsed(parseMacRange),
    )
    .option('--vlan <ids>', 'VLAN tags, like 100, 100.200 or 100-199', parsed(parseVlanRange))
    .option(
      '--flows <n>',
      'flows (default: as many as the longest range has)',
      parsed((option, text) => parseCount(option, text, FLOWS_MAX)),
    )
    .option(
      '--prefix <length>',
      'length of the network prefix (default: 24, 64 with IPv6)',
      parsed(parsePrefix),
    )
    .option('--gateway <address>', 'router for destinations outside of the network')
    .addOption(
      defaulted(
        '--rate <rate>',
        'packets or bits a second, like 10kpps or 100Mbps, or max',
        parseRate,
        '1kpps',
        DEFAULT_RATE,
      ),
    )
    .option('--ramp <time>', 'increase the rate to its value in this time', parsed(parseDuration))
    .option('--ramp-from <rate>', 'rate at which the ramp begins (default: none)', parsed(parseRate))
    .option(
      '--size <bytes>',
      'sizes of frames with FCS: 64, 64,512,1518, 64:7,594:4 or imix (default: the smallest)',
      parsed(parseFrameSizes),
    )
    .option('--duration <time>', 'how long to send, like 30s (default: 10s)', parsed(parseDuration))
    .option(
      '--count <n>',
      'how many packets to send',
      parsed((option, text) => parseCount(option, text)),
    )
    .option('--round-trip', 'measure what comes back from etherconn udp echo')
    .option('--receive-on <interface>', 'receive on this interface, in this process')
    .option('--receive-netns <name>', 'its network namespace (default: that of --netns)')
    .option(
      '--impair <faults>',
      'faults of --engine memory: loss=1%,delay=5ms,jitter=1ms …',
      parsed(parseImpairments),
    )
    .option('--find-rate', 'find the highest rate, up to --rate, at which the loss is at most --loss')
    .option('--loss <percent>', 'loss that --find-rate accepts (default: 0%)', parsed(parseRatio))
    .addOption(defaulted('--trial <time>', 'length of the trials of --find-rate', parseDuration, '2s'));
  return addCommonOptions(command, ['auto', 'xdp', 'packet', 'memory'])
    .addHelpText(
      'after',
      `
Flow number n uses value number n of every range. A range that ends begins again. 1-5x10 keeps each value for ten flows.

Examples:
  etherconn udp send mem --engine memory --from 10.0.0.10+100 --to 10.0.0.2 --rate 5kpps --duration 3s
  etherconn udp send eth0 --from 10.0.0.10+100 --to 10.0.0.2 --vlan 100-199 --rate 100Mbps --size imix
  etherconn udp send eth0 --from 10.0.0.10 --to 10.0.0.2 --round-trip --fail-if 'loss>0.1%' --fail-if 'p99>5ms'
`,
    )
    .action(async (interfaceName: string, options: SendOptions) => {
      process.exitCode = await guarded(options.verbose === true, () => send(interfaceName, options));
    });
}

async function send(interfaceName: string, options: SendOptions): Promise<number> {
  const { from, fromPort, fromMac, to, toPort, toMac, vlan, count, rate, seed, gateway } = options;
  const flows = new FlowPlan({ from, fromPort, fromMac, to, toPort, toMac, vlan }, options.flows);
  const measures =
    options.engine === 'memory' || options.receiveOn !== undefined || options.roundTrip === true;
  checkSend(options, measures);
  const plan = {
    flows,
    prefix: prefixOf('--prefix', options.prefix, flows.version),
    gateway,
    sizes: options.size,
    roundTrip: options.roundTrip === true,
    seed,
  };
  const duration = options.duration ?? (count === undefined ? 10_000 : undefined);
  const { receiveOn, receiveNetns, impair } = options;
  // Loaded when asked for: the other commands need none of it.
  const [{ runSession }, { sendWork }, { findRateWork }] = await Promise.all([
    import('./session.ts'),
    import('../udp/send-work.ts'),
    import('../udp/find-rate-work.ts'),
  ]);
  return runSession(
    'udp send',
    options,
    { interfaceName, receiveOn, receiveNetns, impair, stations: flows.count },
    (engine, signal) => {
      if (options.findRate === true) {
        const search = {
          from: 1000,
          to: rate !== DEFAULT_RATE ? rate.value : Number.POSITIVE_INFINITY,
          loss: options.loss ?? 0,
          trial: options.trial,
          resolution: 0.02,
          thresholds: options.failIf,
        };
        return findRateWork(engine, { ...plan, ...search }, signal);
      }
      const ramp =
        options.ramp === undefined ? {} : { ramp: options.ramp, rampFrom: options.rampFrom?.value ?? 0 };
      const limits = {
        ...(duration === undefined ? {} : { duration }),
        ...(count === undefined ? {} : { count }),
      };
      return sendWork(engine, plan, { rate, ...ramp, ...limits }, signal);
    },
  );
}

function checkSend(options: SendOptions, measures: boolean): void {
  const { findRate, rate, ramp, rampFrom, loss } = options;
  const wrong = (option: string, why: string): never => {
    throw new ScenarioError(option, why);
  };
  if (findRate === true && !measures)
    wrong('--find-rate', 'must know what arrives: give --receive-on or --round-trip, or --engine memory');
  if (findRate === true && rate.unit !== 'pps')
    wrong('--rate', 'must be in packets a second for --find-rate');
  if (findRate !== true && loss !== undefined)
    wrong('--loss', "is for --find-rate; a limit is --fail-if 'loss>0.1%'");
  if (
    findRate === true &&
    (ramp !== undefined || options.count !== undefined || options.duration !== undefined)
  )
    wrong(
      '--find-rate',
      'cannot go with --ramp, --count and --duration; --trial says how long each rate is tried',
    );
  if (rampFrom !== undefined && ramp === undefined) wrong('--ramp-from', 'needs --ramp');
  if (rampFrom !== undefined && rampFrom.unit !== rate.unit)
    wrong('--ramp-from', `must be in ${rate.unit} as --rate is`);
  if (ramp !== undefined && rate.value === Number.POSITIVE_INFINITY)
    wrong('--ramp', 'needs a --rate to climb to');
  if (options.engine === 'memory' && options.receiveOn !== undefined)
    wrong('--receive-on', 'is not for --engine memory, which has its own receiver');
  if (options.engine !== 'memory' && options.impair !== undefined)
    wrong('--impair', 'is for --engine memory');
  if (options.receiveNetns !== undefined && options.receiveOn === undefined)
    wrong('--receive-netns', 'needs --receive-on');
}

interface ReceiveOptions extends CommonOptions {
  readonly address: AddressRange;
  readonly port: Range<number>;
  readonly mac?: Range<string>;
  readonly vlan?: Range<readonly number[]>;
  readonly prefix?: number;
  readonly gateway?: string;
  readonly duration?: number;
  readonly count?: number;
  readonly maxFlows: number;
}

function receiveCommand(name: 'receive' | 'echo', description: string): Command {
  const command = new Command(name)
    .description(description)
    .argument('<interface>', 'interface to receive on')
    .requiredOption(
      '--address <addresses>',
      'own addresses, like 10.0.0.2 or 10.0.0.2+10',
      parsed(parseAddressRange),
    )
    .addOption(
      defaulted('--port <ports>', 'own ports: each address has all of them', parsePortRange, DEFAULT_PORT),
    )
    .option('--mac <macs>', 'own MAC addresses (default: 02:ec and the IP address)', parsed(parseMacRange))
    .option('--vlan <ids>', 'VLAN tags: each address is in all of them', parsed(parseVlanRange))
    .option(
      '--prefix <length>',
      'length of the network prefix (default: 24, 64 with IPv6)',
      parsed(parsePrefix),
    )
    .option('--gateway <address>', 'router for addresses outside of the network')
    .option('--duration <time>', 'how long to receive (default: until Ctrl-C)', parsed(parseDuration))
    .option(
      '--count <n>',
      'end after this many packets',
      parsed((option, text) => parseCount(option, text)),
    )
    .option(
      '--max-flows <n>',
      'most flows to measure',
      parsed((option, text) => parseCount(option, text, FLOWS_MAX)),
      65_536,
    );
  return addCommonOptions(command, ['auto', 'xdp', 'packet'])
    .addHelpText(
      'after',
      `
Examples:
  etherconn udp ${name} eth0 --address 10.0.0.2
  etherconn udp ${name} eth0 --address 10.0.0.2 --vlan 100-199 --duration 60s --json
`,
    )
    .action(async (interfaceName: string, options: ReceiveOptions) => {
      process.exitCode = await guarded(options.verbose === true, () => receive(name, interfaceName, options));
    });
}

/** Stations that a receiver may have. */
const TARGETS_MAX = 100_000;

async function receive(
  name: 'receive' | 'echo',
  interfaceName: string,
  options: ReceiveOptions,
): Promise<number> {
  const { address, port, mac, vlan } = options;
  const targets = [];
  if (address.count * port.count * (vlan?.count ?? 1) > TARGETS_MAX)
    throw new ScenarioError(
      '--address',
      `addresses, ports and VLANs together must be at most ${TARGETS_MAX}`,
    );
  for (let n = 0; n < address.count; n++) {
    for (let v = 0; v < (vlan?.count ?? 1); v++) {
      for (let p = 0; p < port.count; p++) {
        const own = address.at(n);
        targets.push({
          address: own,
          mac: mac?.at(n) ?? macOf(own),
          vlans: vlan?.at(v) ?? [],
          port: port.at(p),
        });
      }
    }
  }
  const { duration, count, gateway, maxFlows } = options;
  const { version } = address;
  const prefix = prefixOf('--prefix', options.prefix, version);
  const plan = { targets, version, prefix, gateway, duration, count, maxFlows, echo: name === 'echo' };
  const [{ runSession }, { receiveWork }] = await Promise.all([
    import('./session.ts'),
    import('../udp/receive-work.ts'),
  ]);
  return runSession(`udp ${name}`, options, { interfaceName }, (engine, signal) =>
    receiveWork(engine, plan, signal),
  );
}
