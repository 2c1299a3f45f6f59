import { EtherconnError, OptionError } from '../../errors.ts';
import type { Addon } from '../../native/addon.ts';
import type { BpfDescription, NativeBpf } from '../../native/bpf.ts';
import { during, withAdvice } from '../../native/system-error.ts';
import { doAll } from '../kernel/do-all.ts';
import { E2BIG } from '../kernel/errno.ts';
import { Holdings } from '../kernel/holdings.ts';
import { queryLink } from '../kernel/interface-netlink.ts';
import { withRouteSocket } from '../kernel/netlink.ts';
import type { Station } from '../link.ts';
import { type AttachMode, type AttachTarget, attachError } from './attach-error.ts';
import { XDP_FLAGS_DRV_MODE, XDP_FLAGS_SKB_MODE } from './bpf.ts';
import {
  checkXskMap,
  createMaps,
  loadProgram,
  MAX_SERVICES,
  type SteeringMaps,
  type SteeringProgramOptions,
} from './load-program.ts';
import {
  adoptFd,
  openXskMap,
  optionOf,
  type ProgramPlace,
  type ProgramSource,
  programPlace,
  type SharedProgram,
} from './shared-program.ts';
import { DISPOSITIONS, encodeMask, encodeService, MASK_QUEUES, type Service } from './steer-maps.ts';
import { Steering } from './steering.ts';

const ALL_QUEUES: bigint = (1n << BigInt(MASK_QUEUES)) - 1n;

/** Dispositions of all frames that the program has seen on all queues since it was loaded. */
export interface SteeringCounters {
  /** Redirected to a socket. (A full RX ring may still drop them; the socket counts that.) */
  readonly redirected: number;
  /** Passed to the kernel: the sum of all fields below. */
  readonly passed: number;
  /** For an endpoint, but the queue has no socket. */
  readonly noSocket: number;
  /** For an endpoint or service that does not receive from that queue. */
  readonly otherQueue: number;
  /** For an endpoint without that EtherType. */
  readonly otherType: number;
  /** For no endpoint. */
  readonly noEndpoint: number;
  /** Broadcast and multicast. */
  readonly group: number;
  /** Shorter than their headers, or with more than 4 VLAN tags. */
  readonly unreadable: number;
}

/** The mask of a list of queues; bit n for queue n. Throws an OptionError for a queue that is not from 0 to 63. */
export function queueMask(queues: readonly number[]): bigint {
  let mask = 0n;
  for (const queue of queues) {
    if (!Number.isInteger(queue) || queue < 0 || queue >= MASK_QUEUES) {
      throw new OptionError('queues', `must be integers from 0 to ${MASK_QUEUES - 1}, got ${queue}`);
    }
    mask |= 1n << BigInt(queue);
  }
  return mask;
}

/**
 * The program that the kernel runs for each received frame, and its maps: which frames go to the AF_XDP socket of their
 * queue. See bpf/steer.c. It is held by file descriptors: when the last thread that shares it has closed it or ended,
 * however it ended, the kernel detaches it.
 *
 * Threads that share one must be of one process, and take frames of different queues.
 */
export class SteeringProgram {
  readonly #addon: Addon;
  readonly #holdings: Holdings;
  readonly #xsks: NativeBpf;
  readonly #maps: SteeringMaps | undefined;
  readonly #program: NativeBpf | undefined;
  readonly #steering = new Steering();
  readonly #services = new Map<string, { readonly service: Service; queues: bigint }>();
  #link: NativeBpf | undefined;
  #endpointQueues = 0n;
  #endpointMask = encodeMask(0n);
  #takeAllQueues = 0n;
  #shared: boolean;
  #place: ProgramPlace | undefined;
  #closed = false;

  /** Places for sockets: queues 0 to this, exclusive. */
  readonly queues: number;
  /** Most endpoints that can be steered; 0 when somebody else steers. */
  readonly maxEndpoints: number;

