/** The value of a key, and the number of the write that put it there. */
export interface Entry {
  readonly value: unknown;
  readonly revision: number;
}

/** Somebody else has written the key meanwhile. */
export class ConflictError extends Error {
  constructor(key: string) {
    super(`${key} was written by somebody else`);
    this.name = 'ConflictError';
  }
}

/** The store, or this generation of it, is not there (any more). */
export class GoneError extends Error {
  constructor(what: string) {
    super(`${what} is not there`);
    this.name = 'GoneError';
  }
}

/** No answer in time. What was asked for may have happened: read again before deciding. */
export class NoAnswerError extends Error {
  readonly code: string = 'ERR_NO_ANSWER';

  constructor(what: string) {
    super(
      `the NATS server has not answered: ${what}; JetStream must be on, and the key that --creds names must be allowed to ask (etherconn campaign keys makes both)`,
    );
    this.name = 'NoAnswerError';
  }
}

/** Ends what it was returned for. */
export type Stop = () => void;

/**
 * What a campaign needs of NATS: a store with compare-and-set that tells about changes, a stream of results, and
 * messages that nobody stores. Values are JSON. There is a second one in memory, for virtual time.
 */
export interface Hub {
  /** Creates the bucket and the stream of a generation. */
  createGeneration(generation: string): Promise<void>;
  hasGeneration(generation: string): Promise<boolean>;
  /** Creates the registry if it is not there. */
  createRegistry(): Promise<void>;
  /** Throws GoneError without the bucket, NoAnswerError without an answer. */
  get(bucket: string, key: string): Promise<Entry | null>;
  /** All keys that there are. For the coordinator and for watchers. */
  all(bucket: string): Promise<Map<string, Entry>>;
  /** Writes a key whose last write has this revision; 0 for one that was never written. Returns the new revision. */
  put(bucket: string, key: string, value: unknown, revision: number): Promise<number>;
  /** Tells writes from now on. `key` may end with '.*'. */
  changes(bucket: string, key: string, callback: (key: string, entry: Entry) => void): Stop;
  /** Resolves when the stream has it. `id` lets the server drop what is sent again. */
  publishResult(generation: string, agent: string, id: string, value: unknown): Promise<void>;
  /** All results from the first one, then those that come. `agent` is who was allowed to send it. */
  results(generation: string, callback: (value: unknown, agent: string) => void): Promise<Stop>;
  send(subject: string, value: unknown): void;
  on(subject: string, callback: (value: unknown, subject: string) => void): Stop;
  request(subject: string, value: unknown): Promise<unknown>;
  serve(subject: string, answer: () => unknown): Stop;
  /** Called each time that the connection is there again. Messages may have been missed, and the store may be another. */
  onReconnected(callback: () => void): Stop;
  close(): Promise<void>;
}
