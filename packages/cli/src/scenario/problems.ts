import type { z } from 'zod';
import type { Scenario } from './scenario.ts';
import { keysAt, PART_TYPES, scenarioSchema } from './schema.ts';
import { nearest } from './suggestion.ts';

/** What is wrong with a scenario, and where. */
export interface Problem {
  readonly path: readonly string[];
  readonly message: string;
}

/** Checks data against the schema. */
export function check(data: unknown): { readonly scenario: Scenario } | { readonly problems: Problem[] } {
  const result = scenarioSchema.safeParse(data);
  if (result.success) return { scenario: result.data };
  return { problems: result.error.issues.flatMap((issue) => problemsOf(issue, data)) };
}

function problemsOf(issue: z.core.$ZodIssue, data: unknown): Problem[] {
  const path = issue.path.map(String);
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(path, data) ?? [];
    return issue.keys.map((key) => {
      const meant = nearest(key, known);
      const hint = meant === undefined ? '' : ` (did you mean ${meant}?)`;
      return { path: [...path, key], message: `is not a key here${hint}; there are ${known.join(', ')}` };
    });
  }
  if (issue.code === 'invalid_key')
    return [
      {
        path,
        message:
          'must be the name of a part: lower-case letters, digits, - and _, at most 32, and not offer, ack, renew or rebind',
      },
    ];
  if (issue.code === 'invalid_union' && issue.discriminator !== undefined) {
    const of = path.at(-1) === 'type' ? path.slice(0, -1) : path;
    const type = at(data, [...of, 'type']);
    const meant = nearest(`${type}`, PART_TYPES);
    const hint = meant === undefined || type === undefined ? '' : ` (did you mean ${meant}?)`;
    const what = type === undefined ? 'is missing' : `must not be ${JSON.stringify(type)}`;
    return [{ path: [...of, 'type'], message: `${what}${hint}; there are ${PART_TYPES.join(', ')}` }];
  }
  return [{ path, message: issue.message }];
}

function at(data: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], data);
}
