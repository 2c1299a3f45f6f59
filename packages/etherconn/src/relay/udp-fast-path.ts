import { LITTLE_ENDIAN } from '../wire/byte-order.ts';
import { addHalves, plainIpSumIsRight, plainUdpSumIsRight } from '../wire/plain-udp.ts';
import { type BatchStore, type BatchTaker, Field } from './batch-store.ts';
import type { EndpointTable } from './endpoint-table.ts';

/** Who is given datagrams by the fast path. */
export interface FastPathReceiver extends BatchTaker {
  /** Takes the list of rows from `head` to `tail`. Called before `batchEnd`, while no program runs. */
  adopt(head: number, tail: number, count: number): void;
}

/** What a registration takes by the fast path. */
export interface FastPathEndpoint {
  /** Own IPv4 address, 4 bytes. */
  readonly address: Uint8Array;
  readonly port: number;
  /** Whether wrong checksums matter. */
  readonly verify: boolean;
}

/** A registration's row: half a cache line with all that a datagram needs. */
const ROW_SHIFT = 3;
const Row = {
  /** In the byte order of frame memory, as all numbers of these rows. */
  ADDRESS: 0,
  /** Plus one; 0 where the registration has no fast path. */
  PORT: 1,
  VERIFY: 2,
  STATE: 3,
  HEAD: 4,
  TAIL: 5,
  COUNT: 6,
} as const;

/** What a registration has in the batch under way. */
const State = {
  NOTHING: 0,
  /** A list of rows. */
  LIST: 1,
  /** Frames that went the long way: those behind them have to, too, or they would overtake. */
  DIVERTED: 2,
} as const;

/**
 * The short way for what nearly all frames are: a faultless UDP datagram in IPv4 without options or fragmentation, under
 * at most one VLAN tag, to the address and port of an RUDPConn. It is parsed, found, verified and noted in one go over
 * words, with all that is known of its conn in one row; any other frame goes the long way, through the layers, which
 * also counts what is wrong with it. A test holds the two ways equal for any frames.
 *
 * Byte order and numbers are written out, against the rule: this is done for every packet. Words are made signed, since
 * an unsigned one may become a heap object when it is handed on.
 */
export class UdpFastPath {
  /** Registrations that have it. */
  size = 0;
  #rows = new Int32Array(16 << ROW_SHIFT);
  readonly #receivers: (FastPathReceiver | null)[] = [];
  readonly #table: EndpointTable;
  /** Places with a state in the batch under way. */
  #touched = new Int32Array(256);
  #touchedCount = 0;
  // Station and place of the last look-up in the batch under way, in which the table does not change.
  #lastHalf = -1;
  #lastWord = 0;
  #lastVlanKey = 0;
  #lastPlace = -1;

  constructor(table: EndpointTable) {
    this.#table = table;
  }

