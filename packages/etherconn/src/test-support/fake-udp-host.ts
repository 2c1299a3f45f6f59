import { SystemError } from '../errors.ts';
import type { UdpDestination, UdpHost, UdpPort, UdpPortOptions, UdpPortUser } from '../host/udp/udp-port.ts';
import { allocateFrameMemory } from '../link/frame-memory.ts';
import { BatchStore, type BatchTaker } from '../relay/batch-store.ts';
import { RoomQueue } from '../relay/room-queue.ts';
import { TakerLists } from '../relay/taker-lists.ts';
import { buildUdpFrame } from '../wire/build.ts';
import { formatIp, ipEquals, isUnspecifiedIp } from '../wire/ip.ts';
import { parseFrame } from '../wire/parse.ts';
import { FrameRecord } from '../wire/record.ts';

interface Datagram {
  readonly frame: Uint8Array;
  readonly to: FakeUdpPort;
}

/**
 * A UDP host that only talks to itself, for tests of what is above hosts: it can be out of room, fail as told, and
 * counts who keeps it alive.
 */
export class FakeUdpHost implements UdpHost {
  readonly interfaceName: string = 'eth0';
  readonly addresses: Uint8Array[] = [Uint8Array.of(127, 0, 0, 1), Uint8Array.of(10, 0, 0, 1)];
  readonly ports: FakeUdpPort[] = [];
  /** Sockets that keep it alive. */
  refs = 0;
  /** Datagrams that may be sent before there is no more room. */
  room: number = Number.POSITIVE_INFINITY;
  /** Thrown by the next send. */
  nextError: SystemError | null = null;
  readonly waiting: RoomQueue = new RoomQueue(4);
  readonly lists: TakerLists<BatchTaker> = new TakerLists();
  readonly #store = new BatchStore(this.lists);
  #queue: Datagram[] = [];
  socketsHold = true;
  closed = false;
  #nextPort = 40000;

  openUdpPort(user: UdpPortUser, options: UdpPortOptions): UdpPort {
    const port = new FakeUdpPort(this, user, options);
    this.ports.push(port);
    return port;
  }

  hasAddress(address: Uint8Array): boolean {
    return this.addresses.some((own) => ipEquals(own, address));
  }

  refSocket(): void {
    this.refs++;
  }

  unrefSocket(): void {
    this.refs--;
  }

  /** Makes room for as many more datagrams, and lets those who wait try. */
  makeRoom(count: number): void {
    this.room += count;
    this.waiting.retry();
  }

  /** @internal */
  freePort(): number {
    return this.#nextPort++;
  }

  /** @internal Sends to the port that has the number, in a later turn of the event loop. */
  transmit(from: FakeUdpPort, address: Uint8Array, port: number, payload: Uint8Array): 0 | 1 {
    if (this.nextError !== null) {
      const error = this.nextError;
      this.nextError = null;
      throw error;
    }
    if (this.room === 0) return 0;
    this.room--;
    const to = this.ports.find((one) => one.localPort === port && one.takes(address));
    if (to === undefined) return 1;
    const own = from.version === 4 ? Uint8Array.of(127, 0, 0, 1) : loopback6();
    const frame = buildUdpFrame({
      sourceMac: '02:00:00:00:00:01',
      destinationMac: '02:00:00:00:00:02',
      source: isUnspecifiedIp(from.localAddress, 0, from.version) ? own : from.localAddress,
      destination: address,
      sourcePort: from.localPort,
      destinationPort: port,
      payload,
    });
    if (this.#queue.length === 0) setImmediate(() => this.#deliver());
    this.#queue.push({ frame, to });
    return 1;
  }

  #deliver(): void {
    const queue = this.#queue;
    this.#queue = [];
    const memory = allocateFrameMemory(queue.reduce((sum, { frame }) => sum + frame.length + 8, 8) & ~3);
    this.#store.begin(memory);
    const record = new FrameRecord();
    let at = 2;
    for (const { frame, to } of queue) {
      memory.u8.set(frame, at);
      parseFrame(memory.u8, at, frame.length, record);
      if (to.list >= 0)
        this.#store.note(to.list, this.#store.append(record, record.payload, record.payloadEnd, 0));
      at += (frame.length + 3) & ~3;
    }
    this.#store.tellTakers();
    this.#store.end();
  }
}

function loopback6(): Uint8Array {
  const address = new Uint8Array(16);
  address[15] = 1;
  return address;
}

/** A port of a {@link FakeUdpHost}. */
export class FakeUdpPort implements UdpPort {
  /** Number of the list of its datagrams; -1 once it is closed. */
  list: number;
  readonly version: 4 | 6;
  readonly user: UdpPortUser;
  localAddress: Uint8Array;
  localPort = 0;
  readonly localZone = '';
  readonly waiting: RoomQueue;
  ttl = 64;
  multicastTtl = 1;
  multicastLoopback = true;
  broadcast = false;
  readonly lost = 0;
  /** Groups, as 'group' or 'source>group'. */
  readonly groups: Set<string> = new Set();
  closed = false;
  readonly #host: FakeUdpHost;
  readonly #options: UdpPortOptions;

  constructor(host: FakeUdpHost, user: UdpPortUser, options: UdpPortOptions) {
    this.#host = host;
    this.#options = options;
    this.user = user;
    this.list = host.lists.add(user);
    this.version = options.version;
    this.waiting = host.waiting;
    this.localAddress = new Uint8Array(options.version === 4 ? 4 : 16);
  }

  takes(address: Uint8Array): boolean {
    return isUnspecifiedIp(this.localAddress, 0, this.version) || ipEquals(this.localAddress, address);
  }

  bind(address: Uint8Array, port: number): void {
    const other = this.#host.ports.find((one) => one !== this && port !== 0 && one.localPort === port);
    if (other !== undefined && !(this.#options.reuseAddr && other.#options.reuseAddr)) {
      throw new SystemError('EADDRINUSE', -98, 'bind', 'the port is taken');
    }
    this.localAddress = Uint8Array.from(address);
    this.localPort = port === 0 ? this.#host.freePort() : port;
  }

  connect(address: Uint8Array): void {
    this.localAddress = Uint8Array.from(address);
  }

  disconnect(): void {
    this.localAddress = new Uint8Array(this.localAddress.length);
  }

  destination(address: Uint8Array, port: number): UdpDestination {
    const to = Uint8Array.from(address);
    return {
      hop: null,
      resolving: false,
      trySend: (payload, start, end) => this.#host.transmit(this, to, port, payload.slice(start, end)),
      trySendGroup: () => 0,
    };
  }

  join(group: Uint8Array, source: Uint8Array | null): void {
    const name = groupName(group, source);
    if (this.groups.has(name)) throw new SystemError('EADDRINUSE', -98, 'join', 'a member already');
    this.groups.add(name);
  }

  leave(group: Uint8Array, source: Uint8Array | null): void {
    if (this.groups.delete(groupName(group, source))) return;
    throw new SystemError('EADDRNOTAVAIL', -99, 'leave', 'no member');
  }

  sendGroupsFrom(): void {}

  close(): void {
    if (this.closed) return;
    this.closed = true;
    const missed = this.#host.lists.remove(this.list);
    this.list = -1;
    if (missed > 0) this.user.missed(missed);
    const { ports } = this.#host;
    const at = ports.indexOf(this);
    if (at >= 0) ports.splice(at, 1);
  }
}

function groupName(group: Uint8Array, source: Uint8Array | null): string {
  return source === null ? formatIp(group) : `${formatIp(source)}>${formatIp(group)}`;
}
