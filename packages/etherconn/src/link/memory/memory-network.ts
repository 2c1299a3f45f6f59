import { type Clock, type ClockTimer, systemClock } from '../../clock.ts';
import { ClosedError, EtherconnError, OptionError } from '../../errors.ts';
import { checkInteger, checkKnown, checkNumber, checkOneOf } from '../../options.ts';
import { clearImmediate, clearInterval, setImmediate, setInterval } from '../../real-time.ts';
import { rethrowLater } from '../../rethrow.ts';
import { VirtualClock } from '../../virtual-clock.ts';
import { DelayLine } from '../impairments/delay-line.ts';
import { checkImpairments, flipBit, type Impairer, type Impairments } from '../impairments/impairments.ts';
import type { FrameMemory } from '../link.ts';
import { MacTable } from './mac-table.ts';
import type { MemoryLink, MemoryPortOptions } from './memory-link.ts';
import { Port } from './port.ts';
import { PortFifo } from './port-fifo.ts';

/** Options of a {@link MemoryNetwork}. */
export interface MemoryNetworkOptions {
  /**
   * 'real' (default) uses the system clock. 'virtual' uses a {@link VirtualClock} of the network, see {@link
   * MemoryNetwork.virtualClock}.
   */
  time?: 'real' | 'virtual';
  /** Clock to use instead of `time`. Several networks can share a virtual clock. */
  clock?: Clock;
  /** Seed of all faults, an integer from 0 to 2^53 - 1. Default 1, so runs replay by default. */
  seed?: number;
  /** Faults of frames at each port that receives them, see {@link MemoryNetwork.impair}. */
  impair?: Impairments;
  /** Maximum number of stations (MAC address and VLAN) in the table of the switch, 1 to 1048576. Default 65536. */
  macTableSize?: number;
  /** Milliseconds after which a silent station is forgotten. Default 300000 (IEEE 802.1Q, 8.8.3). */
  macAgeing?: number;
  /** Maximum number of delayed frames in the whole network, 1 to 16777216. Default 65536. */
  heldFrames?: number;
}

/** Counters of the switch; cumulative. */
export interface MemoryNetworkStats {
  /** Frames received from the ports, after their faults. */
  frames: number;
  /** Frames sent to all ports: those for group addresses and unknown stations. */
  flooded: number;
  /** Frames for a station behind the port that they came from. A switch does not send them back. */
  filtered: number;
  /** Frames whose sender was not learned because the table was full. */
  notLearned: number;
  /** Stations in the table, including expired ones that are not removed yet. */
  stations: number;
}

const OPTIONS: readonly string[] = [
  'time',
  'clock',
  'seed',
  'impair',
  'macTableSize',
  'macAgeing',
  'heldFrames',
];
/** Names of the options of a port. */
export const MEMORY_PORT_OPTIONS: readonly string[] = [
  'name',
  'hardwareAddress',
  'mtu',
  'txSlots',
  'rxFrames',
  'rxBytes',
  'impair',
];

/** Frames that are switched, and frames that are delivered, in one turn of the event loop. */
const BUDGET = 256;
/** A delayed frame is about to enter the switch, or about to enter a port's queue. */
const TO_SWITCH = 0;
const TO_PORT = 1;
/** Node's longest timer. */
const FOREVER = 0x7fffffff;

/**
 * An Ethernet in this process: a learning switch with any number of ports.
 *
 * It learns the port of each station, by MAC address and outermost VLAN id (independent learning; a priority tag
 * counts as untagged), and sends frames for known stations there. All other frames, including those for group
 * addresses and for addresses reserved for bridges, go to all ports that are up. VLANs do not separate ports: every
 * port is a trunk. A frame never returns to the port that it came from. Frames are delivered in the order in which
 * they were flushed, in later turns of the event loop, a bounded number in each turn.
 *
 * Frames under way, including delayed ones, keep the process alive. A port does not, unless its `ref` is called,
 * because nothing outside this process can reach it.
 */
export class MemoryNetwork {
  readonly clock: Clock;
  readonly seed: number;

  readonly #ports: (Port | null)[] = [];
  readonly #places: number[] = [];
  #serial = 0;
  #generation = 0;
  #closed = false;
  readonly #table: MacTable;
  #defaultImpairments: Impairments | null = null;

  /** Ports with flushed frames, in the order of the flushes, and how many. */
  readonly #submitted = new PortFifo<Port>();
  /** Ports that have something to deliver or to announce. */
  readonly #attention = new PortFifo<Port>();
  readonly #delayed: DelayLine<Port>;
  #timer: ClockTimer | null = null;
  #timerDue = Infinity;
  #immediate: NodeJS.Immediate | null = null;
  #keepAliveCount = 0;
  #keepAliveTimer: NodeJS.Timeout | null = null;
  readonly #detachClock: () => void;
  /** Copies made in this turn. */
  #copies = 0;
  /** The last turn could not deliver all that was queued. */
  #backlog = false;