  /** Gives the registration at a place of the registry the fast path. */
  open(place: number, { address, port, verify }: FastPathEndpoint, receiver: FastPathReceiver): void {
    // Elsewhere all goes the long way.
    if (!LITTLE_ENDIAN) return;
    while (place << ROW_SHIFT >= this.#rows.length) this.#rows = doubled(this.#rows);
    const row = place << ROW_SHIFT;
    this.#rows[row + Row.ADDRESS] = address[0] | (address[1] << 8) | (address[2] << 16) | (address[3] << 24);
    this.#rows[row + Row.PORT] = swap16(port) + 1;
    this.#rows[row + Row.VERIFY] = verify ? 1 : 0;
    this.#rows[row + Row.STATE] = State.NOTHING;
    this.#receivers[place] = receiver;
    this.size++;
  }

  /** Harmless where there is none. */
  close(place: number): void {
    if (!this.#has(place)) return;
    this.#rows[(place << ROW_SHIFT) + Row.PORT] = 0;
    this.#receivers[place] = null;
    this.size--;
  }

  /**
   * Takes the frame `[offset, offset + length)` of the batch's memory, where `offset` is 2 bytes past a word. False, with
   * nothing done, where it has to go the long way.
   */
  take(store: BatchStore, offset: number, length: number, flags: number): boolean {
    // Ethernet 14, a tag 4, IPv4 20, UDP 8: all words below are inside of the frame.
    if (length < 46) return false;
    const memory = store.memory!;
    const { u32 } = memory;
    const word = (offset - 2) >> 2;
    const w0 = u32[word] | 0;
    const w1 = u32[word + 1] | 0;
    // Neither to a group nor from one.
    if ((w0 & 0x10000) !== 0 || (u32[word + 2] & 1) !== 0) return false;
    let ip = word + 4;
    let vlanCount = 0;
    let vlanKey = 0;
    const type = u32[word + 3] >>> 16;
    if (type !== 0x0008) {
      const tag = u32[ip];
      if ((type !== 0x0081 && type !== 0xa888) || tag >>> 16 !== 0x0008) return false;
      const id = ((tag & 0x0f) << 8) | ((tag >>> 8) & 0xff);
      if (id !== 0) vlanKey = (1 << 24) | id;
      vlanCount = 1;
      ip++;
    }
    const first = u32[ip] | 0;
    // Version 4 and 20 bytes of header, UDP, neither "more fragments" nor a fragment offset.
    const second = u32[ip + 1] | 0;
    const third = u32[ip + 2] | 0;
    if ((first & 0xff) !== 0x45 || (third & 0xff00) !== 0x1100 || (second & 0xff3f0000) !== 0) return false;
    const ports = u32[ip + 5] | 0;
    const l3 = ip << 2;
    const l3End = l3 + swap16(first >>> 16);
    const udp = u32[ip + 6] | 0;
    const udpLength = swap16(udp & 0xffff);
    const payloadEnd = l3 + 20 + udpLength;
    const end = offset + length;
    if (l3End > end || udpLength < 8 || payloadEnd > l3End) return false;
    // Frames come in trains: it may be the last one's station again.
    const isSame = w1 === this.#lastWord && w0 >>> 16 === this.#lastHalf && vlanKey === this.#lastVlanKey;
    const place = isSame ? this.#lastPlace : this.#find(w0 >>> 16, w1, vlanKey);
    if (place < 0) return false;
    const rows = this.#rows;
    const row = place << ROW_SHIFT;
    const source = u32[ip + 3] | 0;
    const destination = u32[ip + 4] | 0;
    if (
      row >= rows.length ||
      rows[row + Row.PORT] !== (ports >>> 16) + 1 ||
      rows[row + Row.ADDRESS] !== destination
    ) {
      return false;
    }
    // A source that nobody can have, or that is the conn itself, is for the long way to judge.
    if ((source & 0xff) >= 224 || (source === destination && (ports & 0xffff) === ports >>> 16)) return false;
    const state = rows[row + Row.STATE];
    if (state === State.DIVERTED) return false;
    if (rows[row + Row.VERIFY] === 1) {
      const addresses = addHalves(source) + addHalves(destination);
      if (!plainIpSumIsRight(addresses, first, second, third)) return false;
      if (!plainUdpSumIsRight(memory, addresses, ports, udp, l3 + 28, payloadEnd)) return false;
    }

    const inOrder =
      ((ports & 0xff) << 24) | ((ports & 0xff00) << 8) | ((ports >>> 8) & 0xff00) | (ports >>> 24);
    const at = store.appendPlain(offset, end, l3, payloadEnd, inOrder, flags, vlanCount, vlanKey);
    if (state === State.NOTHING) {
      rows[row + Row.STATE] = State.LIST;
      rows[row + Row.HEAD] = at;
      rows[row + Row.COUNT] = 1;
      this.#touch(place);
      store.addTaker(this.#receivers[place]!);
    } else {
      store.words[rows[row + Row.TAIL] + Field.NEXT] = at;
      rows[row + Row.COUNT]++;
    }
    rows[row + Row.TAIL] = at;
    return true;
  }

  /** The place of the station whose address is in these two words, or -1. */
  #find(w0: number, w1: number, vlanKey: number): number {
    const macHigh = ((w0 & 0xff) << 24) | ((w0 & 0xff00) << 8) | ((w1 & 0xff) << 8) | ((w1 >>> 8) & 0xff);
    const place = this.#table.get(macHigh, ((w1 >>> 8) & 0xff00) | (w1 >>> 24), vlanKey, 0x0800);
    this.#lastHalf = w0;
    this.#lastWord = w1;
    this.#lastVlanKey = vlanKey;
    this.#lastPlace = place;
    return place;
  }

  /** A frame for this place goes the long way: it is to come behind those that have gone the short one. */
  divert(place: number): void {
    if (!this.#has(place)) return;
    const row = place << ROW_SHIFT;
    const state = this.#rows[row + Row.STATE];
    if (state === State.DIVERTED) return;
    if (state === State.LIST) this.#handOver(place);
    else this.#touch(place);
    this.#rows[row + Row.STATE] = State.DIVERTED;
  }

  /** All frames of the batch are there: hands the lists over. */
  finish(): void {
    for (let i = 0; i < this.#touchedCount; i++) {
      const place = this.#touched[i];
      const state = (place << ROW_SHIFT) + Row.STATE;
      if (this.#rows[state] === State.LIST) this.#handOver(place);
      this.#rows[state] = State.NOTHING;
    }
    this.#touchedCount = 0;
    this.#lastHalf = -1;
  }

  #handOver(place: number): void {
    const rows = this.#rows;
    const row = place << ROW_SHIFT;
    this.#receivers[place]!.adopt(rows[row + Row.HEAD], rows[row + Row.TAIL], rows[row + Row.COUNT]);
  }

  #touch(place: number): void {
    if (this.#touchedCount === this.#touched.length) this.#touched = doubled(this.#touched);
    this.#touched[this.#touchedCount++] = place;
  }

  #has(place: number): boolean {
    return this.#receivers[place] != null;
  }
}

/** Here the machine is little-endian. Small enough to be put in place whatever the engine's budget for that is. */
function swap16(value: number): number {
  return ((value & 0xff) << 8) | (value >>> 8);
}

function doubled(words: Int32Array): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(words.length * 2);
  larger.set(words);
  return larger;
}
