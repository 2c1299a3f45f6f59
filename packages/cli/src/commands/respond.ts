import { Command } from 'commander';
import { isIp, parseIp, parseMac } from 'etherconn/wire';
import { addressNumber } from '../dhcp/address-number.ts';
import { type ClientOption, parseClientOption } from '../dhcp/client-options.ts';
import { macOf } from '../scenario/default-mac.ts';
import { parseDuration, parseLeaseTime } from '../scenario/quantity.ts';
import { parseAddressRange, parseUnicastMac, parseVlanRange, type Range } from '../scenario/range.ts';
import { ScenarioError } from '../scenario/scenario-error.ts';
import { addCommonOptions, type CommonOptions, defaulted, parsed, repeated } from './common-options.ts';
import { guarded } from './failure.ts';

type AddressRange = ReturnType<typeof parseAddressRange>;

interface RespondOptions extends CommonOptions {
  readonly mac?: string;
  readonly vlan?: Range<readonly number[]>;
  readonly duration?: number;
}

interface DhcpOptions extends RespondOptions {
  readonly address: Interface;
  readonly pool: Pool;
  readonly leaseTime: number;
  readonly declineTime: number;
  readonly router?: readonly number[];
  readonly dns: readonly number[];
  readonly domain?: string;
  readonly option: readonly ClientOption[];
}

interface EchoOptions extends RespondOptions {
  readonly address: readonly AddressRange[];
}

/** An address with the length of its prefix. */
interface Interface {
  readonly text: string;
  readonly address: number;
  readonly prefix: number;
}

interface Pool {
  readonly first: number;
  readonly size: number;
}

const POOL_MAX = 1_048_576;
const ADDRESSES_MAX = 1_048_576;
const VLANS_MAX = 65_536;
const ENGINES = ['auto', 'xdp', 'packet'] as const;

export function respondCommand(): Command {
  return new Command('respond')
    .description('answer as a DHCPv4 server, or as an echo for thousands of addresses')
    .addCommand(dhcpCommand())
    .addCommand(echoCommand());
}

function dhcpCommand(): Command {
  const command = new Command('dhcp')
    .description('give DHCPv4 leases from a pool')
    .argument('<interface>', 'interface of the server')
    .addOption(
      defaulted(
        '--address <ip/prefix>',
        "the server's own address and network",
        parseInterface,
        '10.64.0.1/16',
      ),
    )
    .addOption(defaulted('--pool <range>', 'addresses to give', parsePool, '10.64.1.1-10.64.255.254'))
    .addOption(defaulted('--lease-time <time>', 'how long leases last, or forever', parseLeaseTime, '1h'))
    .addOption(
      defaulted(
        '--decline-time <time>',
        'how long the server withholds a declined address',
        parseLeaseTime,
        '10m',
      ),
    )
    .option('--router <addresses>', 'routers, or none (default: the server)', parsed(parseAddresses))
    .addOption(defaulted('--dns <addresses>', 'name servers', parseAddresses, 'none'))
    .option('--domain <name>', 'domain of the clients')
    .addOption(
      repeated(
        '--option <code=value>',
        'another DHCP option: text with {n}, {mac}, {vlan}, or 0x…',
        parseClientOption,
      ),
    );
  return addRespondOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  etherconn respond dhcp eth0
  etherconn respond dhcp eth0 --address 192.0.2.1/24 --pool 192.0.2.100-192.0.2.199 --lease-time 10m --dns 192.0.2.53
`,
    )
    .action(async (interfaceName: string, options: DhcpOptions) => {
      process.exitCode = await guarded(options.verbose === true, () => dhcp(interfaceName, options));
    });
}

function echoCommand(): Command {
  const command = new Command('echo')
    .description('answer ARP, neighbor discovery and ping, and send every datagram back')
    .argument('<interface>', 'interface of the machines')
    .requiredOption(
      '--address <range>',
      'addresses, like 10.0.0.10+1000 or fd00::10+1000; may be repeated',
      (text: string, before: readonly AddressRange[] | undefined) => [
        ...(before ?? []),
        parsed(parseAddressRange)(text),
      ],
    );
  return addRespondOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  etherconn respond echo eth0 --address 10.0.0.10+1000
  etherconn respond echo eth0 --address 10.0.0.10+100 --address fd00::10+100 --vlan 100-199
`,
    )
    .action(async (interfaceName: string, options: EchoOptions) => {
      process.exitCode = await guarded(options.verbose === true, () => echo(interfaceName, options));
    });
}

