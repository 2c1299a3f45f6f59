import type { EventEmitter } from 'node:events';
import { type BlockList, isIP } from 'node:net';
import { getSystemErrorName } from 'node:util';
import type { Batch } from '../conn/batch.ts';
import { DestinationCache } from '../conn/destination-cache.ts';
import type { SystemError } from '../errors.ts';
import type { UdpDestination, UdpHost, UdpPort, UdpPortOptions, UdpPortUser } from '../host/udp/udp-port.ts';
import { nextTick } from '../real-time.ts';
import { rethrowLater } from '../rethrow.ts';
import { addressText, orLoopback, parseLiteral, systemError } from './address.ts';
import { type CallbackOwner, callBackFailed, callBackLater, type SendCallback } from './callbacks.ts';
import type { Lookup, LookupCallback } from './lookup.ts';
import { shownAddress } from './message-info.ts';
import { invalidArgType } from './node-errors.ts';
import { Receiver, type ReceiverOptions } from './receiver.ts';
import { type PendingSend, SendQueue, type SendQueueOwner } from './send-queue.ts';
import { errnoException, exceptionWithHostPort } from './system-errors.ts';

/** An address as `socket.address()` gives it. */
export interface SocketAddress {
  address: string;
  family: 'IPv4' | 'IPv6';
  port: number;
}

/** What a program thinks its kernel buffers are. */
export interface BufferSizes {
  recv: number;
  send: number;
}

/** What a handle is told of its socket. */
export interface HandleOptions extends ReceiverOptions {
  /** See UdpPortOptions. */
  readonly multicastAll: boolean;
  readonly lookup: Lookup;
  /** Whom nothing is sent to. */
  readonly sendBlockList: BlockList | undefined;
  /** Told, with the socket, that the host or its relay has been closed. */
  readonly hostClosed: (socket: EventEmitter, error: Error) => void;
}

/**
 * What a socket holds of its host, as Node's sockets hold a UDP handle of libuv's: address literals in, system
 * errors out, no events and no names. Opens the host's port when it is bound.
 */
export class SocketHandle extends Receiver implements UdpPortUser, SendQueueOwner, CallbackOwner {
  /** Datagrams that the host has taken, and those that could not be sent. */
  sent = 0;
  sendFailures = 0;
  closed = false;
  /** Where connected sends go. */
  connected: UdpDestination | null = null;
  readonly #lookup: Lookup;
  readonly #blockList: BlockList | undefined;
  readonly #host: UdpHost;
  readonly #multicastAll: boolean;
  #port: UdpPort | null = null;
  readonly #hostClosed: (socket: EventEmitter, error: Error) => void;
  /** Where it has sent to, by address literal and port. Made when it first sends. */
  #destinations: DestinationCache<UdpDestination> | null = null;
  #bufferSizes: BufferSizes | null = null;
  #queue: SendQueue | null = null;
  #peer: SocketAddress | null = null;
  #refed: boolean;
  /** Whether this handle keeps the host, and with it the process, alive. */
  #holding = false;

  constructor(host: UdpHost, socket: EventEmitter, options: HandleOptions) {
    super(socket, options);
    this.#host = host;
    this.#refed = host.socketsHold;
    this.#multicastAll = options.multicastAll;
    this.#lookup = options.lookup;
    this.#blockList = options.sendBlockList;
    this.#hostClosed = options.hostClosed;
  }

  /** A simulated host has no descriptors; programs log this. */
  get fd(): number {
    return -1;
  }

  /** Finds the address of a name; '' stands for the loopback address. */
  lookup(name: string | undefined, callback: LookupCallback): void {
    this.#lookup(name || (this.version === 4 ? '127.0.0.1' : '::1'), this.version, callback);
  }