  #frames = 0;
  #flooded = 0;
  #filtered = 0;
  #notLearned = 0;

  /** @throws OptionError */
  constructor(options: MemoryNetworkOptions = {}) {
    checkKnown(options, OPTIONS);
    const time = checkOneOf('time', options.time, ['real', 'virtual'], 'real');
    if (options.time !== undefined && options.clock !== undefined) {
      throw new OptionError('clock', "cannot be given together with 'time'");
    }
    this.seed = checkInteger('seed', options.seed, 0, Number.MAX_SAFE_INTEGER, 1);
    const stations = checkInteger('macTableSize', options.macTableSize, 1, 1 << 20, 65536);
    const ageing = checkNumber('macAgeing', options.macAgeing, 0, Number.MAX_VALUE, 300_000);
    const held = checkInteger('heldFrames', options.heldFrames, 1, 1 << 24, 65536);
    if (options.impair !== undefined) this.impair(options.impair);
    this.#table = new MacTable(stations, ageing, (place, generation) => this.#alive(place, generation));
    this.#delayed = new DelayLine(held);
    this.clock = options.clock ?? (time === 'virtual' ? new VirtualClock() : systemClock);
    this.#detachClock =
      this.clock instanceof VirtualClock
        ? this.clock.addActivity(() => this.#immediate !== null)
        : () => undefined;
  }

  /**
   * The clock of a network with virtual time.
   * @throws EtherconnError when it is real
   */
  get virtualClock(): VirtualClock {
    if (this.clock instanceof VirtualClock) return this.clock;
    throw new EtherconnError('ERR_ETHERCONN_REAL_TIME', "virtualClock: this network's time is real");
  }

  /**
   * Creates a port: a link to this network. It is up, and frames for it are kept from now on.
   * @throws OptionError, ClosedError
   */
  port(options: MemoryPortOptions = {}): MemoryLink {
    if (this.#closed) throw new ClosedError('port');
    checkKnown(options, MEMORY_PORT_OPTIONS);
    if (options.impair !== undefined) checkImpairments(options.impair);
    const serial = this.#serial;
    const port = new Port(this, {
      serial,
      name: checkName(options.name) ?? `mem${serial}`,
      hardwareAddress: checkAddress(options.hardwareAddress) ?? portAddress(serial),
      mtu: checkInteger('mtu', options.mtu, 68, 65535, 1500),
      txSlots: checkInteger('txSlots', options.txSlots, 1, 65536, 128),
      rxFrames: checkInteger('rxFrames', options.rxFrames, 1, 1 << 20, 4096),
      rxBytes: checkInteger('rxBytes', options.rxBytes, 4096, 2 ** 30, 8 * 1024 * 1024),
    });
    this.#serial++;
    port.place = this.#places.pop() ?? this.#ports.length;
    port.generation = ++this.#generation;
    this.#ports[port.place] = port;
    if (options.impair !== undefined) port.impair(options.impair);
    else if (this.#defaultImpairments !== null) port.setImpairIn(this.#defaultImpairments);
    return port;
  }

  /**
   * Sets the faults of every frame at each port that receives it, unless the port has its own faults for received
   * frames. `{}` removes them.
   * @throws OptionError
   */
  impair(impairments: Impairments): void {
    checkImpairments(impairments);
    this.#defaultImpairments = { ...impairments };
    for (const port of this.#ports) {
      if (port !== null && !port.ownImpairIn) port.setImpairIn(impairments);
    }
  }

  stats(): MemoryNetworkStats {
    return {
      frames: this.#frames,
      flooded: this.#flooded,
      filtered: this.#filtered,
      notLearned: this.#notLearned,
      stations: this.#table.size,
    };
  }

  /**
   * Closes all ports and discards frames under way. The relays stop as when an interface is deleted: waiting calls
   * fail with RelayStoppedError, and relays, conns, hosts and sockets emit 'close'. Harmless when repeated.
   */
  close(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#closed = true;
    const receivers = this.#ports.map((port) => port?.finish() ?? null);
    this.#delayed.clear();
    this.#timer?.cancel();
    this.#timer = null;
    if (this.#immediate !== null) clearImmediate(this.#immediate);
    this.#immediate = null;
    this.#detachClock();
    for (const receiver of receivers) {
      try {
        receiver?.error(new ClosedError('memory network'));
      } catch (error) {
        rethrowLater(error);
      }
    }
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** @internal */
  submitted(port: Port, count: number): void {
    this.#submitted.push(port, count);
    this.#wake();
  }

  /** @internal */
  attend(port: Port): void {
    if (port.listed) return;
    port.listed = true;
    this.#attention.push(port, 0);
    this.#wake();
  }

  /** @internal */
  forget(port: Port): void {
    port.generation = ++this.#generation;
  }

  /** @internal */
  detach(port: Port): void {
    const now = this.clock.now();
    while (port.tx.submitted > 0) this.#transmit(port, now);
    this.#armTimer(now);
    this.#ports[port.place] = null;
    this.#places.push(port.place);
  }

  /** @internal */
  keepAlive(change: number): void {
    this.#keepAliveCount += change;
    if (this.#keepAliveCount > 0 && this.#keepAliveTimer === null) {
      this.#keepAliveTimer = setInterval(() => undefined, FOREVER);
    } else if (this.#keepAliveCount === 0 && this.#keepAliveTimer !== null) {
      clearInterval(this.#keepAliveTimer);
      this.#keepAliveTimer = null;
    }
  }

  #alive(place: number, generation: number): boolean {
    const port = this.#ports[place];
    return port !== null && port !== undefined && port.generation === generation;
  }

  #wake(): void {
    if (this.#immediate === null && !this.#closed) this.#immediate = setImmediate(this.#turn);
  }

  /** One turn: frames that come due, then those flushed, enter the queues; the queues are delivered. */
  readonly #turn = (): void => {
    this.#immediate = null;
    const now = this.clock.now();
    try {
      this.#copies = 0;
      // What is queued goes out before more comes in: so only ports that nobody has started overflow.
      if (!this.#backlog) {
        this.#releaseDelayed(now);
        this.#switchSubmitted(now);
      }
      this.#deliver();
    } finally {
      // Also when a receiver has thrown: the others' frames must not be stuck behind it.
      this.#armTimer(now);
      if (this.#submitted.size > 0 || this.#attention.size > 0 || this.#delayed.next <= now) this.#wake();
    }
  };

  #releaseDelayed(now: number): void {
    const delayed = this.#delayed;
    while (this.#copies < BUDGET) {
      const id = delayed.take(now);
      if (id < 0) return;
      const port = delayed.owner(id);
      this.#copies++;
      if (delayed.kind(id) === TO_SWITCH) {
        this.#forward(port, delayed.memory(id), delayed.offset(id), delayed.length(id), null, now);
      } else if (port.up && !port.closed) {
        port.push(delayed.memory(id), delayed.offset(id), delayed.length(id), null, -1);
      }
      delayed.release(id);
    }
  }

  #switchSubmitted(now: number): void {
    const submitted = this.#submitted;
    while (submitted.size > 0) {
      const port = submitted.first;
      // A port that was closed has switched its frames itself.
      let count = Math.min(submitted.firstCount, port.tx.submitted);
      for (; count > 0; count--) {
        if (this.#copies >= BUDGET) {
          submitted.firstCount = count;
          return;
        }
        this.#transmit(port, now);
      }
      submitted.shift();
    }
  }

  /** Takes a port's oldest flushed frame. */
  #transmit(port: Port, now: number): void {
    const tx = port.tx;
    const length = tx.headLength;
    this.#copies++;
    if (port.sent(length)) {
      const memory = tx.memory;
      const offset = tx.headOffset;
      const impairer = port.impairOut;
      if (impairer === null) this.#forward(port, memory, offset, length, tx.headWindow, now);
      else this.#forwardImpaired(impairer, port, memory, offset, length, tx.headWindow, now);
    }
    port.shift();
  }

  #forwardImpaired(
    impairer: Impairer,
    port: Port,
    memory: FrameMemory,
    offset: number,
    length: number,
    window: Uint8Array | null,
    now: number,
  ): void {
    const copies = impairer.decide(now, length);
    for (let copy = 0; copy < copies; copy++) {
      const bit = impairer.flip[copy]!;
      const due = impairer.due[copy]!;
      if (bit >= 0) flipBit(memory.u8, offset, bit);
      if (due <= now) this.#forward(port, memory, offset, length, window, now);
      else this.#hold(impairer, due, port, TO_SWITCH, memory, offset, length, window);
      // The other copy must not see the flip.
      if (bit >= 0) flipBit(memory.u8, offset, bit);
    }
  }

  #hold(
    impairer: Impairer,
    due: number,
    port: Port,
    kind: number,
    memory: FrameMemory,
    offset: number,
    length: number,
    window: Uint8Array | null,
  ): void {
    if (!this.#delayed.add(due, port, kind, memory, offset, length, window)) impairer.stats.overflowed++;
  }

  #forward(
    from: Port,
    memory: FrameMemory,
    offset: number,
    length: number,
    window: Uint8Array | null,
    now: number,
  ): void {
    this.#frames++;
    const u8 = memory.u8;
    const u16 = memory.u16;
    const mac = offset >> 1;
    let vid = 0;
    if (length >= 16) {
      const type = (u8[offset + 12]! << 8) | u8[offset + 13]!;
      if (type === 0x8100 || type === 0x88a8) vid = ((u8[offset + 14]! & 0x0f) << 8) | u8[offset + 15]!;
    }
    // The addresses as numbers in this machine's byte order: only compared with each other.
    if ((u8[offset + 6]! & 1) === 0 && from.up && !from.closed) {
      const high = u16[mac + 3]! | (u16[mac + 4]! << 16);
      const low = u16[mac + 5]! | (vid << 16);
      if (!this.#table.learn(high, low, from.place, from.generation, now)) this.#notLearned++;
    }
    if ((u8[offset]! & 1) === 0) {
      const high = u16[mac]! | (u16[mac + 1]! << 16);
      const entry = this.#table.lookup(high, u16[mac + 2]! | (vid << 16), now);
      if (entry >= 0) {
        const to = this.#ports[this.#table.ports[entry]!] ?? null;
        if (to !== null && to.generation === this.#table.generations[entry]!) {
          if (to === from) this.#filtered++;
          else this.#pass(to, memory, offset, length, window, now);
          return;
        }
      }
    }
    this.#flooded++;
    const ports = this.#ports;
    for (let place = 0; place < ports.length; place++) {
      const to = ports[place]!;
      if (to === null || to === from) continue;
      this.#copies++;
      this.#pass(to, memory, offset, length, window, now);
    }
  }

  /** A frame on its way from the switch to a port. */
  #pass(
    to: Port,
    memory: FrameMemory,
    offset: number,
    length: number,
    window: Uint8Array | null,
    now: number,
  ): void {
    if (!to.up) return;
    const impairer = to.impairIn;
    if (impairer === null) {
      to.push(memory, offset, length, window, -1);
      return;
    }
    const copies = impairer.decide(now, length);
    for (let copy = 0; copy < copies; copy++) {
      const bit = impairer.flip[copy]!;
      const due = impairer.due[copy]!;
      if (due <= now) {
        to.push(memory, offset, length, window, bit);
        continue;
      }
      if (bit >= 0) flipBit(memory.u8, offset, bit);
      this.#hold(impairer, due, to, TO_PORT, memory, offset, length, window);
      if (bit >= 0) flipBit(memory.u8, offset, bit);
    }
  }

