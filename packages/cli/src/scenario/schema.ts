import { isIp } from 'etherconn/wire';
import { z } from 'zod';
import { parseClients } from './client-range.ts';
import { parseFrameSizes } from './frame-sizes.ts';
import { parseImpairments } from './impairments.ts';
import { parseCount, parseDuration, parseRate, parseRatio, parseStarts, SEED_MAX } from './quantity.ts';
import {
  parseAddressRange,
  parseMacRange,
  parsePortRange,
  parseUnicastMac,
  parseVlanRange,
} from './range.ts';
import type { PartType, Scenario } from './scenario.ts';
import { ScenarioError } from './scenario-error.ts';

/**
 * The one schema of scenarios: for files, for what agents receive over a network, and for editors, whose JSON Schema is made
 * from it. It changes nothing: what it accepts is what it was given.
 */

type Parse = (option: string, text: string) => unknown;

/** Clients of a scenario at most: as many as a range has values. */
const CLIENTS_MAX = 2 ** 24;

/** A text that `parse` accepts. `what` is told where it is missing, or something else. */
function text(parse: Parse, what: string, description: string, examples: readonly string[]): z.ZodString {
  return z
    .string({ error: said(what) })
    .superRefine((value, context) => accept(parse, value, context))
    .meta({ description, examples: [...examples] });
}

/** As {@link text}; a number stands for its digits. */
function digits(
  parse: Parse,
  what: string,
  description: string,
  examples: readonly (string | number)[],
): z.ZodUnion<readonly [z.ZodString, z.ZodNumber]> {
  return z
    .union([z.string(), z.number()], { error: said(what) })
    .superRefine((value, context) => {
      if (typeof value === 'string' || Number.isInteger(value)) accept(parse, `${value}`, context);
      // 100.200 and 100.2 are the same number, and not the same VLANs.
      else context.addIssue({ code: 'custom', message: `must be in quotes: '${value}'` });
    })
    .meta({ description, examples: [...examples] });
}

function accept(parse: Parse, value: string, context: z.RefinementCtx): void {
  try {
    parse('', value);
  } catch (error) {
    if (!(error instanceof ScenarioError)) throw error;
    context.addIssue({ code: 'custom', message: error.message.replace(/^: /, '') });
  }
}

function whole(min: number, max: number, description: string): z.ZodNumber {
  const error = said(`a whole number from ${min} to ${max}`);
  return z.number({ error }).int({ error }).min(min, { error }).max(max, { error }).meta({ description });
}

function flag(description: string): z.ZodBoolean {
  return z.boolean({ error: said('true or false') }).meta({ description });
}

function name(what: string, description: string, examples: readonly string[]): z.ZodString {
  const error = said(what);
  return z
    .string({ error })
    .min(1, { error })
    .meta({ description, examples: [...examples] });
}

/** 'must be WHAT, got …', or that it is missing. */
function said(what: string): (issue: { readonly input?: unknown }) => string {
  return ({ input }) =>
    input === undefined ? `is missing: ${what}` : `must be ${what}, got ${JSON.stringify(input)}`;
}

const duration: Parse = parseDuration;
const offset: Parse = (option, value) => (/^0(us|ms|s|m|h)?$/.test(value) ? 0 : parseDuration(option, value));
const count: Parse = (option, value) => parseCount(option, value);
const address: Parse = (option, value) => {
  if (isIp(value) === 0) throw new ScenarioError(option, `must be an IP address, got '${value}'`);
};

const A_TIME = 'a time like 500ms, 10s or 2m';

const anyPart = {
  clients: digits(
    parseClients,
    'how many clients, like 100, or which, like 0-99',
    'Which clients of the scenario: the first so many, or FIRST-LAST. Default: all.',
    [100, '500-999'],
  ).optional(),
  begin: digits(offset, A_TIME, 'When the part begins, from the start of the run. Default: 0s.', [
    '10s',
  ]).optional(),
  end: digits(duration, A_TIME, 'When the part ends, from the start of the run.', ['40s']).optional(),
};