function addRespondOptions(command: Command): Command {
  return addCommonOptions(
    command
      .option('--mac <mac>', 'MAC address (default: 02:ec and the first address)', parsed(parseUnicastMac))
      .option(
        '--vlan <ids>',
        'VLANs to serve, like 100, 100-199 or 100.200 (default: untagged)',
        parsed(parseVlanRange),
      )
      .option('--duration <time>', 'how long to run (default: until Ctrl-C)', parsed(parseDuration)),
    ENGINES,
    { flows: false },
  );
}

async function dhcp(interfaceName: string, options: DhcpOptions): Promise<number> {
  const { address, pool, router, dns, domain, leaseTime, declineTime, option } = options;
  const mask = address.prefix === 0 ? 0 : (0xffffffff << (32 - address.prefix)) >>> 0;
  for (const each of [pool.first, pool.first + pool.size - 1])
    if ((each & mask) >>> 0 !== (address.address & mask) >>> 0)
      throw new ScenarioError('--pool', `must be in the network of --address (${address.text}): give both`);
  if (address.address >= pool.first && address.address < pool.first + pool.size)
    throw new ScenarioError('--pool', `must not have the server's own address (${address.text})`);
  if (domain !== undefined && !/^[A-Za-z0-9._-]{1,253}$/.test(domain))
    throw new ScenarioError('--domain', `must be a domain name, got '${domain}'`);
  const own = address.text.split('/')[0];
  const mac = parseMac(options.mac ?? macOf(own));
  return run('respond dhcp', interfaceName, options, mac, [parseAddressRange('', own)], false, {
    mac,
    address: address.address,
    prefix: address.prefix,
    ...pool,
    leaseTime,
    declineTime,
    routers: router ?? [address.address],
    dns,
    domain,
    options: option,
  });
}

async function echo(interfaceName: string, options: EchoOptions): Promise<number> {
  const { address } = options;
  const count = address.reduce((sum, range) => sum + range.count, 0);
  if (count > ADDRESSES_MAX)
    throw new ScenarioError('--address', `must be at most ${ADDRESSES_MAX} in all, got ${count}`);
  const mac = parseMac(options.mac ?? macOf(address[0].at(0)));
  return run('respond echo', interfaceName, options, mac, address, true, undefined);
}

async function run(
  command: string,
  interfaceName: string,
  options: RespondOptions,
  mac: Uint8Array,
  addresses: readonly AddressRange[],
  echoes: boolean,
  server: import('../dhcp/server/dhcp-server.ts').DhcpServerPlan | undefined,
): Promise<number> {
  const { vlan, duration } = options;
  if (vlan !== undefined && vlan.count > VLANS_MAX)
    throw new ScenarioError('--vlan', `must have at most ${VLANS_MAX} values, got ${vlan.count}`);
  const vlans = vlan === undefined ? [[]] : Array.from({ length: vlan.count }, (_, n) => vlan.at(n));
  // Loaded when asked for: the other commands need none of it.
  const [{ runSession }, { respondWork }, { AddressSet }] = await Promise.all([
    import('./session.ts'),
    import('../respond/respond-work.ts'),
    import('../respond/address-set.ts'),
  ]);
  const plan = {
    mac,
    vlans,
    addresses: new AddressSet(addresses),
    echo: echoes,
    ...(server === undefined ? {} : { dhcp: server }),
    duration,
  };
  return runSession(command, options, { interfaceName }, async (engine) => respondWork(engine, plan));
}

function parseInterface(option: string, text: string): Interface {
  const [address, length = ''] = text.split('/') as [string, string | undefined];
  const prefix = Number(length);
  if (isIp(address) !== 4 || !/^\d{1,2}$/.test(length) || prefix < 1 || prefix > 30)
    throw new ScenarioError(
      option,
      `must be an IPv4 address with its prefix, like 10.64.0.1/16, got '${text}'`,
    );
  return { text, address: addressNumber(parseIp(address)), prefix };
}

function parsePool(option: string, text: string): Pool {
  const range = parseAddressRange(option, text);
  if (range.version !== 4 || /[,x]/.test(text) || range.count > POOL_MAX)
    throw new ScenarioError(
      option,
      `must be one range of at most ${POOL_MAX} IPv4 addresses, like 10.64.1.1+1000, got '${text}'`,
    );
  return { first: addressNumber(parseIp(range.at(0))), size: range.count };
}

function parseAddresses(option: string, text: string): number[] {
  if (text === 'none') return [];
  return text.split(',').map((address) => {
    if (isIp(address) !== 4)
      throw new ScenarioError(
        option,
        `must be IPv4 addresses like 10.64.0.53,10.64.0.54, or none, got '${text}'`,
      );
    return addressNumber(parseIp(address));
  });
}
