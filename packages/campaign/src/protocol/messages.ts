import { z } from 'zod';
import { NAME_PATTERN } from './names.ts';
import type {
  Acknowledged,
  AgentRecord,
  ClockAnswer,
  CoordinatorRecord,
  Current,
  DeltaData,
  GrantRecord,
  Json,
  Phase,
  Policy,
  RangeRecord,
  ResultMessage,
  RunRecord,
} from './records.ts';

/** Checks of everything that comes from the network. It is data, never code; what does not fit is counted and dropped. */

/** Spans in a message, and ranges in a campaign. */
export const SPANS_MAX = 10_000;
/** Failed clients in a message. */
export const FAILURES_MAX = 100;
/** Counters in a message, and histograms, each of which takes 20 KB in memory. */
const COUNTERS_MAX = 4000;
const HISTOGRAMS_MAX = 500;
/** Milliseconds that a campaign or its clocks may speak of: 300 years. */
const TIME_MAX = 1e13;
/** The counter of all of them, which has those for which messages have no room. */
export const CLIENT_FAILURES = 'clientFailures';

export const name: z.ZodString = z.string().regex(NAME_PATTERN);
/** Random words are parts of subjects and of names of files, too. */
export const word: z.ZodString = z.string().regex(NAME_PATTERN);
/** Shown on terminals: what would command them becomes blanks. */
export const text = (max: number): z.ZodType<string> =>
  z
    .string()
    .max(max)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is meant.
    .transform((value) => value.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e]/g, ' '));
/** Names of counters and histograms. */
const metric = z.string().regex(/^[ -~]{1,100}$/);
/** What is added up stays a number that is exact. */
export const amount: z.ZodNumber = z.number().min(-Number.MAX_SAFE_INTEGER).max(Number.MAX_SAFE_INTEGER);
export const count: z.ZodInt = z.int().min(0).max(Number.MAX_SAFE_INTEGER);
const positive = z.int().min(1).max(Number.MAX_SAFE_INTEGER);
export const time: z.ZodNumber = z.number().min(0).max(TIME_MAX);
export const anyTime: z.ZodNumber = z.number().min(-TIME_MAX).max(TIME_MAX);
export const reason: z.ZodType<string | null> = text(1000).nullable();

export const phase: z.ZodType<Phase> = z.enum([
  ...(['gathering', 'preparing', 'running', 'stopping', 'done', 'aborted'] as const),
]);
export const policy: z.ZodType<Policy> = z.enum(['reassign', 'continue', 'abort']);

const spanShape = { first: count, count: positive, epoch: positive };
const spans = z.array(z.strictObject(spanShape)).max(SPANS_MAX);

export const currentSchema: z.ZodType<Current> = z.strictObject({ run: word, generation: word });

export const runSchema: z.ZodType<RunRecord> = z.strictObject({
  run: word,
  generation: word,
  name: text(200),
  scenario: z.json() as unknown as z.ZodType<Json>,
  clients: positive,
  clientsPerRange: positive,
  seed: count,
  policy,
  lease: z.number().min(100),
  margin: z.number().min(0),
  clockLimit: z.number().min(0),
  step: z.number().min(100),
  phase,
  startAt: time.nullable(),
  reason,
});

export const agentSchema: z.ZodType<AgentRecord> = z.strictObject({
  agent: name,
  incarnation: word,
  renewal: count,
  state: z.enum(['idle', 'preparing', 'ready', 'running', 'draining', 'failed']),
  reason,
  interfaces: z
    .array(
      z.strictObject({
        name: text(64),
        engine: text(200),
        queues: count,
        rate: amount.min(0),
      }),
    )
    .max(64),
  clock: z.strictObject({ offset: anyTime, error: time }).nullable(),
  grant: count,
  fenced: z.boolean(),
});

export const rangeSchema: z.ZodType<RangeRecord> = z.strictObject({
  agent: name,
  incarnation: word,
  epoch: positive,
  phase: z.enum(['given', 'done', 'lost']),
  startAt: time.nullable(),
});

export const grantSchema: z.ZodType<GrantRecord> = z.strictObject({
  incarnation: word,
  spans: z.array(z.strictObject({ ...spanShape, startAt: time.nullable() })).max(SPANS_MAX),
});

export const coordinatorSchema: z.ZodType<CoordinatorRecord> = z.strictObject({
  instance: word,
  renewal: count,
});

function fewerThan(max: number): (record: object) => boolean {
  return (record) => Object.keys(record).length < max;
}

const histogram = z.strictObject({
  count,
  sum: amount,
  min: amount,
  max: amount,
  hdr: z.string().max(200_000),
});

export const deltaSchema: z.ZodType<DeltaData> = z.strictObject({
  counters: z.record(metric, amount).refine(fewerThan(COUNTERS_MAX)),
  histograms: z.record(metric, histogram).refine(fewerThan(HISTOGRAMS_MAX)),
});

const resultShape = z.strictObject({
  run: word,
  agent: name,
  incarnation: word,
  seq: positive,
  from: positive,
  at: anyTime,
  length: time,
  spans,
  delta: deltaSchema,
  finished: spans,
  failures: z.array(z.strictObject({ client: count, part: text(100), reason: text(200) })).max(FAILURES_MAX),
  last: z.boolean(),
});

/** A message stands for itself, or for all from the first one on. */
export const resultSchema: z.ZodType<ResultMessage> = resultShape.refine(
  ({ from, seq }) => from === seq || (from === 1 && seq > 1),
);

export const acknowledgedSchema: z.ZodType<Acknowledged> = z.strictObject({
  incarnation: word,
  generation: word,
  upTo: count,
});

export const clockAnswerSchema: z.ZodType<ClockAnswer> = z.strictObject({ received: time, sent: time });