  /** The port. Throws EBADF before the handle is bound, as setsockopt of a descriptor that is not there. */
  port(syscall: string): UdpPort {
    if (this.#port === null) throw systemError('EBADF', syscall, 'the socket is not bound yet');
    return this.#port;
  }

  /** Datagrams that the host has taken and could not send. */
  get lost(): number {
    return this.#port?.lost ?? 0;
  }

  /** As Linux has them by default. */
  get bufferSizes(): BufferSizes {
    this.#bufferSizes ??= { recv: 212_992, send: 212_992 };
    return this.#bufferSizes;
  }

  get bound(): boolean {
    return this.#port !== null;
  }

  get host(): UdpHost {
    return this.#host;
  }

  /** The queue of datagrams that wait for room; null when none ever did. */
  get queue(): SendQueue | null {
    return this.#queue;
  }

  /** Binds to an address literal of the handle's version. */
  bind(address: string, port: number, options: Omit<UdpPortOptions, 'version' | 'multicastAll'>): void {
    const { bytes, zone } = parseLiteral(address, this.version, 'bind');
    if (options.ipv6Only && this.version === 4) {
      throw systemError('EINVAL', 'bind', 'ipv6Only is for udp6 sockets');
    }
    if (this.#port !== null) throw systemError('EINVAL', 'bind', 'the socket is bound already');
    const { reuseAddr = false, reusePort = false, ipv6Only = false } = options;
    const opened = this.#host.openUdpPort(this, {
      version: this.version,
      multicastAll: this.#multicastAll,
      reuseAddr,
      reusePort,
      ipv6Only,
    });
    try {
      opened.bind(bytes, port, zone);
    } catch (error) {
      opened.close();
      throw error;
    }
    this.#port = opened;
  }

