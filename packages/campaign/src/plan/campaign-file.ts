import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import {
  checkScenario,
  keyOffset,
  parseDuration,
  type Scenario,
  ScenarioError,
  ScenarioErrors,
  scenarioJsonSchema,
  thresholdOf,
} from '@etherconn/cli/parts';
import { LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import type { Plan } from '../coordinator/plan.ts';
import { SPANS_MAX } from '../protocol/messages.ts';
import type { Json } from '../protocol/records.ts';
import { rangeCount } from '../protocol/spans.ts';

/** What a campaign's file says. Times are texts like '10s'. */
interface CampaignFile {
  readonly name?: string | undefined;
  readonly scenario: unknown;
  readonly clients?: number | undefined;
  readonly clientsPerRange?: number | undefined;
  readonly seed?: number | undefined;
  readonly agents?: number | undefined;
  readonly interfaces?: readonly string[] | undefined;
  readonly wait?: string | undefined;
  readonly policy?: 'reassign' | 'continue' | 'abort' | undefined;
  readonly lease?: string | undefined;
  readonly margin?: string | undefined;
  readonly clockLimit?: string | undefined;
  readonly step?: string | undefined;
  readonly failIf?: readonly string[] | undefined;
}

/** A campaign's file, read and checked. */
export interface Campaign {
  readonly plan: Plan;
  readonly scenario: Scenario;
  /** Of this machine, for a campaign without a server of its own. */
  readonly interfaces: readonly string[];
}

/** Ranges that a campaign is divided into when the file does not say; more agents than that have nothing to do. */
const RANGES = 100;
const MAX_CLIENTS = 2 ** 24;

function wrong(what: string): (issue: { readonly input?: unknown }) => string {
  return ({ input }) =>
    input === undefined ? `is missing: ${what}` : `must be ${what}, got ${JSON.stringify(input)}`;
}

function time(min: number, max: number, range: string): z.ZodType<string> {
  const error = wrong(`a time from ${range}`);
  return z.string({ error }).superRefine((text, context) => {
    try {
      const value = parseDuration('', text);
      if (value >= min && value <= max) return;
      context.addIssue({ code: 'custom', message: `must be a time from ${range}, got '${text}'` });
    } catch (problem) {
      context.addIssue({ code: 'custom', message: (problem as Error).message.replace(/^: /, '') });
    }
  });
}

function whole(min: number, max: number): z.ZodNumber {
  const error = wrong(`a whole number from ${min} to ${max}`);
  return z.number({ error }).int({ error }).min(min, { error }).max(max, { error });
}

/** What a key means, for editors and for the page of campaigns. */
function about(description: string, ...examples: unknown[]): { description: string; examples: unknown[] } {
  return { description, examples };
}

const shape = {
  name: z
    .string({ error: wrong('a text') })
    .max(200)
    .meta(about('What the campaign is called. Default: the name of the scenario.', 'A busy street'))
    .optional(),
  scenario: z
    .unknown()
    .meta(about('A scenario, or the path of its file, relative to this file.', 'street.yaml')),
  clients: whole(1, MAX_CLIENTS)
    .meta(about('How many clients, in place of the number in the scenario.', 100_000))
    .optional(),
  clientsPerRange: whole(1, MAX_CLIENTS)
    .meta(
      about('Clients that move together when their agent is lost. Default: a hundredth of all clients.', 100),
    )
    .optional(),
  agents: whole(1, 10_000)
    .meta(about('Agents that the start waits for. Default: 1, or one for each interface.', 4))
    .optional(),
  interfaces: z
    .array(z.string({ error: wrong('the name of an interface') }), { error: wrong('a list of interfaces') })
    .min(1)
    .meta(about('Interfaces of this machine, for a campaign without `--nats`.', ['eth0', 'eth1']))
    .optional(),
  wait: time(1000, 3_600_000, '1s to 1h')
    .meta(about('How long the start waits for agents. Default: 60s.', '2m'))
    .optional(),
  policy: z
    .enum(['reassign', 'continue', 'abort'], { error: wrong('one of reassign, continue and abort') })
    .meta(
      about(
        'What happens to the ranges of a lost agent: other agents take them, the campaign continues without them, or it ends. Default: reassign.',
      ),
    )
    .optional(),
  lease: time(1000, 300_000, '1s to 5m')
    .meta(about('How long an agent may be silent before it is lost. Default: 9s.', '3s'))
    .optional(),
  margin: time(1, 10_000, '1ms to 10s')
    .meta(
      about(
        'An agent stops this long before its lease ends, and its successor starts this long after it. At most a quarter of the lease. Default: 200ms.',
        '100ms',
      ),
    )
    .optional(),
  clockLimit: time(0.001, 60_000, '1us to 1m')
    .meta(
      about(
        "The largest possible error of an agent's clock offset that the start accepts. Default: 5ms.",
        '1ms',
      ),
    )
    .optional(),
  step: time(200, 60_000, '200ms to 1m')
    .meta(about('Time between two messages of results. Default: 2s.', '500ms'))
    .optional(),
  seed: whole(0, 999_999_999_999_999)
    .meta(about('The number that random choices follow from. Default: a random one.', 7))
    .optional(),
  failIf: z
    .array(z.string({ error: wrong('a limit') }), { error: wrong("a list of limits, like ['loss>0.1%']") })
    .meta(
      about(
        'Limits in addition to those of the scenario: the campaign fails with exit code 3 when one is passed.',
        ['failed>1%', 'leases.ack-p99>50ms'],
      ),
    )
    .optional(),
};
const campaignSchema: z.ZodType<CampaignFile> = z.strictObject(shape, {
  error: wrong('a map with a scenario'),
});

/** JSON Schema (draft 7, which editors know) of a campaign's file. */
export function campaignJsonSchema(): Record<string, unknown> {
  const { $schema, ...rest } = z.toJSONSchema(campaignSchema, { target: 'draft-7', io: 'input' });
  const { $schema: _draft, $id: _id, required, ...scenario } = scenarioJsonSchema();
  const { description } = rest.properties!.scenario as { description: string };
  // The campaign may say how many clients there are.
  const inner = { ...scenario, required: (required as string[]).filter((key) => key !== 'clients') };
  const properties = { ...rest.properties, scenario: { description, anyOf: [{ type: 'string' }, inner] } };
  return {
    $schema,
    $id: 'https://unpkg.com/@etherconn/campaign/assets/campaign.schema.json',
    title: 'A campaign of etherconn campaign run',
    ...rest,
    properties,
    required: ['scenario'],
  };
}

/** Reads a campaign's file. Throws ScenarioErrors that name file, line, column and key. */
export function readCampaign(path: string): Campaign {
  return parseCampaign(path, readFileSync(path, 'utf8'));
}

export function parseCampaign(path: string, text: string): Campaign {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: true });
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${path}:${line}:${col}`;
  };
  if (document.errors.length > 0)
    throw new ScenarioErrors(
      document.errors.map(({ pos, message }) => new ScenarioError(at(pos[0]), message)),
    );
  try {
    return campaignOf(document.toJS({ maxAliasCount: 1000 }), dirname(path));
  } catch (error) {
    if (!(error instanceof ScenarioError)) throw error;
    const errors = error instanceof ScenarioErrors ? error.errors : [error];
    throw new ScenarioErrors(
      errors.map(
        (each) => new ScenarioError(at(keyOffset(document.contents, each.option.split('.'))), each.message),
      ),
    );
  }
}

function campaignOf(data: unknown, folder: string): Campaign {
  const result = campaignSchema.safeParse(data);
  if (!result.success) {
    throw new ScenarioErrors(
      result.error.issues.flatMap((issue) =>
        issue.code === 'unrecognized_keys'
          ? issue.keys.map(
              (key) =>
                new ScenarioError(key, `is not a key here; there are ${Object.keys(shape).join(', ')}`),
            )
          : [new ScenarioError(issue.path.join('.') || 'scenario', issue.message)],
      ),
    );
  }
  const file = result.data;
  const scenario = scenarioOf(file, folder);
  const { clients } = scenario;
  const duration = (value: string | undefined, otherwise: number): number =>
    value === undefined ? otherwise : parseDuration('', value);
  const lease = duration(file.lease, 9000);
  const margin = duration(file.margin, 200);
  if (margin > lease / 4) throw new ScenarioError('margin', 'must be at most a quarter of the lease');
  const { clientsPerRange = Math.ceil(clients / RANGES) } = file;
  if (rangeCount({ clients, clientsPerRange }) > SPANS_MAX)
    throw new ScenarioError(
      'clientsPerRange',
      `must be at least ${Math.ceil(clients / SPANS_MAX)}: a campaign has at most ${SPANS_MAX} ranges`,
    );
  const thresholds = [...(scenario.failIf ?? []), ...(file.failIf ?? [])];
  file.failIf?.forEach((limit, i) => {
    thresholdOf(limit, scenario, `failIf.${i}`);
  });
  const interfaces = file.interfaces ?? [];
  const plan: Plan = {
    name: file.name ?? scenario.name ?? 'campaign',
    scenario: JSON.parse(JSON.stringify(scenario)) as Json,
    clients,
    clientsPerRange,
    seed: file.seed ?? scenario.seed ?? Math.floor(Math.random() * 65_536),
    policy: file.policy ?? 'reassign',
    lease,
    margin,
    clockLimit: duration(file.clockLimit, 5),
    step: duration(file.step, 2000),
    agents: file.agents ?? Math.max(1, interfaces.length),
    wait: duration(file.wait, 60_000),
    thresholds,
  };
  return { plan, scenario, interfaces };
}

/** The scenario in the file, or in the one that it names, for as many clients as the campaign has. */
function scenarioOf({ scenario, clients }: CampaignFile, folder: string): Scenario {
  let data: unknown = scenario;
  if (typeof scenario === 'string') {
    const path = resolve(folder, scenario);
    let text: string;
    try {
      text = readFileSync(path, 'utf8');
    } catch (error) {
      throw new ScenarioError('scenario', `cannot be read: ${(error as Error).message}`);
    }
    data = parseDocument(text).toJS();
  }
  if (clients !== undefined && typeof data === 'object' && data !== null) data = { ...data, clients };
  try {
    return checkScenario(data);
  } catch (error) {
    if (!(error instanceof ScenarioError)) throw error;
    const errors = error instanceof ScenarioErrors ? error.errors : [error];
    throw new ScenarioErrors(
      errors.map(({ option, message }) => {
        const key = option === 'scenario' ? 'scenario' : `scenario.${option}`;
        return new ScenarioError(key, message.slice(option.length + 2));
      }),
    );
  }
}
