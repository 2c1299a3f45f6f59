/**
 * Names at the NATS server. A generation is a random word that names one life of the store: whoever holds revisions of
 * an earlier one cannot write into this one, whose revisions begin anew.
 */

/** The bucket that says which campaign and generation is current. The only name that is known before. */
export const REGISTRY = 'etherconn';
/** The key there. */
export const CURRENT = 'current';

export const bucketOf = (generation: string): string => `ec-${generation}`;
/** A bucket of the key-value store is a stream of this name, with these subjects. */
export const bucketStream = (bucket: string): string => `KV_${bucket}`;
export const keySubject = (bucket: string, key: string): string => `$KV.${bucket}.${key}`;
/** Where the server repeats what it has stored, for plain subscribers: agents need no consumers, which could do harm. */
export const changedSubject = (bucket: string, key: string): string => `ec.changed.${bucket}.${key}`;

export const resultStream = (generation: string): string => `EC-${generation}`;
export const resultSubject = (generation: string, agent: string): string =>
  `ec.results.${generation}.${agent}`;

/** Keys of a campaign's bucket. */
export const Key = {
  /** The campaign and its phase: written by the coordinator, and by who stops it. */
  RUN: 'run',
  /** Who coordinates: a lease like those of the agents. */
  COORDINATOR: 'coordinator',
  /** The last snapshot, for watchers that come late. */
  STATUS: 'status',
  /** Written by the agent; by the coordinator when it is lost. */
  agent: (name: string): string => `agents.${name}`,
  /** Who owns a range of clients. */
  range: (number: number): string => `ranges.${number}`,
  /** All that an agent owns, in one record. */
  grant: (agent: string): string => `grants.${agent}`,
} as const;

/** Subjects of messages that nobody stores. */
export const Signal = {
  /** A campaign, or a new generation of it, is there: coordinator to all. */
  ANNOUNCE: 'ec.announce',
  /** Snapshots: coordinator to all watchers. */
  STATUS: 'ec.status',
  /** Request: what time is it? */
  clock: (agent: string): string => `ec.clock.${agent}`,
  /** Up to where results have been counted. */
  acknowledged: (agent: string): string => `ec.to.${agent}.acknowledged`,
} as const;

/** Names of agents are tokens of subjects. */
export const NAME_PATTERN: RegExp = /^[A-Za-z0-9_-]{1,64}$/;

/** A hostname or interface as part of a name. */
export function asName(text: string): string {
  return text.replace(/[^A-Za-z0-9_-]/g, '_').slice(0, 64);
}

/** Inboxes: each agent may listen to its own alone. */
export const inboxPrefix = (name: string): string => `_INBOX.${name}`;