const vlan = digits(
  parseVlanRange,
  'VLAN tags like 100, 100.200 or 100-199',
  'VLAN tags of client n: value n of the range. At most two tags.',
  [100, '100-199', '100.200'],
).optional();
const prefix = whole(1, 128, 'Length of the network prefix. Default: 24, with IPv6 64.').optional();
const gateway = text(address, 'an IP address', 'Router for addresses outside of the network.', [
  '10.0.0.1',
]).optional();

const dhcp = {
  type: z.literal('dhcp').meta({ description: 'A fleet of DHCPv4 clients, as etherconn dhcp.' }),
  ...anyPart,
  rate: digits(
    parseStarts,
    'a whole number, or max',
    'Clients that begin in a second, or max. Default: 100.',
    [100, 'max'],
  ).optional(),
  inFlight: digits(
    parseStarts,
    'a whole number, or max',
    'Clients of a run that ask at once and have no lease yet, at most. Default: max; 256 with rate: max.',
    [1000],
  ).optional(),
  macStart: text(
    parseUnicastMac,
    'a MAC address',
    'MAC address of client 0; client n has the n-th after it.',
    ['02:ec:00:00:00:01'],
  ).optional(),
  vlan,
  options: z
    .array(
      name('CODE=VALUE, like 12=host-{n}', 'CODE=VALUE: text with {n}, {mac} and {vlan}, or bytes as 0x….', [
        '12=host-{n}',
        '82=1:port-{n}',
      ]),
      { error: said("a list of DHCP options, like ['12=host-{n}']") },
    )
    .meta({ description: 'DHCP options that the clients send.' })
    .optional(),
  broadcast: flag('Ask the server to answer by broadcast.').optional(),
  renew: flag('Renew leases at T1, rebind at T2.').optional(),
  release: flag('Give leases back at the end.').optional(),
  flap: digits(duration, A_TIME, 'Give each lease up after this time, and begin again.', ['30s']).optional(),
  decline: text(parseRatio, 'a percentage like 5%', 'Part of the clients that decline their first address.', [
    '5%',
  ]).optional(),
  timeout: digits(duration, A_TIME, 'Wait for the first answer; doubles with each retry. Default: 4s.', [
    '4s',
  ]).optional(),
  retries: whole(0, 20, 'How often a message is sent again. Default: 4.').optional(),
  leases: name('the name of a file', 'File that gets what each client has at the end, as CSV.', [
    'leases.csv',
  ]).optional(),
};

const udpSend = {
  type: z
    .literal('udp-send')
    .meta({ description: 'UDP datagrams at a rate, a flow for each client, as etherconn udp send.' }),
  ...anyPart,
  from: text(
    parseAddressRange,
    'source addresses like 10.0.0.10+100',
    'Source addresses: client n has value n of the range.',
    ['10.0.0.10', '10.0.0.10+100', 'fd00::10+100'],
  ),
  fromPort: digits(parsePortRange, 'ports like 9464 or 1000-1999', 'Source ports. Default: 9464.', [
    9464,
    '1000-1999',
  ]).optional(),
  fromMac: text(
    parseMacRange,
    'MAC addresses like 02:00:00:00:00:01+100',
    'Source MAC addresses. Default: 02:ec and the IP address.',
    ['02:00:00:00:00:01+100'],
  ).optional(),
  to: text(parseAddressRange, 'destination addresses like 10.0.0.2', 'Destination addresses.', ['10.0.0.2']),
  toPort: digits(
    parsePortRange,
    'ports like 9464 or 1000-1999',
    'Destination ports. Default: 9464.',
    [9464],
  ).optional(),
  toMac: text(
    parseMacRange,
    'MAC addresses like 02:00:00:00:00:01',
    'MAC addresses of the next hop. Default: asked for.',
    ['02:00:00:00:00:01'],
  ).optional(),
  vlan,
  prefix,
  gateway,
  rate: text(
    parseRate,
    'a rate like 10kpps, 100Mbps or max',
    'Packets or bits a second of all clients together, or max. Default: 1kpps.',
    ['10kpps', '100Mbps', 'max'],
  ).optional(),
  ramp: digits(duration, A_TIME, 'Climb to the rate in this time.', ['10s']).optional(),
  rampFrom: text(parseRate, 'a rate like 1kpps', 'Rate that the ramp begins at. Default: none.', [
    '1kpps',
  ]).optional(),
  size: digits(
    parseFrameSizes,
    'frame sizes like 64, 64,512,1518 or imix',
    'Sizes of frames with FCS. Default: the smallest.',
    [64, '64:7,594:4,1518:1', 'imix'],
  ).optional(),
  count: digits(count, 'a whole number', 'Packets to send, of all clients together.', ['10k']).optional(),
  roundTrip: flag('The destinations answer, as etherconn udp echo does: measure what comes back.').optional(),
};

