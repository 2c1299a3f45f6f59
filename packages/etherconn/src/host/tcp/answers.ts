import type { Clock } from '../../clock.ts';
import { allocateFrameMemory } from '../../link/frame-memory.ts';
import type { FrameMemory } from '../../link/link.ts';
import type { FrameRecord } from '../../wire/record.ts';
import { TcpFlag } from '../../wire/tcp.ts';
import {
  emitTcpMss,
  emitTcpSackPermitted,
  emitTcpTimestamps,
  emitTcpWindowScale,
} from '../../wire/tcp-options.ts';
import { sequenceAdd } from '../../wire/tcp-sequence.ts';
import {
  makeTcpTemplate,
  TCP_TEMPLATE_WORDS,
  tcpTemplateIp,
  tcpTemplateLength,
  writeTcpHeaders,
} from '../../wire/tcp-template.ts';
import type { Output } from '../egress/output.ts';
import type { Path } from '../ip/path.ts';
import type { TcpCounters } from '../tcp-stats.ts';
import { OWN_WINDOW_SHIFT } from './connection.ts';
import { ResetLimit } from './reset-limit.ts';
import type { Segment } from './segment.ts';
import { TTL } from './segment-sender.ts';

const NO_MAC = new Uint8Array(6);
const NO_VLANS: readonly [] = [];
const words = new Uint32Array(TCP_TEMPLATE_WORDS);
/** Answers are written here. Two bytes of filling, two VLAN tags, IPv6. */
const SCRATCH_BYTES = 128;
let scratch: FrameMemory | undefined;

/** The two ends of a segment, as the host that answers it sees them. */
export interface Ends {
  readonly local: Uint8Array;
  readonly localPort: number;
  readonly remote: Uint8Array;
  readonly remotePort: number;
}

/** What a timestamps option says. */
export interface Stamp {
  readonly now: number;
  readonly echo: number;
}

/** What the answer to a SYN says. */
export interface SynAnswer {
  readonly sequence: number;
  readonly acknowledgment: number;
  readonly sackPermitted: boolean;
  readonly stamp: Stamp | null;
  readonly isScaled: boolean;
}

/** Copies the ends of a segment that has come. */
export function endsOf(u8: Uint8Array, record: FrameRecord): Ends {
  const length = record.ipVersion === 4 ? 4 : 16;
  return {
    local: u8.slice(record.ipDestination, record.ipDestination + length),
    localPort: record.destinationPort,
    remote: u8.slice(record.ipSource, record.ipSource + length),
    remotePort: record.sourcePort,
  };
}

/** Answers segments that have no connection: resets, answers to SYNs, acknowledgments in TIME-WAIT. */
export class Answers {
  readonly #output: Output;
  readonly #counters: TcpCounters;
  readonly #resets: ResetLimit;

  constructor(clock: Clock, output: Output, counters: TcpCounters) {
    this.#output = output;
    this.#counters = counters;
    this.#resets = new ResetLimit(clock);
  }

  /** Resets what belongs to no connection: RFC 9293 §3.10.7.1. */
  refuse(u8: Uint8Array, record: FrameRecord, segment: Segment): void {
    if (segment.has(TcpFlag.RST)) return;
    if (!this.#resets.take(u8, record)) {
      this.#counters.resetsLimited++;
      return;
    }
    this.#counters.resetsSent++;
    const ends = endsOf(u8, record);
    if (segment.has(TcpFlag.ACK)) this.send(ends, segment.acknowledgment, 0, TcpFlag.RST, null);
    else {
      const acknowledgment = sequenceAdd(segment.sequence, segment.length);
      this.send(ends, 0, acknowledgment, TcpFlag.RST | TcpFlag.ACK, null);
    }
  }

  /** Sends a segment without data. */
  send(ends: Ends, sequence: number, acknowledgment: number, flags: number, stamp: Stamp | null): void {
    this.#packet(ends, sequence, acknowledgment, flags, 0, (u8, at) =>
      stamp === null ? at : emitTcpTimestamps(u8, at, stamp.now, stamp.echo),
    );
  }

  sendSynAnswer(ends: Ends, { sequence, acknowledgment, sackPermitted, stamp, isScaled }: SynAnswer): void {
    const flags = TcpFlag.SYN | TcpFlag.ACK;
    this.#packet(ends, sequence, acknowledgment, flags, 0xffff, (u8, start, { mtu }) => {
      let at = emitTcpMss(u8, start, mtu - (ends.remote.length === 4 ? 40 : 60));
      if (sackPermitted) at = emitTcpSackPermitted(u8, at);
      if (stamp !== null) at = emitTcpTimestamps(u8, at, stamp.now, stamp.echo);
      return isScaled ? emitTcpWindowScale(u8, at, OWN_WINDOW_SHIFT) : at;
    });
  }

  #packet(
    { local, localPort, remote, remotePort }: Ends,
    sequence: number,
    acknowledgment: number,
    flags: number,
    window: number,
    emitOptions: (u8: Uint8Array, at: number, path: Path) => number,
  ): void {
    const path = this.#output.findPath(remote);
    if (typeof path === 'string') return;
    makeTcpTemplate(words, 0, {
      // The output writes a frame of its own around the packet.
      destinationMac: NO_MAC,
      sourceMac: NO_MAC,
      vlans: NO_VLANS,
      source: local,
      destination: remote,
      sourcePort: localPort,
      destinationPort: remotePort,
      ttl: TTL,
    });
    const body = 2 + tcpTemplateLength(words, 0);
    scratch ??= allocateFrameMemory(SCRATCH_BYTES);
    const end = emitOptions(scratch.u8, body, path);
    const id = this.#output.nextIdentification();
    writeTcpHeaders(words, 0, scratch, 2, sequence, acknowledgment, flags, window, end - body, 0, id);
    this.#counters.sent++;
    // A copy, for a packet may have to wait for its next hop.
    this.#output.send(scratch.u8.slice(2 + tcpTemplateIp(words, 0), end), path, null);
  }
}
