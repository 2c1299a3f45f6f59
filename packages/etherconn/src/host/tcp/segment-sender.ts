import { allocateFrameMemory } from '../../link/frame-memory.ts';
import type { FrameMemory } from '../../link/link.ts';
import type { FrameSender } from '../../relay/transmit.ts';
import { EtherType } from '../../wire/ethertype.ts';
import { macHigh, macLow } from '../../wire/mac.ts';
import { TCP_HEADER_LENGTH, TcpFlag } from '../../wire/tcp.ts';
import {
  emitTcpMss,
  emitTcpSack,
  emitTcpSackPermitted,
  emitTcpTimestamps,
  emitTcpWindowScale,
  TCP_TIMESTAMPS_LENGTH,
} from '../../wire/tcp-options.ts';
import { laterOf, sequenceAdd } from '../../wire/tcp-sequence.ts';
import {
  makeTcpTemplate,
  TCP_TEMPLATE_WORDS,
  tcpTemplateIp,
  tcpTemplateLength,
  writeTcpHeaders,
} from '../../wire/tcp-template.ts';
import type { Output } from '../egress/output.ts';
import { AddressKind } from '../ip/addresses.ts';
import { type Neighbor, NeighborState } from '../neighbor/neighbor.ts';
import type { HostState } from '../state.ts';
import type { TcpCounters } from '../tcp-stats.ts';
import { OWN_WINDOW_SHIFT } from './connection.ts';
import type { Connections } from './connections.ts';
import type { HostTcpSocket } from './host-tcp-socket.ts';
import { windowToTell } from './receive.ts';
import { TcpState } from './tcp-state.ts';

export const TTL = 64;
/** Each option of a SYN, and a block of SACK's with its head. */
const WORD = 4;
const BLOCK = 8;
const NO_MAC = new Uint8Array(6);
const blocks = new Int32Array(8);

/**
 * Writes the segments of a host's connections, each into a slot: headers from the connection's template, options, and
 * the data from its queue. Nothing is made for it while the path and the next hop stay as they are.
 */
export class SegmentSender {
  readonly #state: HostState;
  readonly #output: Output;
  readonly #connections: Connections;
  readonly #counters: TcpCounters;

  constructor(state: HostState, output: Output, connections: Connections, counters: TcpCounters) {
    this.#state = state;
    this.#output = output;
    this.#connections = connections;
    this.#counters = counters;
  }

  /** Longest segment with its TCP header that fits, now. */
  room(c: HostTcpSocket): number {
    if (c.pathEpoch !== this.#state.epoch) this.#findPath(c);
    return c.pathRoom;
  }

  /** See `TcpRoom`. */
  send(c: HostTcpSocket, sequence: number, flags: number, offset: number, length: number): boolean {
    const state = this.#state;
    if (c.pathEpoch !== state.epoch) this.#findPath(c);
    // Lost, as on the wire: it is sent again.
    if (c.path === null) return true;
    if (c.neighbor !== null && !this.#isResolved(c, c.neighbor))
      return this.#wait(c, sequence, flags, offset, length);
    if (c.senderEpoch !== state.relay.epoch) this.#chooseSender(c);
    const sender = c.sender!;
    const optionsLength = this.#optionsLength(c, flags, length);
    const { headers } = this.#connections;
    const base = c.slot * TCP_TEMPLATE_WORDS;
    const frameLength = tcpTemplateLength(headers, base) + optionsLength + length;
    const at = sender.reserve(frameLength);
    if (at < 0) {
      state.counters.noRoom++;
      this.#connections.line.stand(c);
      return false;
    }
    this.#write(c, sender.memory, at, sequence, flags, optionsLength, offset, length);
    sender.commit(at, frameLength);
    if (c.path.kind === AddressKind.OWN) state.counters.sentLocally++;
    else state.counters.sent++;
    return true;
  }

  #write(
    c: HostTcpSocket,
    memory: FrameMemory,
    at: number,
    sequence: number,
    flags: number,
    optionsLength: number,
    offset: number,
    length: number,
  ): void {
    const { headers } = this.#connections;
    const base = c.slot * TCP_TEMPLATE_WORDS;
    const body = at + tcpTemplateLength(headers, base);
    if (optionsLength > 0) this.#emitOptions(c, memory.u8, body, flags, length);
    if (length > 0) c.sending.copyTo(offset, length, memory, body + optionsLength);
    const isSyn = (flags & TcpFlag.SYN) !== 0;
    const shift = isSyn ? 0 : c.ownWindowShift;
    const window = Math.min(0xffff, (isSyn ? c.received.limit : windowToTell(c)) >> shift);
    const isAnswer = (flags & TcpFlag.ACK) !== 0;
    const acknowledgment = isAnswer ? c.receiveNext : 0;
    const id = this.#output.nextIdentification();
    writeTcpHeaders(
      headers,
      base,
      memory,
      at,
      sequence,
      acknowledgment,
      flags,
      window,
      optionsLength,
      length,
      id,
    );
    this.#counters.sent++;
    if (!isAnswer) return;
    c.windowEnd = laterOf(c.windowEnd, sequenceAdd(acknowledgment, window << shift));
    c.unconfirmed = 0;
    c.acknowledgeNow = false;
    c.acknowledgeAt = Infinity;
  }

  #optionsLength(c: HostTcpSocket, flags: number, length: number): number {
    if ((flags & TcpFlag.SYN) !== 0) {
      const sack = c.sackPermitted ? WORD : 0;
      return WORD + sack + (c.timestamps ? TCP_TIMESTAMPS_LENGTH : 0) + (isScaled(c) ? WORD : 0);
    }
    const timestamps = c.timestamps && (flags & TcpFlag.RST) === 0 ? TCP_TIMESTAMPS_LENGTH : 0;
    const count = sackCount(c, length);
    return timestamps + (count === 0 ? 0 : WORD + BLOCK * count);
  }

