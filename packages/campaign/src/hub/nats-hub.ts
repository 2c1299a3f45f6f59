import { readFileSync } from 'node:fs';
import {
  type ConsumerMessages,
  DeliverPolicy,
  JetStreamApiError,
  type JetStreamClient,
  type JetStreamManager,
  jetstream,
  jetstreamManager,
  StorageType,
} from '@nats-io/jetstream';
import {
  type Authenticator,
  type ConnectionOptions,
  connect,
  credsAuthenticator,
  type NatsConnection,
  nkeyAuthenticator,
} from '@nats-io/transport-node';
import {
  bucketOf,
  bucketStream,
  changedSubject,
  inboxPrefix,
  keySubject,
  REGISTRY,
  resultStream,
  resultSubject,
} from '../protocol/names.ts';
import { ConflictError, type Entry, GoneError, type Hub, NoAnswerError, type Stop } from './hub.ts';

/** How to reach a NATS server. */
export interface NatsOptions {
  /** 'nats://host:4222', or 'tls://…'; several with commas between. */
  readonly url: string;
  /** A file with an nkey's seed, or a .creds file. */
  readonly creds?: string | undefined;
  readonly tlsCa?: string | undefined;
  readonly tlsCert?: string | undefined;
  readonly tlsKey?: string | undefined;
  /** Name of this client, and its inbox. */
  readonly name: string;
  /** Milliseconds that an answer is waited for: less than a lease. */
  readonly timeout: number;
  /** Milliseconds between pings, so that a connection that is cut is noticed. */
  readonly pingInterval: number;
  /** Whether to wait for a server that is not there yet. */
  readonly waitForServer?: boolean;
}

/** err_code of JetStream for a compare-and-set that has lost. */
const WRONG_LAST_SEQUENCE = 10_071;
const STREAM_NOT_FOUND = 10_059;
/** Milliseconds between attempts to connect again. */
const RECONNECT = 250;
/** Values that a bucket or stream may hold. */
const BYTES_MAX = 4 * 2 ** 30;

/** A server that cannot be reached, or does not let us in. */
export class ConnectError extends Error {
  readonly code: string = 'ERR_NATS';

  constructor(url: string, cause: Error) {
    super(`the NATS server ${url} cannot be used: ${cause.message}${remedyOf(cause)}`, { cause });
    this.name = 'ConnectError';
  }
}

function remedyOf({ message }: Error): string {
  return /self-signed|unable to (get|verify)/.test(message)
    ? '; --tls-ca names the certificates that are trusted'
    : '';
}

export async function connectNats(options: NatsOptions): Promise<Hub> {
  const wanted = connectionOptions(options);
  try {
    return new NatsHub(await connect(wanted), options.timeout);
  } catch (error) {
    throw new ConnectError(options.url, error as Error);
  }
}

function connectionOptions(options: NatsOptions): ConnectionOptions {
  const { url, name, timeout, pingInterval, tlsCa, tlsCert, tlsKey } = options;
  const tls =
    tlsCa === undefined && tlsCert === undefined && !url.startsWith('tls:')
      ? {}
      : {
          tls: {
            ...(tlsCa === undefined ? {} : { caFile: tlsCa }),
            ...(tlsCert === undefined ? {} : { certFile: tlsCert }),
            ...(tlsKey === undefined ? {} : { keyFile: tlsKey }),
          },
        };
  return {
    servers: url.split(','),
    name: `etherconn ${name}`,
    inboxPrefix: inboxPrefix(name),
    timeout,
    pingInterval,
    maxPingOut: 2,
    maxReconnectAttempts: -1,
    reconnectTimeWait: RECONNECT,
    reconnectJitter: RECONNECT,
    reconnectJitterTLS: RECONNECT,
    ignoreAuthErrorAbort: true,
    waitOnFirstConnect: options.waitForServer === true,
    ...(options.creds === undefined ? {} : { authenticator: authenticatorOf(options.creds) }),
    ...tls,
  };
}