const receives = {
  ...anyPart,
  address: text(parseAddressRange, 'own addresses like 10.0.0.2', 'Own addresses: station n has value n.', [
    '10.0.0.2',
    '10.0.0.2+10',
  ]),
  port: digits(
    parsePortRange,
    'ports like 9464 or 1000-1999',
    'Own ports. Default: 9464.',
    [9464],
  ).optional(),
  mac: text(
    parseMacRange,
    'MAC addresses like 02:00:00:00:00:01+10',
    'Own MAC addresses. Default: 02:ec and the IP address.',
    ['02:00:00:00:00:01'],
  ).optional(),
  vlan,
  prefix,
  gateway,
  maxFlows: digits(count, 'a whole number', 'Flows that are told apart. Default: 65536.', [65536]).optional(),
};
const udpReceive = {
  type: z
    .literal('udp-receive')
    .meta({ description: 'Measures what etherconn udp send sends, as etherconn udp receive.' }),
  ...receives,
};
const udpEcho = {
  type: z
    .literal('udp-echo')
    .meta({ description: 'Sends every datagram back to where it came from, as etherconn udp echo.' }),
  ...receives,
};

const ping = {
  type: z.literal('ping').meta({ description: 'Each client pings, as etherconn ping.' }),
  ...anyPart,
  from: udpSend.from,
  fromMac: udpSend.fromMac,
  to: text(parseAddressRange, 'destination addresses like 10.0.0.2', 'Addresses to ping.', ['10.0.0.2']),
  vlan,
  prefix,
  gateway,
  interval: digits(duration, A_TIME, 'Between the requests of a client. Default: 1s.', ['1s']).optional(),
  flood: flag('Send again as soon as a reply comes, and 100 times a second.').optional(),
  count: digits(count, 'a whole number', 'Requests of each client.', [10]).optional(),
  timeout: digits(duration, A_TIME, 'How long the last replies are waited for. Default: 10s.', [
    '10s',
  ]).optional(),
  size: whole(0, 65_507, 'Bytes of data. Default: 56.').optional(),
  ttl: whole(1, 255, 'TTL, or hop limit. Default: 64.').optional(),
  tos: whole(0, 255, 'Type of service, or traffic class. Default: 0.').optional(),
  pmtudisc: z
    .enum(['do', 'want', 'dont'], { error: said('one of do, want and dont') })
    .meta({
      description:
        'Fragments: do (never), want (only where the path is known to be narrower), dont. Default: want.',
    })
    .optional(),
};

/** Keys of each kind of part. */
const parts: Readonly<Record<PartType, z.ZodRawShape>> = {
  dhcp,
  'udp-send': udpSend,
  'udp-receive': udpReceive,
  'udp-echo': udpEcho,
  ping,
};
export const PART_TYPES: readonly PartType[] = Object.keys(parts) as PartType[];

const memory = {
  impair: text(
    parseImpairments,
    'faults like loss=1%,delay=5ms',
    'Faults of the wire: loss, duplicate, corrupt, reorder, delay, jitter, reorderDelay.',
    ['loss=1%,delay=5ms,jitter=1ms'],
  ).optional(),
  leaseTime: digits(duration, A_TIME, 'Leases of its DHCP server. Default: 1h.', ['1h']).optional(),
};

