import { z } from 'zod';
import {
  amount,
  anyTime,
  count,
  deltaSchema,
  name,
  phase,
  policy,
  reason,
  text,
  time,
  word,
} from '../protocol/messages.ts';
import { CampaignError } from './active-run.ts';
import type { Snapshot } from './snapshot.ts';

const agent = z.object({
  agent: name,
  incarnation: word,
  state: text(100),
  interfaces: z.array(text(400)),
  rate: amount,
  clockOffset: anyTime.nullable(),
  clockError: time.nullable(),
  ranges: count,
  clients: count,
  silent: anyTime,
  lost: z.boolean(),
  messages: count,
  counters: z.record(z.string(), amount),
});

/** Fields that a later version adds are left out. */
const snapshotSchema: z.ZodType<Snapshot> = z.object({
  run: word,
  name: text(200),
  phase,
  policy,
  reason,
  generation: word,
  now: time,
  startAt: time.nullable(),
  elapsed: time,
  clients: count,
  ranges: z.object({ total: count, given: count, done: count, lost: count }),
  lease: time,
  clockLimit: time,
  agents: z.array(agent),
  takeovers: z.array(
    z.object({
      at: anyTime,
      agent: name,
      incarnation: word,
      ranges: count,
      clients: count,
      silent: anyTime,
      to: z.record(name, count),
    }),
  ),
  gaps: z.array(z.object({ agent: name, incarnation: word, upTo: count, waiting: count })),
  results: z.object({ messages: count, duplicates: count, malformed: count, rejected: count }),
  total: deltaSchema,
  events: z.array(z.object({ time, text: text(2000) })),
});

/** Checks what a watcher is told. */
export function checkSnapshot(value: unknown): Snapshot {
  const { data, error } = snapshotSchema.safeParse(value);
  if (data !== undefined) return data;
  const [{ path, message }] = error!.issues;
  throw new CampaignError(
    `the status of the campaign is malformed: ${path.join('.') || 'all of it'}: ${message}`,
  );
}