  /** Binds to any address and a free port unless bound, as libuv does where an option needs a descriptor. */
  bindIfUnbound(): void {
    if (this.#port === null) this.bind(this.version === 4 ? '0.0.0.0' : '::', 0, { reuseAddr: true });
  }

  startReceiving(): void {
    this.receiving = true;
    this.#hold();
  }

  stopReceiving(): void {
    this.receiving = false;
    this.#hold();
  }

  setTtl(hops: number): void {
    this.port('setTTL').ttl = hops;
  }

  setMulticastTtl(hops: number): void {
    this.port('setMulticastTTL').multicastTtl = hops;
  }

  connect(address: string, port: number): void {
    const { bytes, zone } = parseLiteral(address, this.version, 'connect');
    this.bindIfUnbound();
    const target = orLoopback(bytes);
    const opened = this.port('connect');
    opened.connect(target, port, zone);
    this.connected = opened.destination(target, port, zone);
    this.#destinations = null;
    this.#peer = this.#addressObject(target, zone, port);
  }

  disconnect(): void {
    this.port('connect').disconnect();
    this.connected = null;
    this.#peer = null;
  }

  /** The destination of an address literal and port that has been sent to before, or null. */
  known(address: string, port: number): UdpDestination | null {
    return this.#destinations === null ? null : this.#destinations.get(address, port);
  }

  /** The destination of an address literal and port. */
  destination(address: string, port: number): UdpDestination {
    this.#destinations ??= new DestinationCache<UdpDestination>();
    const known = this.#destinations.get(address, port);
    if (known !== null) return known;
    const { bytes, zone } = parseLiteral(address, this.version, 'send');
    const made = this.port('send').destination(orLoopback(bytes), port, zone);
    this.#destinations.set(address, port, made);
    return made;
  }

  /** Whether nothing may be sent to an address literal. */
  blocks(address: string): boolean {
    if (this.#blockList === undefined) return false;
    const version = isIP(address);
    return version !== 0 && this.#blockList.check(address, version === 6 ? 'ipv6' : 'ipv4');
  }

  /**
   * Sends, or queues when there is no room. The callback is called in a later tick. `address` and `port` are what
   * the caller gave, for the error's text; the port is 0 when connected.
   */
  send(
    destination: UdpDestination,
    payload: Uint8Array,
    start: number,
    end: number,
    address: string | undefined,
    port: number,
    callback: SendCallback | undefined,
  ): void {
    if (this.#queue === null || this.#queue.lets(destination)) {
      let taken: 0 | 1;
      try {
        taken = destination.trySend(payload, start, end);
      } catch (error) {
        this.fail(error, address, port, callback);
        return;
      }
      if (taken === 1) {
        this.sent++;
        if (callback !== undefined) callBackLater(callback, end - start, port === 0 ? null : this);
        return;
      }
    }
    // The caller may write into its buffer again as soon as send has returned: the kernel would have copied it.
    const copy = Uint8Array.prototype.slice.call(payload, start, end);
    if (this.#sendQueue().push({ destination, payload: copy, address, port, callback })) return;
    // Without a callback nobody sees the error, and making one costs more than sending.
    if (callback === undefined) this.sendFailures++;
    else this.fail(systemError('ENOBUFS', 'send', 'too much is waiting'), address, port, callback);
  }

  /** Calls back with Node's form of an error; without a callback it is counted and forgotten, as by Node. */
  fail(error: unknown, address: string | undefined, port: number, callback: SendCallback | undefined): void {
    this.sendFailures++;
    if (callback !== undefined) {
      const owner = port === 0 ? null : this;
      callBackFailed(callback, exceptionWithHostPort(error, 'send', address, port), owner);
    }
  }

  /**
   * Sends directly: 1, or 0 when there is no room (or others wait already); then 'drain' is announced later. What would
   * wait only for its own next hop is queued: it must not hold up what is for others.
   */
  trySend(destination: UdpDestination, payload: Uint8Array): 0 | 1 {
    if (this.#queue === null || this.#queue.lets(destination)) {
      if (destination.trySend(payload, 0, payload.length) === 1) {
        this.sent++;
        return 1;
      }
    }
    const queue = this.#sendQueue();
    if (destination !== this.connected && queue.waitsAside(destination)) {
      const copy = Uint8Array.prototype.slice.call(payload);
      if (queue.push({ destination, payload: copy, address: undefined, port: 0, callback: undefined }))
        return 1;
    }
    queue.want();
    return 0;
  }

  /** Sends some of these to where the socket is connected, in one go. 0 where {@link trySend} has to be asked. */
  trySendGroup(connected: UdpDestination, payloads: readonly unknown[], first: number): number {
    if (this.#queue !== null && !this.#queue.lets(connected)) return 0;
    const sent = connected.trySendGroup(payloads, first);
    this.sent += sent;
    return sent;
  }

  localAddress(): SocketAddress {
    const port = this.port('getsockname');
    return this.#addressObject(port.localAddress, port.localZone, port.localPort);
  }

  /** Null unless connected. */
  peerAddress(): SocketAddress | null {
    return this.#peer === null ? null : { ...this.#peer };
  }

  ref(): void {
    this.#refed = true;
    this.#hold();
  }

  unref(): void {
    this.#refed = false;
    this.#hold();
  }

  hasRef(): boolean {
    return this.#refed;
  }

  /** Gives everything back. Datagrams that still wait fail with ECANCELED. */
  close(): void {
    this.closed = true;
    this.endReceiving();
    this.#hold();
    if (this.#queue !== null && this.#queue.count > 0 && !this.#queue.attempt()) {
      this.#queue.reject(systemError('ECANCELED', 'send', 'the socket was closed before it was sent'));
    }
    this.#queue?.reject(null);
    this.#destinations = null;
    this.connected = null;
    this.#port?.close();
    this.#port = null;
  }

  failed(error: SystemError): void {
    this.onmessage(error.errno, this, error);
  }

  /** What Node's handles call for what has come in; a negative `count` is the number of an error. */
  onmessage(count: number, _handle: unknown, cause: unknown): void {
    if (count >= 0) return;
    try {
      this.socket.emit('error', errnoException(getSystemErrorName(count), 'recvmsg', cause));
    } catch (thrown) {
      rethrowLater(thrown);
    }
  }

  hostClosed(error: Error): void {
    this.#queue?.reject(error);
    this.#hostClosed(this.socket, error);
  }

  sendDone(entry: PendingSend): void {
    this.sent++;
    if (entry.callback !== undefined) callBackLater(entry.callback, entry.payload.length, null);
  }

  sendFailed(entry: PendingSend, error: unknown): void {
    this.sendFailures++;
    if (entry.callback === undefined) return;
    callBackFailed(entry.callback, exceptionWithHostPort(error, 'send', entry.address, entry.port), null);
  }

  roomAgain(): void {
    nextTick(() => this.socket.emit('drain'));
  }

  /**
   * Answers the datagram that the cursor of a batch stands on. To an address that is blocked nothing is sent, which is
   * counted: what strangers send makes no call throw.
   */
  reply(batch: Batch, payload: Uint8Array): number {
    if (!(payload instanceof Uint8Array)) throw invalidArgType('payload', ['Uint8Array'], payload);
    const at = batch.remoteAddressOffset;
    const zone = this.#host.interfaceName;
    const address = shownAddress(batch.memory, at, batch.ipVersion, this.version, zone);
    if (this.blocks(address)) {
      this.sendFailures++;
      return 1;
    }
    return this.trySend(this.destination(address, batch.remotePort), payload);
  }

  #sendQueue(): SendQueue {
    this.#queue ??= new SendQueue(this.port('send').waiting, this);
    return this.#queue;
  }

  #addressObject(bytes: Uint8Array, zone: string, port: number): SocketAddress {
    const address = addressText(bytes, zone === '' ? this.#host.interfaceName : zone);
    return { address, family: this.version === 4 ? 'IPv4' : 'IPv6', port };
  }

  #hold(): void {
    const hold = this.#refed && this.receiving;
    if (hold === this.#holding) return;
    this.#holding = hold;
    if (hold) this.#host.refSocket();
    else this.#host.unrefSocket();
  }
}
