import { Command, Option } from 'commander';
import {
  type IpMapping,
  type MacMapping,
  parseIpMapping,
  parseMacMapping,
  parseOneMac,
  parseVlanMapping,
  parseVlanTags,
  type VlanMapping,
} from '../replay/address-map.ts';
import type { PacePlan } from '../replay/pace.ts';
import { parseImpairments } from '../scenario/impairments.ts';
import { parseCount, parseRate, type Rate } from '../scenario/quantity.ts';
import { ScenarioError } from '../scenario/scenario-error.ts';
import { addCommonOptions, type CommonOptions, parsed, repeated } from './common-options.ts';
import { guarded } from './failure.ts';

interface ReplayOptions extends CommonOptions {
  readonly speed?: number;
  readonly rate?: Rate;
  readonly max?: true;
  readonly loop: number;
  readonly count?: number;
  readonly srcMac?: Uint8Array;
  readonly dstMac?: Uint8Array;
  readonly mapMac: readonly MacMapping[];
  readonly stripVlans?: true;
  readonly setVlan?: readonly number[];
  readonly pushVlan?: readonly number[];
  readonly mapVlan: readonly VlanMapping[];
  readonly mapIp: readonly IpMapping[];
  readonly fixChecksums?: true;
  readonly filter?: string;
  readonly listen?: string;
  readonly listenNetns?: string;
  readonly impair?: ReturnType<typeof parseImpairments>;
}

export function replayCommand(): Command {
  const command = new Command('replay')
    .description('send the frames of a pcap or pcapng capture, and measure what arrives')
    .argument('<file>', 'capture file, - for standard input')
    .argument('<interface>', 'interface to send on; any word with --engine memory')
    .addOption(
      new Option('--speed <factor>', 'speed relative to the recording; 2 is twice as fast (default: 1)')
        .argParser(parsed(parseSpeed))
        .conflicts(['rate', 'max']),
    )
    .addOption(
      new Option('--rate <rate>', 'packets or bits a second, like 10kpps or 100Mbps')
        .argParser(parsed(parseRate))
        .conflicts('max'),
    )
    .option('--max', 'send as fast as possible')
    .option('--loop <n>', 'passes through the capture, or forever', parsed(parseLoops), 1)
    .option(
      '--count <n>',
      'end after this many frames',
      parsed((option, text) => parseCount(option, text)),
    )
    .option('--src-mac <mac>', 'source MAC address of all frames', parsed(parseOneMac))
    .option('--dst-mac <mac>', 'destination MAC address of all frames', parsed(parseOneMac))
    .addOption(repeated('--map-mac <from=to>', 'replace a MAC address', parseMacMapping))
    .addOption(new Option('--strip-vlans', 'remove all VLAN tags').conflicts('setVlan'))
    .option(
      '--set-vlan <ids>',
      'VLAN tags in place of any others, like 100 or 100.200',
      parsed(parseVlanTags),
    )
    .option('--push-vlan <ids>', 'VLAN tags around any others', parsed(parseVlanTags))
    .addOption(repeated('--map-vlan <from=to>', 'replace an outer VLAN id', parseVlanMapping))
    .addOption(
      repeated(
        '--map-ip <from=to>',
        'replace an address or a prefix, like 10.0.0.0/24=192.168.7.0/24',
        parseIpMapping,
      ),
    )
    .option('--fix-checksums', 'recompute all checksums')
    .option('--filter <expression>', "send only frames that tcpdump's expression selects, like 'udp port 53'")
    .option('--receive-on, --listen <interface>', 'measure what arrives at this interface')
    .option('--receive-netns, --listen-netns <name>', 'its network namespace (default: that of --netns)')
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
  etherconn replay FILE mem --engine memory
  etherconn replay FILE eth0 --speed 2 --dst-mac 02:00:00:00:00:01
  etherconn replay FILE eth0 --rate 10kpps --loop 100 --map-ip 10.0.0.0/24=192.168.7.0/24 --set-vlan 100
  etherconn replay FILE eth0 --receive-on eth1 --fail-if 'loss>0' --fail-if 'p99>5ms'
`,
    )
    .action(async (file: string, interfaceName: string, options: ReplayOptions) => {
      process.exitCode = await guarded(options.verbose === true, () => replay(file, interfaceName, options));
    });
}

async function replay(file: string, interfaceName: string, options: ReplayOptions): Promise<number> {
  check(file, options);
  const { loop, count = Number.POSITIVE_INFINITY, srcMac, dstMac, listen, listenNetns, impair } = options;
  const ethernet =
    srcMac === undefined || dstMac === undefined ? undefined : Uint8Array.of(...dstMac, ...srcMac, 0, 0);
  const plan = {
    file,
    loops: loop,
    count,
    ethernet,
    pace: paceOf(options),
    rewrite: {
      sourceMac: srcMac,
      destinationMac: dstMac,
      macs: options.mapMac,
      stripVlans: options.stripVlans === true,
      setVlans: options.setVlan,
      pushVlans: options.pushVlan,
      vlans: options.mapVlan,
      ips: options.mapIp,
      fixChecksums: options.fixChecksums === true,
    },
  };
  const [{ runSession }, { replayWork }, { compileFilter }] = await Promise.all([
    import('./session.ts'),
    import('../replay/replay-work.ts'),
    import('../filter/filter.ts'),
  ]);
  const filter = options.filter === undefined ? undefined : compileFilter(options.filter);
  const select =
    filter === undefined ? undefined : (frame: Uint8Array) => filter.matches(frame, 0, frame.length);
  const engine = {
    interfaceName,
    receiveOn: listen,
    receiveNetns: listenNetns,
    // AF_XDP gets group frames by another way than the rest, so it does not keep the order.
    receiveEngine: 'packet',
    impair,
  } as const;
  return runSession('replay', options, engine, (opened, signal) =>
    replayWork(opened, { ...plan, select }, signal),
  );
}

function check(file: string, options: ReplayOptions): void {
  const { engine, listen, listenNetns, impair, loop } = options;
  if (file === '-' && loop > 1)
    throw new ScenarioError('--loop', 'needs a file, because standard input can be read only once');
  if (file === '-' && process.stdin.isTTY)
    throw new ScenarioError('FILE', 'standard input is a terminal; give a file, or pipe a capture in');
  if (engine === 'memory' && listen !== undefined)
    throw new ScenarioError('--listen', 'is not for --engine memory, which always measures its other end');
  if (listenNetns !== undefined && listen === undefined)
    throw new ScenarioError('--listen-netns', 'needs --listen');
  if (engine !== 'memory' && impair !== undefined)
    throw new ScenarioError('--impair', 'is for --engine memory');
}

function paceOf({ max, rate, speed = 1 }: ReplayOptions): PacePlan {
  if (max === true || rate?.value === Number.POSITIVE_INFINITY) return { kind: 'max' };
  return rate === undefined ? { kind: 'recorded', speed } : { kind: 'rate', rate };
}

function parseSpeed(option: string, text: string): number {
  const speed = /^\d+(\.\d+)?$/.test(text) ? Number(text) : 0;
  if (speed > 0 && speed <= 1e6) return speed;
  throw new ScenarioError(option, `must be a factor like 0.5 or 10, up to 1000000, got '${text}'`);
}

function parseLoops(option: string, text: string): number {
  return text === 'forever' ? Number.POSITIVE_INFINITY : parseCount(option, text);
}