/** By what is in the file: a seed of an nkey, or a JWT with its seed. */
function authenticatorOf(path: string): Authenticator {
  const bytes = readFileSync(path);
  const seed = /^\s*(SU[A-Z2-7]{56})\s*$/.exec(bytes.toString());
  return seed === null ? credsAuthenticator(bytes) : nkeyAuthenticator(Buffer.from(seed[1]));
}

class NatsHub implements Hub {
  readonly #connection: NatsConnection;
  readonly #stream: JetStreamClient;
  readonly #timeout: number;
  #manager: JetStreamManager | undefined;
  readonly #reconnected = new Set<() => void>();
  /** Those who wait for an answer. */
  readonly #waiting = new Set<(error: Error) => void>();

  constructor(connection: NatsConnection, timeout: number) {
    this.#connection = connection;
    this.#timeout = timeout;
    this.#stream = jetstream(connection, { timeout });
    void this.#watch();
  }

  async #watch(): Promise<void> {
    for await (const { type } of this.#connection.status()) {
      if (type === 'disconnect')
        for (const reject of this.#waiting) reject(new NoAnswerError('disconnected'));
      if (type === 'reconnect') for (const callback of [...this.#reconnected]) callback();
    }
  }

  /** The answer to a call, or why there is none. A connection that breaks brings no answer any more. */
  async #told<T>(what: string, call: () => Promise<T>): Promise<T> {
    let reject: (error: Error) => void = () => {};
    const broken = new Promise<never>((_, fail) => {
      reject = fail;
    });
    this.#waiting.add(reject);
    try {
      return await Promise.race([call(), broken]);
    } catch (error) {
      throw translated(error, what);
    } finally {
      this.#waiting.delete(reject);
    }
  }

  async #jsm(): Promise<JetStreamManager> {
    this.#manager ??= await jetstreamManager(this.#connection, { checkAPI: false, timeout: this.#timeout });
    return this.#manager;
  }

  async createRegistry(): Promise<void> {
    await this.#createBucket(REGISTRY);
  }

