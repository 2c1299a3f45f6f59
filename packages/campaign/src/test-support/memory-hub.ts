import type { Clock } from 'etherconn';
import { ConflictError, type Entry, GoneError, type Hub, NoAnswerError, type Stop } from '../hub/hub.ts';
import { bucketOf, changedSubject, REGISTRY } from '../protocol/names.ts';
import type { VirtualProcess } from './virtual-process.ts';

type Listener = (value: unknown, subject: string, revision: number) => void;

/** A server in memory, for virtual time. Messages take `delay` milliseconds each way. */
export class MemoryServer {
  readonly clock: Clock;
  readonly delay: number;
  readonly buckets: Map<string, Map<string, Entry>> = new Map();
  readonly streams: Map<string, { subject: string; value: unknown }[]> = new Map();
  readonly clients: Set<MemoryHub> = new Set();
  /** Messages that a real server would have received and sent, by what they are for. */
  readonly counts: Map<string, number> = new Map();
  revision = 0;
  readonly #exact = new Map<string, Set<MemoryHub>>();
  readonly #patterns = new Map<string, Set<MemoryHub>>();

  constructor(clock: Clock, delay = 0.2) {
    this.clock = clock;
    this.delay = delay;
  }

  /** @param isolated in an account of its own: the server does not tell it that nobody answers */
  client(isolated = false, process: VirtualProcess | null = null): MemoryHub {
    const hub = new MemoryHub(this, isolated, process);
    this.clients.add(hub);
    return hub;
  }

  /** As a server that was restarted with its store deleted. */
  lose(): void {
    this.buckets.clear();
    this.streams.clear();
    this.revision = 0;
    for (const client of this.clients) client.tellReconnected();
  }

  count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  publish(subject: string, value: unknown, revision = 0): void {
    for (const client of this.#exact.get(subject) ?? []) client.deliver(subject, subject, value, revision);
    for (const [pattern, clients] of this.#patterns)
      if (matches(pattern, subject))
        for (const client of clients) client.deliver(pattern, subject, value, revision);
  }

  subscribe(client: MemoryHub, pattern: string): void {
    const table = pattern.includes('*') ? this.#patterns : this.#exact;
    table.set(pattern, (table.get(pattern) ?? new Set()).add(client));
  }

  leave(client: MemoryHub): void {
    this.clients.delete(client);
    for (const table of [this.#exact, this.#patterns])
      for (const clients of table.values()) clients.delete(client);
  }
}

/** One direction of a connection: what goes in first comes out first. */
class Pipe {
  readonly #clock: Clock;
  readonly #latency: () => number;
  readonly #waiting: (() => void)[] = [];
  /** How many of them would have arrived. */
  #due = 0;
  #stalled = false;

  constructor(clock: Clock, latency: () => number) {
    this.#clock = clock;
    this.#latency = latency;
  }

  send(arrive: () => void): void {
    this.#waiting.push(arrive);
    this.#clock.setTimer(() => {
      this.#due++;
      this.#drain();
    }, this.#latency());
  }

  set stalled(stalled: boolean) {
    this.#stalled = stalled;
    this.#drain();
  }

  #drain(): void {
    for (; this.#due > 0 && !this.#stalled; this.#due--) this.#waiting.shift()!();
  }
}

/** A client of it, whose connection can be cut in each direction. */
export class MemoryHub implements Hub {
  readonly server: MemoryServer;
  /** Requests get lost. */
  cutOut = false;
  /** Answers and messages get lost. */
  cutIn = false;
  readonly #listeners = new Map<string, Set<Listener>>();
  readonly #reconnected = new Set<() => void>();
  readonly #served = new Map<string, () => unknown>();

  /** Milliseconds that a message takes in one direction. */
  latency: () => number;
  readonly #isolated: boolean;
  readonly #process: VirtualProcess | null;
  readonly #out: Pipe;
  readonly #in: Pipe;

  constructor(server: MemoryServer, isolated: boolean, process: VirtualProcess | null) {
    this.server = server;
    this.#isolated = isolated;
    this.#process = process;
    this.latency = () => server.delay;
    this.#out = new Pipe(server.clock, () => this.latency());
    this.#in = new Pipe(server.clock, () => this.latency());
  }

  /** Messages wait, and arrive once the connection goes on. */
  stall(out: boolean, into: boolean): void {
    this.#out.stalled = out;
    this.#in.stalled = into;
  }

  /** Whether it hears and answers now. */
  get #answers(): boolean {
    return !this.cutIn && !this.cutOut && this.#process?.isStopped !== true && this.#process?.isDead !== true;
  }

  /** Who still listens to what: for tests that nothing is left behind. */
  get subscriptions(): string[] {
    const patterns = [...this.#listeners].filter(([, { size }]) => size > 0).map(([pattern]) => pattern);
    const callbacks = this.#reconnected.size > 0 ? ['reconnected'] : [];
    return [...patterns, ...this.#served.keys(), ...callbacks];
  }

  tellReconnected(): void {
    for (const callback of [...this.#reconnected]) this.#happens(callback);
  }

  deliver(pattern: string, subject: string, value: unknown, revision: number): void {
    const listeners = this.#listeners.get(pattern);
    if (listeners === undefined || listeners.size === 0) return;
    this.server.count('delivered');
    this.#in.send(() => {
      if (this.cutIn) return;
      this.#happens(() => {
        for (const listener of listeners) listener(value, subject, revision);
      });
    });
  }

  async createRegistry(): Promise<void> {
    await this.#ask('create', () => {
      if (!this.server.buckets.has(REGISTRY)) this.server.buckets.set(REGISTRY, new Map());
    });
  }