  private constructor(
    addon: Addon,
    holdings: Holdings,
    xsks: NativeBpf,
    maps: SteeringMaps | undefined,
    program: NativeBpf | undefined,
    link: NativeBpf | undefined,
    shared: boolean,
  ) {
    this.#addon = addon;
    this.#holdings = holdings;
    this.#xsks = xsks;
    this.#maps = maps;
    this.#program = program;
    this.#link = link;
    this.#shared = shared;
    this.queues = describe(addon, xsks).maxEntries;
    this.maxEndpoints = maps === undefined ? 0 : describe(addon, maps.endpoints).maxEntries;
  }

  /**
   * Loads the program with maps of its own. Throws a SystemError: EPERM names the capabilities that are missing, or
   * the limit of locked memory.
   */
  static load(addon: Addon, options: SteeringProgramOptions): SteeringProgram {
    const holdings = new Holdings();
    const keep = (object: NativeBpf): NativeBpf => holdings.keep(object, () => addon.bpfClose(object));
    try {
      const { xsks, ...maps } = createMaps(addon, options, keep);
      const program = keep(loadProgram(addon, { xsks, ...maps }, options.frags));
      return new SteeringProgram(addon, holdings, xsks, maps, program, undefined, false);
    } catch (error) {
      throw holdings.abandon(error);
    }
  }

  /**
   * Joins a program of another thread, or the sockets of one that somebody else has loaded and steers. Throws an
   * OptionError when the descriptors are not of what they were made for any more, or, with a `place`, when the program
   * is on another interface.
   */
  static share(addon: Addon, source: ProgramSource, place?: ProgramPlace): SteeringProgram {
    const program = during('joining the steering program', () => SteeringProgram.#join(addon, source));
    try {
      program.#check(source as Partial<SharedProgram>, place);
      return program;
    } catch (error) {
      program.#shared = false;
      program.close();
      throw error;
    }
  }

  static #join(addon: Addon, source: ProgramSource): SteeringProgram {
    const holdings = new Holdings();
    const keep = (object: NativeBpf): NativeBpf => holdings.keep(object, () => addon.bpfClose(object));
    const adopt = (fd: number): NativeBpf => keep(adoptFd(addon, fd, 'program'));
    try {
      const xsks = keep(openXskMap(addon, source));
      checkXskMap(addon, xsks, optionOf(source));
      if (source.steering === undefined) {
        return new SteeringProgram(addon, holdings, xsks, undefined, undefined, undefined, true);
      }
      const { endpointsFd, servicesFd, settingsFd, countersFd, programFd, linkFd } = source.steering;
      const maps = {
        endpoints: adopt(endpointsFd),
        services: adopt(servicesFd),
        settings: adopt(settingsFd),
        counters: adopt(countersFd),
      };
      const program = adopt(programFd);
      const link = linkFd < 0 ? undefined : adopt(linkFd);
      return new SteeringProgram(addon, holdings, xsks, maps, program, link, true);
    } catch (error) {
      throw holdings.abandon(error);
    }
  }

  /** Whether frames are steered by what is told here; false with a map of sockets alone. */
  get steers(): boolean {
    return this.#maps !== undefined;
  }

  /** Whether other threads may have it as well. */
  get shared(): boolean {
    return this.#shared;
  }

  get attached(): boolean {
    return this.#link !== undefined;
  }

  /** The program's number, as bpftool knows it; undefined when somebody else steers, 0 when it cannot be told. */
  get id(): number | undefined {
    return this.#program === undefined ? undefined : describe(this.#addon, this.#program).id;
  }

  /** Endpoints that this thread has steered. */
  get size(): number {
    return this.#steering.size;
  }