const outputs = {
  report: name('the name of a file', 'Write a report: one HTML file.', ['report.html']).optional(),
  junit: name('the name of a file', 'Write the thresholds as JUnit XML.', ['junit.xml']).optional(),
  metrics: digits(() => {}, 'a port like :9464', 'Serve Prometheus metrics.', [':9464']).optional(),
};

/** What a part may be called: thresholds name it, and phases of DHCP are no parts. */
const PART_NAME = /^(?!(?:offer|ack|renew|rebind)$)[a-z][a-z0-9_-]{0,31}$/;

const top = {
  name: name('a text', 'What the scenario is called.', ['Morning']).optional(),
  clients: whole(
    1,
    CLIENTS_MAX,
    'How many clients there are. They are numbered from 0, and all ranges go by their number.',
  ),
  interface: name('the name of an interface', 'Interface of the clients.', ['eth0']).optional(),
  netns: name('a name, a process id or a path', 'Network namespace of the interface.', ['lab-a']).optional(),
  engine: z
    .enum(['auto', 'xdp', 'packet', 'memory'], { error: said('one of auto, xdp, packet and memory') })
    .meta({ description: 'How frames are sent and received. Default: auto.' })
    .optional(),
  receiveOn: name(
    'the name of an interface',
    'Second interface, where the destinations of udp-send are and what arrives is measured.',
    ['eth1'],
  ).optional(),
  receiveNetns: name('a name, a process id or a path', 'Network namespace of receiveOn.', [
    'lab-b',
  ]).optional(),
  memory: z
    .strictObject(memory, { error: said('a map') })
    .meta({ description: 'The network of engine: memory.' })
    .optional(),
  seed: whole(0, SEED_MAX, 'Number that random choices follow from.').optional(),
  duration: digits(duration, A_TIME, 'When the run ends, for all parts. Default: when each part has ended.', [
    '60s',
  ]).optional(),
  parts: z
    .record(
      z.string().regex(PART_NAME),
      z.discriminatedUnion(
        'type',
        [
          z.strictObject(dhcp),
          z.strictObject(udpSend),
          z.strictObject(udpReceive),
          z.strictObject(udpEcho),
          z.strictObject(ping),
        ],
        { error: said('a map with a type') },
      ),
      { error: said('a map of parts, like traffic: {type: udp-send, …}') },
    )
    .meta({
      description: 'What happens, by name. All parts run at once unless begin and end say otherwise.',
    }),
  failIf: z
    .array(
      name('a limit', 'METRIC OPERATOR VALUE, or PART.METRIC OPERATOR VALUE.', [
        'loss>0.1%',
        'leases.ack.p99>50ms',
      ]),
      {
        error: said("a list of limits, like ['loss>0.1%']"),
      },
    )
    .meta({ description: 'Limits: the run fails with exit code 3 when one is passed.' })
    .optional(),
  outputs: z
    .strictObject(outputs, { error: said('a map') })
    .meta({ description: 'What is written besides the terminal. Options of the command line come first.' })
    .optional(),
};

const scenario = z.strictObject(top, { error: said('a map with the keys clients and parts') });

export const scenarioSchema: z.ZodType<Scenario> = scenario;

/** The keys that are allowed at a path of a scenario; undefined where keys are free, or there are none. */
export function keysAt(path: readonly PropertyKey[], data: unknown): readonly string[] | undefined {
  const [first, second] = path;
  if (first === undefined) return Object.keys(top);
  if (first === 'memory') return Object.keys(memory);
  if (first === 'outputs') return Object.keys(outputs);
  if (first !== 'parts' || second === undefined) return undefined;
  const { type } = ((data as Scenario).parts as Readonly<Record<PropertyKey, { type?: PartType }>>)[second];
  return type === undefined ? undefined : Object.keys(parts[type]);
}

export const SCHEMA_URL = 'https://unpkg.com/@etherconn/cli/assets/scenario.schema.json';

/** JSON Schema (draft 7, which editors know) of a scenario's file. */
export function scenarioJsonSchema(): Record<string, unknown> {
  const { $schema, ...rest } = z.toJSONSchema(scenario, { target: 'draft-7', io: 'input' });
  return { $schema, $id: SCHEMA_URL, title: 'A scenario of etherconn run', ...rest };
}