  #emitOptions(c: HostTcpSocket, u8: Uint8Array, start: number, flags: number, length: number): void {
    const stamp = (this.#connections.stamp() + c.timestampOffset) | 0;
    const echo = (flags & TcpFlag.ACK) === 0 ? 0 : c.recentTimestamp;
    let at = start;
    if ((flags & TcpFlag.SYN) !== 0) {
      at = emitTcpMss(u8, at, c.pathRoom - TCP_HEADER_LENGTH);
      if (c.sackPermitted) at = emitTcpSackPermitted(u8, at);
      if (c.timestamps) at = emitTcpTimestamps(u8, at, stamp, echo);
      if (isScaled(c)) emitTcpWindowScale(u8, at, OWN_WINDOW_SHIFT);
      return;
    }
    if (c.timestamps && (flags & TcpFlag.RST) === 0) at = emitTcpTimestamps(u8, at, stamp, echo);
    const count = sackCount(c, length);
    if (count === 0) return;
    fillBlocks(c, count);
    emitTcpSack(u8, at, blocks, count);
  }

  /** Leaves a packet with the neighbor cache: the next hop is asked for. */
  #wait(c: HostTcpSocket, sequence: number, flags: number, offset: number, length: number): boolean {
    if (c.mac === null) this.#build(c, NO_MAC);
    const { headers } = this.#connections;
    const base = c.slot * TCP_TEMPLATE_WORDS;
    const optionsLength = this.#optionsLength(c, flags, length);
    const frameLength = tcpTemplateLength(headers, base) + optionsLength + length;
    const memory = allocateFrameMemory((frameLength + 5) & ~3);
    this.#write(c, memory, 2, sequence, flags, optionsLength, offset, length);
    this.#output.send(memory.u8.subarray(2 + tcpTemplateIp(headers, base), 2 + frameLength), c.path!, c);
    return true;
  }

  #findPath(c: HostTcpSocket): void {
    const state = this.#state;
    c.pathEpoch = state.epoch;
    const path = this.#output.findPath(c.remote);
    const isV4 = c.remote.length === 4;
    const own = state.addresses.kindOf(c.local, 0, isV4 ? 4 : 6);
    const isOurs = own === AddressKind.OWN || own === AddressKind.LOOPBACK;
    c.path = typeof path === 'string' || !isOurs ? null : path;
    c.pathRoom = (c.path?.mtu ?? (isV4 ? 576 : 1280)) - (isV4 ? 20 : 40);
    if (c.path === null) return;
    c.neighbor = c.path.nextHop === null ? null : this.#output.neighbors.want(c.path.nextHop);
    c.neighborVersion = -1;
    if (c.neighbor === null) this.#build(c, c.path.mac ?? state.ethernet.macBytes);
  }

  /** Whether the MAC address of the next hop is known. If so, the template contains it. */
  #isResolved(c: HostTcpSocket, neighbor: Neighbor): boolean {
    let hop = neighbor;
    if (hop.state < NeighborState.DELAY) {
      const { neighbors } = this.#output;
      // The entry has left the cache meanwhile, or was never asked for.
      if (hop.state === NeighborState.NONE) hop = neighbors.want(hop.address);
      c.neighbor = hop;
      if (!neighbors.use(hop)) return false;
    }
    if (c.neighborVersion !== hop.version || c.mac !== hop.mac) {
      c.neighborVersion = hop.version;
      this.#build(c, hop.mac!);
    }
    return true;
  }

  #build(c: HostTcpSocket, mac: Uint8Array): void {
    const { ethernet } = this.#state;
    c.mac = mac;
    c.senderEpoch = -1;
    makeTcpTemplate(this.#connections.headers, c.slot * TCP_TEMPLATE_WORDS, {
      destinationMac: mac,
      sourceMac: ethernet.macBytes,
      vlans: ethernet.vlans,
      source: c.local,
      destination: c.remote,
      sourcePort: c.localPort,
      destinationPort: c.remotePort,
      ttl: TTL,
    });
  }

  #chooseSender(c: HostTcpSocket): void {
    c.senderEpoch = this.#state.relay.epoch;
    c.sender = c.path!.kind === AddressKind.OWN ? this.#output.loopback : this.#wireSender(c);
  }

  #wireSender(c: HostTcpSocket): FrameSender {
    const { relay, ethernet } = this.#state;
    const mac = c.mac ?? NO_MAC;
    const etherType = c.remote.length === 4 ? EtherType.IPV4 : EtherType.IPV6;
    return relay.senderFor(macHigh(mac), macLow(mac), ethernet.vlanKey, etherType, true);
  }
}

function isScaled(c: HostTcpSocket): boolean {
  return c.state === TcpState.SYN_SENT || c.ownWindowShift > 0;
}

/**
 * How many SACK blocks a segment has. Blocks go with segments that have no data, so data need not make room for them:
 * such a segment follows at once.
 */
function sackCount(c: HostTcpSocket, length: number): number {
  if (length > 0 || !c.sackPermitted || !c.received.hasGaps) return 0;
  return Math.min(c.received.pieces!.count, c.timestamps ? 3 : 4);
}

/** Puts the pieces that have come into `blocks`, the latest first (RFC 2018 §4). */
function fillBlocks(c: HostTcpSocket, count: number): void {
  const pieces = c.received.pieces!;
  const first = Math.max(0, pieces.find(c.lastPiece));
  for (let k = 0; k < count; k++) {
    const i = (first + k) % pieces.count;
    blocks[2 * k] = pieces.start(i);
    blocks[2 * k + 1] = pieces.end(i);
  }
}
