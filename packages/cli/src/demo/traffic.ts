import type { Batch, PacketRelay, UdpPeer } from 'etherconn';
import { formatIp } from 'etherconn/wire';
import { abortable } from '../abortable.ts';
import { Machine, machineIp, machineMac } from './machine.ts';
import { SERVER_IP, SERVER_PORT } from './stage.ts';

const MACHINE_PORT = 40_000;
/** Requests under way at a time: the kernel drops what its socket buffers cannot hold. */
const WINDOW = 64;
/** Milliseconds without an answer after which a request is repeated, and how often. */
const PATIENCE = 1000;
const REPEATS = 5;
/** Request: machine (4 bytes), number (4 bytes), and filling. */
const REQUEST_LENGTH = 32;

/** What the demo counts; grows while it runs. */
export interface Tally {
  readonly machines: number;
  readonly total: number;
  /** Different requests sent; repeats are counted apart. */
  sent: number;
  answered: number;
  /** Answers that came to a machine that had not asked for them, or twice, or changed. */
  misdelivered: number;
  repeated: number;
  /** Round trip of each answered request, µs. */
  readonly roundTrips: Float64Array;
  /** From the first request to the last answer, ms. */
  elapsed: number;
}

/**
 * Lets `machines` machines send `requests` requests each, and checks that every answer comes back to the
 * machine (its own MAC and IP address) that asked. Ends when all are answered or `signal` is aborted, or when
 * requests stay unanswered after all repeats.
 */
export async function runTraffic(
  relay: PacketRelay,
  tally: Tally,
  requests: number,
  signal: AbortSignal,
): Promise<void> {
  let gateway: string | null = null;
  const machines: Machine[] = [];
  for (let i = 0; i < tally.machines; i++) {
    machines.push(new Machine(relay, machineMac(i), machineIp(i), MACHINE_PORT, () => gateway));
  }
  gateway = await abortable(machines[0].resolve(SERVER_IP), signal);
  const peers = machines.map((machine) =>
    machine.udp.peer({ address: formatIp(SERVER_IP), port: SERVER_PORT }),
  );
  const run = new Run(machines, peers, tally, requests);
  try {
    await abortable(run.done, signal);
  } finally {
    run.stop();
  }
}

/** One run: the requests under way and their timers. */
class Run {
  readonly done: Promise<void>;
  readonly #machines: readonly Machine[];
  readonly #peers: readonly UdpPeer[];
  readonly #tally: Tally;
  /** When each request was sent, ms; 0 before, -1 after its answer. By machine + number × machines. */
  readonly #sentAt: Float64Array;
  readonly #tries: Uint8Array;
  #next = 0;
  #underWay = 0;
  readonly #start = performance.now();
  #finish: () => void = () => {};
  #fail: (error: unknown) => void = () => {};
  #stopped = false;
  readonly #timer: NodeJS.Timeout;
  readonly #request = new Uint8Array(REQUEST_LENGTH);
  readonly #view = new DataView(this.#request.buffer);

  constructor(machines: readonly Machine[], peers: readonly UdpPeer[], tally: Tally, requests: number) {
    this.#machines = machines;
    this.#peers = peers;
    this.#tally = tally;
    this.#sentAt = new Float64Array(machines.length * requests);
    this.#tries = new Uint8Array(machines.length * requests);
    for (const [index, machine] of machines.entries())
      machine.udp.onBatch((batch) => this.#onAnswers(index, batch));
    this.done = new Promise((resolve, reject) => {
      this.#finish = resolve;
      this.#fail = reject;
    });
    this.#timer = setInterval(() => this.#guarded(() => this.#repeat()), PATIENCE / 4);
    this.#guarded(() => this.#fill());
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#timer);
    this.#tally.elapsed = performance.now() - this.#start;
  }

  #fill(): void {
    while (this.#underWay < WINDOW && this.#next < this.#sentAt.length) {
      if (!this.#send(this.#next)) {
        setImmediate(() => this.#guarded(() => this.#fill()));
        return;
      }
      this.#tally.sent++;
      this.#underWay++;
      this.#next++;
    }
  }

  /** A relay that stops under the traffic ends the run. */
  #guarded(work: () => void): void {
    if (this.#stopped) return;
    try {
      work();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Consecutive requests are of different machines. */
  #send(request: number): boolean {
    const machine = request % this.#machines.length;
    this.#view.setUint32(0, machine);
    this.#view.setUint32(4, request);
    if (this.#peers[machine].trySend(this.#request) === 0) return false;
    this.#sentAt[request] = performance.now();
    this.#tries[request]++;
    return true;
  }

  #onAnswers(machine: number, batch: Batch): void {
    const tally = this.#tally;
    const now = performance.now();
    while (batch.next()) {
      const { memory, payloadOffset: at } = batch;
      const request = memory.view.getUint32(at + 4);
      const sentAt = this.#sentAt[request];
      if (batch.payloadLength !== REQUEST_LENGTH || memory.view.getUint32(at) !== machine || !(sentAt > 0)) {
        // The late answer to a request that was repeated is no mistake.
        if (!(sentAt === -1 && this.#tries[request] > 1)) tally.misdelivered++;
        continue;
      }
      this.#sentAt[request] = -1;
      tally.roundTrips[tally.answered++] = (now - sentAt) * 1000;
      this.#underWay--;
    }
    if (tally.answered === tally.total) this.#finish();
    else this.#guarded(() => this.#fill());
  }

  #repeat(): void {
    const due = performance.now() - PATIENCE;
    for (let request = 0; request < this.#next; request++) {
      if (!(this.#sentAt[request] > 0 && this.#sentAt[request] < due)) continue;
      if (this.#tries[request] > REPEATS) {
        this.#finish();
        return;
      }
      if (this.#send(request)) this.#tally.repeated++;
    }
  }
}
