import { z } from 'zod';
import { NAME_PATTERN } from './names.ts';
import type {
  Acknowledged,
  AgentRecord,
  ClockAnswer,
  CoordinatorRecord,
  Current,
  GrantRecord,
  Json,
  RangeRecord,
  ResultMessage,
  RunRecord,
} from './records.ts';

/** Checks of everything that comes from the network. It is data, never code; what does not fit is counted and dropped. */

/** Spans in a message. */
const SPANS_MAX = 10_000;
/** Failed clients in a message. */
export const FAILURES_MAX = 100;
/** The counter of all of them, which has those for which messages have no room. */
export const CLIENT_FAILURES = 'clientFailures';

const name = z.string().regex(NAME_PATTERN);
const word = z.string().min(1).max(64);
const count = z.int().min(0).max(Number.MAX_SAFE_INTEGER);
const positive = z.int().min(1).max(Number.MAX_SAFE_INTEGER);
const time = z.number().min(0);
const reason = z.string().max(1000).nullable();

const spanShape = { first: count, count: positive, epoch: positive };
const spans = z.array(z.strictObject(spanShape)).max(SPANS_MAX);

export const currentSchema: z.ZodType<Current> = z.strictObject({ run: word, generation: word });

export const runSchema: z.ZodType<RunRecord> = z.strictObject({
  run: word,
  generation: word,
  name: z.string().max(200),
  scenario: z.json() as unknown as z.ZodType<Json>,
  clients: positive,
  clientsPerRange: positive,
  seed: count,
  policy: z.enum(['reassign', 'continue', 'abort']),
  lease: z.number().min(100),
  margin: z.number().min(0),
  clockLimit: z.number().min(0),
  step: z.number().min(100),
  phase: z.enum(['gathering', 'preparing', 'running', 'stopping', 'done', 'aborted']),
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
        name: z.string().max(64),
        engine: z.string().max(200),
        queues: count,
        rate: z.number().min(0),
      }),
    )
    .max(64),
  clock: z.strictObject({ offset: z.number(), error: z.number().min(0) }).nullable(),
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

const histogram = z.strictObject({
  count,
  sum: z.number(),
  min: z.number(),
  max: z.number(),
  hdr: z.string().max(200_000),
});

const resultShape = z.strictObject({
  run: word,
  agent: name,
  incarnation: word,
  seq: positive,
  from: positive,
  at: z.number(),
  length: z.number().min(0),
  spans,
  delta: z.strictObject({
    counters: z.record(z.string().max(100), z.number()),
    histograms: z.record(z.string().max(100), histogram),
  }),
  finished: spans,
  failures: z
    .array(z.strictObject({ client: count, part: z.string().max(100), reason: z.string().max(200) }))
    .max(FAILURES_MAX),
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