  #deliver(): void {
    // Ports that are listed while this runs, by what receivers do, have their turn in the next one.
    let ports = this.#attention.size;
    let budget = BUDGET;
    while (ports-- > 0 && budget > 0) {
      const port = this.#attention.first;
      this.#attention.shift();
      port.listed = false;
      try {
        budget -= port.deliver(budget);
      } finally {
        if (port.pending) this.attend(port);
      }
      if (!port.closed) port.tx.announceRoom();
    }
    this.#backlog = budget <= 0;
  }

  #armTimer(now: number): void {
    const due = this.#delayed.next;
    // What is due already is taken in the next turn; a timer that is early is set again when it fires.
    if (due <= now || due >= this.#timerDue || this.#closed) return;
    this.#timer?.cancel();
    this.#timerDue = due;
    this.#timer = this.clock.setTimer(this.#timerFired, due - now);
  }

  readonly #timerFired = (): void => {
    this.#timer = null;
    this.#timerDue = Infinity;
    this.#wake();
  };
}

/** 02:6d and the number: locally administered (IEEE 802, 8.2), and the same in every run. */
function portAddress(serial: number): Uint8Array {
  return Uint8Array.of(2, 0x6d, serial >>> 24, (serial >>> 16) & 255, (serial >>> 8) & 255, serial & 255);
}

function checkName(name: unknown): string | undefined {
  if (name === undefined || (typeof name === 'string' && name !== '')) return name;
  throw new OptionError('name', 'must be a string that is not empty');
}

function checkAddress(address: unknown): Uint8Array | undefined {
  if (address === undefined) return undefined;
  if (!(address instanceof Uint8Array) || address.length !== 6 || (address[0]! & 1) !== 0) {
    throw new OptionError(
      'hardwareAddress',
      'must be the 6 bytes of a MAC address that is not a group address',
    );
  }
  return Uint8Array.from(address);
}