  /**
   * Attaches the program to an interface of the namespace (negative: the calling thread's); `name` is for messages. Throws a SystemError: EBUSY
   * when there is an XDP program already, which is left alone; ENOTSUP when the driver has no native XDP.
   */
  attach(interfaceIndex: number, namespaceFd: number, mode: AttachMode, name?: string): void {
    const place = programPlace(interfaceIndex, namespaceFd);
    if (this.#program === undefined || this.#link !== undefined) {
      throw new Error(`attach: ${this.#link === undefined ? 'somebody else steers' : 'attached already'}`);
    }
    const flags = mode === 'native' ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
    try {
      this.#link = during('attaching the XDP program', () =>
        this.#addon.bpfLinkCreate(this.#program!, interfaceIndex, flags, namespaceFd),
      );
      this.#place = place;
    } catch (error) {
      const { code, errno, syscall } = error as NodeJS.ErrnoException;
      if (code === undefined || errno === undefined || syscall === undefined) throw error;
      const target = { name, ...describeTarget(this.#addon, interfaceIndex, namespaceFd) };
      throw attachError(code, errno, syscall, mode, target);
    }
  }

  /** Lets go of the interface; the program goes from it with the last thread that shares it. Harmless when repeated. */
  detach(): void {
    if (this.#link !== undefined) this.#addon.bpfClose(this.#link);
    this.#link = undefined;
    this.#place = undefined;
  }

  /** Frames of `queue` go to that AF_XDP socket. It leaves the map by itself when it is closed. */
  setSocket(queue: number, socketFd: number): void {
    const advise = (code: string): string | undefined =>
      code === 'E2BIG' ? `the map of sockets has places for ${this.queues} queues only` : undefined;
    withAdvice(`putting the socket of queue ${queue} into the map`, advise, () =>
      this.#addon.bpfMapUpdate(this.#xsks, encodeU32(queue), encodeU32(socketFd)),
    );
  }

  /** Harmless when there is none. */
  clearSocket(queue: number): void {
    during(`taking the socket of queue ${queue} out of the map`, () =>
      this.#addon.bpfMapDelete(this.#xsks, encodeU32(queue)),
    );
  }

  /**
   * Makes sure that there is room for stations which the next {@link update} is to add, as the same objects: those it
   * does not add are given up then. Throws an EtherconnError (`ERR_ETHERCONN_LIMIT`) when there is none.
   */
  admit(stations: readonly Station[], queues: bigint): void {
    this.#steering.admit(stations);
    if (this.#maps === undefined) return;
    this.#takeQueues(queues);
    // Other threads have theirs in the map too: only the kernel knows whether all of them fit.
    if (this.#steering.size <= this.maxEndpoints && (!this.#shared || this.#merge())) return;
    this.#steering.refuse(stations);
    if (this.#shared) this.#merge();
    throw this.#limit(stations.length);
  }

  /**
   * Frames for the stations that were added go to `queues` (see {@link queueMask}; the same in every call), those for
   * the removed ones no more. Stations are counted: one that was added twice must be removed twice. With more than 6
   * EtherTypes one (MAC address, VLANs) takes all.
   *
   * Throws an EtherconnError (`ERR_ETHERCONN_LIMIT`) when there is no room: then nothing of `added` is steered, and
   * `removed` is removed.
   */
  update(added: readonly Station[], removed: readonly Station[], queues: bigint): void {
    this.#steering.add(added);
    this.#steering.remove(removed);
    this.#steering.forgetAdmitted();
    if (this.#maps === undefined) return;
    this.#takeQueues(queues);
    if (this.#steering.size <= this.maxEndpoints && this.#merge()) return;
    this.#steering.remove(added);
    this.#merge();
    throw this.#limit(added.length);
  }

  /** Whether a station was admitted and is yet to be added. */
  hasAdmitted(station: Station): boolean {
    return this.#steering.hasAdmitted(station);
  }

  /** Frames to a MAC address stay the kernel's, whoever wants them, in place of the one withheld before. */
  withhold(macHigh: number, macLow: number): void {
    this.#steering.withhold(macHigh, macLow);
    this.#merge();
  }

  /** Every unicast frame of `queues` (default all) goes to its queue's socket, or only what is steered does. */
  setTakeAll(on: boolean, queues: bigint = ALL_QUEUES): void {
    if (this.#maps === undefined) return;
    const { settings } = this.#maps;
    during('telling the steering program which queues take everything', () =>
      this.#addon.steeringTakeAll(settings, encodeMask(queues), on),
    );
    this.#takeAllQueues = on ? this.#takeAllQueues | queues : this.#takeAllQueues & ~queues;
  }

  /**
   * Datagrams for a UDP service go to `queues`. Fragments never do, nor datagrams behind IPv6 extension headers: the
   * kernel has them. Throws an EtherconnError (`ERR_ETHERCONN_LIMIT`) for more than 1,024 services.
   */
  addService(service: Service, queues: bigint): void {
    if (this.#maps === undefined) return;
    const key = encodeService(service);
    const entry = this.#services.get(Buffer.from(key).toString('latin1')) ?? { service, queues: 0n };
    try {
      this.#steerService(this.#maps, key, queues, true);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).errno !== -E2BIG) throw error;
      throw new EtherconnError(
        'ERR_ETHERCONN_LIMIT',
        `steering: at most ${MAX_SERVICES} services on one interface`,
      );
    }
    entry.queues |= queues;
    this.#services.set(Buffer.from(key).toString('latin1'), entry);
  }

  /** Whether datagrams for a UDP service go to some queue, also one of another thread. */
  hasService(service: Service): boolean {
    if (this.#maps === undefined) return false;
    const { services } = this.#maps;
    return during('asking for a service', () => this.#addon.bpfMapHas(services, encodeService(service)));
  }

  /** Harmless when it is not there. */
  removeService(service: Service, queues: bigint): void {
    if (this.#maps === undefined) return;
    const key = encodeService(service);
    const name = Buffer.from(key).toString('latin1');
    const entry = this.#services.get(name);
    if (entry === undefined) return;
    this.#steerService(this.#maps, key, queues, false);
    entry.queues &= ~queues;
    if (entry.queues === 0n) this.#services.delete(name);
  }

  #steerService(
    { services, settings }: SteeringMaps,
    key: Uint8Array,
    queues: bigint,
    wanted: boolean,
  ): void {
    during(`telling the steering program of a service that ${wanted ? 'begins' : 'ends'}`, () =>
      this.#addon.steeringService(services, settings, key, encodeMask(queues), wanted),
    );
  }

  /** Null when somebody else steers. */
  counters(): SteeringCounters | null {
    if (this.#maps === undefined) return null;
    const totals = new Uint8Array(DISPOSITIONS.length * 8);
    const { counters } = this.#maps;
    during('reading the counters of the steering program', () => this.#addon.bpfMapSum(counters, totals));
    const view = new DataView(totals.buffer);
    const [redirected, noSocket, otherQueue, otherType, noEndpoint, group, unreadable] = DISPOSITIONS.map(
      (_, i) => Number(view.getBigUint64(8 * i, true)),
    );
    const passed = noSocket + otherQueue + otherType + noEndpoint + group + unreadable;
    return { redirected, passed, noSocket, otherQueue, otherType, noEndpoint, group, unreadable };
  }

  /** What another thread's {@link SteeringProgram.share} needs. */
  share(): SharedProgram {
    // What was admitted keeps its place when others fill the map.
    if (!this.#shared) this.#merge();
    this.#shared = true;
    const fd = (object: NativeBpf) => during('sharing the steering program', () => this.#addon.bpfFd(object));
    const xskMapFd = fd(this.#xsks);
    const identity = { ids: this.#ids(), place: this.#place };
    if (this.#maps === undefined) return { xskMapFd, ...identity };
    const { endpoints, services, settings, counters } = this.#maps;
    const steering = {
      endpointsFd: fd(endpoints),
      servicesFd: fd(services),
      settingsFd: fd(settings),
      countersFd: fd(counters),
      programFd: fd(this.#program!),
      linkFd: this.#link === undefined ? -1 : fd(this.#link),
    };
    return { xskMapFd, steering, ...identity };
  }

  /** @internal The kernel's objects. Without a program somebody else steers. */
  get objects(): { readonly program: NativeBpf | undefined; readonly xsks: NativeBpf } {
    return { program: this.#program, xsks: this.#xsks };
  }

  /** Takes back what this thread has steered, and lets go of the program. Harmless when repeated. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    doAll([() => this.#shared && this.#takeBack(), () => this.detach(), () => this.#holdings.release()]);
  }

  /** The kernel's numbers of all objects, in the order of SharedProgram. */
  #ids(): number[] {
    const { endpoints, services, settings, counters } = this.#maps ?? {};
    const objects = [this.#xsks, endpoints, services, settings, counters, this.#program, this.#link];
    return objects.filter((object) => object !== undefined).map((object) => describe(this.#addon, object).id);
  }

  #check({ ids, place }: Partial<SharedProgram>, wanted: ProgramPlace | undefined): void {
    this.#place = place;
    if (ids !== undefined && ids.join() !== this.#ids().join()) {
      throw new OptionError('program', 'is of a relay that has been closed');
    }
    if (place === undefined || wanted === undefined) return;
    if (place.interfaceIndex === wanted.interfaceIndex && place.namespace === wanted.namespace) return;
    throw new OptionError(
      'program',
      'is on another interface: sockets in its map would take frames from its own',
    );
  }

  #limit(more: number): EtherconnError {
    const { size } = this.#steering;
    const what = more === 1 ? 'another endpoint' : `${more} more endpoints`;
    const others = this.#shared ? ', beside those of other threads' : '';
    return new EtherconnError(
      'ERR_ETHERCONN_LIMIT',
      `steering: no room for ${what}, ${size} of at most ${this.maxEndpoints} are there${others}; raise maxEndpoints`,
    );
  }

  /** Others go on with the maps. */
  #takeBack(): void {
    this.#steering.clear();
    doAll([
      () => this.#merge(),
      ...[...this.#services.values()].map(
        ({ service, queues }) =>
          () =>
            this.removeService(service, queues),
      ),
      () => this.#takeAllQueues !== 0n && this.setTakeAll(false, this.#takeAllQueues),
    ]);
  }

  #takeQueues(queues: bigint): void {
    const all = this.#endpointQueues | queues;
    if (all === this.#endpointQueues) return;
    this.#endpointQueues = all;
    this.#endpointMask = encodeMask(all);
  }

  /** Brings the map in step with what is wanted; false when it is full. */
  #merge(): boolean {
    if (this.#maps === undefined) return true;
    const { keys, wishes } = this.#steering.takeChanges(this.#endpointQueues);
    if (keys.length === 0) return true;
    const { endpoints } = this.#maps;
    try {
      during('telling the steering program whose frames to take', () =>
        this.#addon.steeringMerge(endpoints, keys, wishes, this.#endpointMask, this.#shared),
      );
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).errno === -E2BIG) return false;
      throw error;
    }
  }
}

function describe(addon: Addon, object: NativeBpf): BpfDescription {
  return during('asking what an object of BPF is', () => addon.bpfDescribe(object));
}

function describeTarget(addon: Addon, index: number, namespaceFd: number): AttachTarget {
  try {
    return withRouteSocket(addon, namespaceFd, (socket) => {
      const details = queryLink(addon, socket, index);
      const peerIndex = details?.peerIsHere ? details.peerIndex : 0;
      return { index, details, peer: peerIndex > 0 ? queryLink(addon, socket, peerIndex) : undefined };
    });
  } catch {
    // It only makes the message better.
    return { index, details: undefined, peer: undefined };
  }
}

function encodeU32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}