  async createGeneration(generation: string): Promise<void> {
    await this.#createBucket(bucketOf(generation));
    const manager = await this.#jsm();
    await this.#told('the stream of results', () =>
      manager.streams.add({
        name: resultStream(generation),
        subjects: [resultSubject(generation, '*')],
        storage: StorageType.File,
        max_bytes: BYTES_MAX,
      }),
    );
  }

  /** As clients of NATS make a bucket, with changes repeated to plain subscribers. */
  async #createBucket(bucket: string): Promise<void> {
    const manager = await this.#jsm();
    await this.#told(bucket, () =>
      manager.streams.add({
        name: bucketStream(bucket),
        subjects: [keySubject(bucket, '>')],
        storage: StorageType.File,
        max_msgs_per_subject: 1,
        allow_direct: true,
        // A header could wipe the bucket.
        allow_rollup_hdrs: false,
        deny_delete: true,
        republish: { src: keySubject(bucket, '>'), dest: changedSubject(bucket, '>') },
      }),
    );
  }

  async hasGeneration(generation: string): Promise<boolean> {
    const manager = await this.#jsm();
    try {
      await manager.streams.info(bucketStream(bucketOf(generation)));
      await manager.streams.info(resultStream(generation));
      return true;
    } catch (error) {
      if (error instanceof JetStreamApiError && error.code === STREAM_NOT_FOUND) return false;
      throw translated(error, generation);
    }
  }

  async get(bucket: string, key: string): Promise<Entry | null> {
    const manager = await this.#jsm();
    const message = await this.#told(`${bucket}/${key}`, () =>
      manager.direct.getMessage(bucketStream(bucket), { last_by_subj: keySubject(bucket, key) }),
    );
    return message === null ? null : { value: parsed(message.string()), revision: message.seq };
  }

  async all(bucket: string): Promise<Map<string, Entry>> {
    const manager = await this.#jsm();
    const info = await this.#told(bucket, () =>
      manager.streams.info(bucketStream(bucket), { subjects_filter: '>' }),
    );
    const keys = Object.keys(info.state.subjects ?? {}).map((subject) =>
      subject.slice(keySubject(bucket, '').length),
    );
    const entries = await Promise.all(keys.map(async (key) => [key, await this.get(bucket, key)] as const));
    return new Map(entries.filter((each): each is [string, Entry] => each[1] !== null));
  }

  async put(bucket: string, key: string, value: unknown, revision: number): Promise<number> {
    const { seq } = await this.#told(`${bucket}/${key}`, () =>
      this.#stream.publish(keySubject(bucket, key), JSON.stringify(value), {
        expect: { lastSubjectSequence: revision },
        timeout: this.#timeout,
        retries: 1,
      }),
    );
    return seq;
  }

  changes(bucket: string, key: string, callback: (key: string, entry: Entry) => void): Stop {
    const start = changedSubject(bucket, '').length;
    return this.#subscribe(changedSubject(bucket, key), (text, subject, headers) => {
      callback(subject.slice(start), {
        value: parsed(text),
        revision: Number(headers?.get('Nats-Sequence')),
      });
    });
  }

  async publishResult(generation: string, agent: string, id: string, value: unknown): Promise<void> {
    await this.#told('results', () =>
      this.#stream.publish(resultSubject(generation, agent), JSON.stringify(value), {
        msgID: id,
        timeout: this.#timeout,
        retries: 1,
      }),
    );
  }

  async results(generation: string, callback: (value: unknown, agent: string) => void): Promise<Stop> {
    let messages: ConsumerMessages | null = null;
    let stopped = false;
    const read = async (): Promise<void> => {
      const consumer = await this.#stream.consumers.get(resultStream(generation), {
        deliver_policy: DeliverPolicy.All,
      });
      messages = await consumer.consume({ max_messages: 500, expires: 5000, idle_heartbeat: 1000 });
      for await (const message of messages) {
        if (stopped) break;
        callback(parsed(message.string()), message.subject.slice(resultSubject(generation, '').length));
      }
    };
    void read().catch(() => {
      // The stream is gone: whoever looks at the generation finds it out.
    });
    return () => {
      stopped = true;
      messages?.stop();
    };
  }

  send(subject: string, value: unknown): void {
    this.#connection.publish(subject, JSON.stringify(value));
  }

  on(subject: string, callback: (value: unknown, subject: string) => void): Stop {
    return this.#subscribe(subject, (text, from) => callback(parsed(text), from));
  }

  async request(subject: string, value: unknown): Promise<unknown> {
    const answer = await this.#told(subject, () =>
      this.#connection.request(subject, JSON.stringify(value), { timeout: this.#timeout }),
    );
    return parsed(answer.string());
  }

  serve(subject: string, answer: () => unknown): Stop {
    const subscription = this.#connection.subscribe(subject, {
      callback: (error, message) => {
        if (error === null) message.respond(JSON.stringify(answer()));
      },
    });
    return () => subscription.unsubscribe();
  }

  onReconnected(callback: () => void): Stop {
    this.#reconnected.add(callback);
    return () => this.#reconnected.delete(callback);
  }

  async close(): Promise<void> {
    this.#reconnected.clear();
    await this.#connection.close();
  }

  #subscribe(
    subject: string,
    callback: (text: string, subject: string, headers: { get(name: string): string } | undefined) => void,
  ): Stop {
    const subscription = this.#connection.subscribe(subject, {
      callback: (error, message) => {
        if (error === null) callback(message.string(), message.subject, message.headers);
      },
    });
    return () => subscription.unsubscribe();
  }
}

/** What is not JSON is as good as nothing: those who get it check it anyway. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function translated(error: unknown, what: string): unknown {
  if (!(error instanceof Error)) return error;
  if (error instanceof JetStreamApiError) {
    if (error.code === WRONG_LAST_SEQUENCE) return new ConflictError(what);
    // Just started, or out of something: another time it may work.
    if (error.status >= 500) return new NoAnswerError(`${what}: ${error.message}`);
    return error.code === STREAM_NOT_FOUND ? new GoneError(what) : error;
  }
  switch (error.name) {
    case 'NoRespondersError':
    case 'JetStreamNotEnabled':
      return new GoneError(what);
    case 'TimeoutError':
    case 'ClosedConnectionError':
    case 'DrainingConnectionError':
    case 'ConnectionError':
    case 'RequestError':
      return new NoAnswerError(what);
    default:
      return error;
  }
}