  async createGeneration(generation: string): Promise<void> {
    await this.#ask('create', () => {
      this.server.buckets.set(bucketOf(generation), new Map());
      this.server.streams.set(generation, []);
    });
  }

  async hasGeneration(generation: string): Promise<boolean> {
    return this.#ask('info', () => this.server.streams.has(generation));
  }

  async get(bucket: string, key: string): Promise<Entry | null> {
    return this.#ask('get', () => this.#bucket(bucket).get(key) ?? null);
  }

  async all(bucket: string): Promise<Map<string, Entry>> {
    return this.#ask('get', () => new Map(this.#bucket(bucket)));
  }

  async put(bucket: string, key: string, value: unknown, revision: number): Promise<number> {
    return this.#ask(`put ${key.split('.')[0]}`, () => {
      const keys = this.#bucket(bucket);
      if ((keys.get(key)?.revision ?? 0) !== revision) throw new ConflictError(key);
      const entry = { value: JSON.parse(JSON.stringify(value)), revision: ++this.server.revision };
      keys.set(key, entry);
      this.server.publish(changedSubject(bucket, key), entry.value, entry.revision);
      return entry.revision;
    });
  }

  changes(bucket: string, key: string, callback: (key: string, entry: Entry) => void): Stop {
    const start = changedSubject(bucket, '').length;
    return this.#listen(changedSubject(bucket, key), (value, subject, revision) =>
      callback(subject.slice(start), { value, revision }),
    );
  }

  async publishResult(generation: string, agent: string, _id: string, value: unknown): Promise<void> {
    await this.#ask('result', () => {
      const stream = this.server.streams.get(generation);
      if (stream === undefined) throw new GoneError(generation);
      const copy = JSON.parse(JSON.stringify(value));
      stream.push({ subject: agent, value: copy });
      this.server.publish(`stream.${generation}.${agent}`, copy);
    });
  }

  async results(generation: string, callback: (value: unknown, agent: string) => void): Promise<Stop> {
    const stop = this.#listen(`stream.${generation}.*`, (value, subject) =>
      callback(value, subject.split('.')[2]),
    );
    try {
      const before = await this.#ask('consume', () => [...(this.server.streams.get(generation) ?? [])]);
      for (const { subject, value } of before) callback(value, subject);
      return stop;
    } catch (error) {
      stop();
      throw error;
    }
  }

  send(subject: string, value: unknown): void {
    this.server.count('sent');
    this.#out.send(() => {
      if (!this.cutOut) this.server.publish(subject, JSON.parse(JSON.stringify(value)));
    });
  }

  on(subject: string, callback: (value: unknown, subject: string) => void): Stop {
    return this.#listen(subject, callback);
  }

  async request(subject: string, _value: unknown): Promise<unknown> {
    return this.#ask('request', () => {
      for (const client of this.server.clients)
        for (const [pattern, answer] of client.#served)
          if (matches(pattern, subject) && client.#answers) return answer();
      throw new GoneError(subject);
    });
  }

  serve(subject: string, answer: () => unknown): Stop {
    this.#served.set(subject, answer);
    return () => this.#served.delete(subject);
  }

  onReconnected(callback: () => void): Stop {
    this.#reconnected.add(callback);
    return () => this.#reconnected.delete(callback);
  }

  async close(): Promise<void> {
    this.server.leave(this);
    this.#listeners.clear();
    this.#reconnected.clear();
    this.#served.clear();
  }

  #bucket(bucket: string): Map<string, Entry> {
    const keys = this.server.buckets.get(bucket);
    if (keys === undefined) throw new GoneError(bucket);
    return keys;
  }

  #listen(pattern: string, listener: Listener): Stop {
    const listeners = this.#listeners.get(pattern) ?? new Set();
    this.#listeners.set(pattern, listeners.add(listener));
    this.server.subscribe(this, pattern);
    return () => listeners.delete(listener);
  }

  #happens(callback: () => void): void {
    if (this.#process === null) callback();
    else this.#process.run(callback);
  }

  /** A request and its answer, each of which may be lost. */
  #ask<T>(what: string, apply: () => T): Promise<T> {
    this.server.count(what);
    this.server.count('answer');
    return new Promise<T>((resolve, reject) => {
      const late = (): void => this.#happens(() => reject(new NoAnswerError(what)));
      const noAnswer = this.server.clock.setTimer(late, 1000);
      this.#out.send(() => {
        if (this.cutOut) return;
        let answer: () => void;
        try {
          const value = apply();
          answer = () => resolve(value);
        } catch (error) {
          if (this.#isolated && error instanceof GoneError) return;
          answer = () => reject(error);
        }
        this.#in.send(() => {
          if (this.cutIn) return;
          noAnswer.cancel();
          this.#happens(answer);
        });
      });
    });
  }
}

function matches(pattern: string, subject: string): boolean {
  const [want, have] = [pattern.split('.'), subject.split('.')];
  return want.length === have.length && want.every((token, i) => token === '*' || token === have[i]);
}
