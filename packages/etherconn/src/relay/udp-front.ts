import { FrameFlag } from '../link/link.ts';
import { LITTLE_ENDIAN } from '../wire/byte-order.ts';
import { addHalves, plainUdpSumIsRight } from '../wire/plain-udp.ts';
import {
  type BatchStore,
  type BatchTaker,
  Field,
  FLAGS_SHIFT,
  TYPE4,
  TYPE6,
  UDP4,
  UDP6,
  VLANS_SHIFT,
} from './batch-store.ts';
import { LIST_SHIFT, List, type TakerLists } from './taker-lists.ts';
import { type UdpEntries, UdpEntry, type UdpEntryTable } from './udp-entries.ts';

/** Which datagrams an entry takes: those that come to this station, address and port. */
export interface UdpKey {
  /** The MAC address as two numbers, and the VLANs, as of a Station. */
  readonly macHigh: number;
  readonly macLow: number;
  readonly vlanKey: number;
  /** Own address, 4 or 16 bytes. */
  readonly address: Uint8Array;
  readonly port: number;
}

/** What an entry does with its datagrams. */
export interface UdpEntryOptions {
  /** Number of the list that they go to, see TakerLists. */
  readonly list: number;
  /** Whether wrong checksums matter. */
  readonly verify: boolean;
  /** Takes only what comes from here, as a connected socket. Of the key's IP version. */
  readonly remote?: { readonly address: Uint8Array; readonly port: number } | undefined;
  /**
   * Addresses, of the key's IP version, that no datagram of a stranger comes from: other addresses of the same machine.
   * At most {@link NEVER_MAX}. What comes from one goes through the layers, and so does what comes from the key's.
   */
  readonly never?: readonly Uint8Array[];
  /** Whether what is taken is counted, see {@link UdpEntries.taken}. Default false. */
  readonly counted?: boolean;
}

/** How many addresses {@link UdpEntryOptions.never} may have. */
export const NEVER_MAX = 3;

/** An entry's row: one line of the processor's cache, with all that a datagram is compared with. */
const ROW_SHIFT = 4;
const Row = {
  /** Bytes 2 to 5 of the MAC address. This and what follows is in the byte order of frame memory. */
  MAC: 0,
  /** Bytes 0 and 1 of the MAC address, then the port. */
  MAC_AND_PORT: 1,
  VLAN_KEY: 2,
  /** IP version, {@link VERIFY}, {@link CONNECTED}, {@link COUNTED}. 0: the row is free. */
  KIND: 3,
  /** Four words; an IPv4 address has one. */
  ADDRESS: 4,
  LIST: 8,
  /** Last words of addresses that nothing comes from. */
  NEVER: 9,
  /** A float, so that it never overflows. */
  TAKEN: 14,
} as const;
const VERIFY = 16;
const CONNECTED = 32;
const COUNTED = 64;

/** Here, for the optimizing compiler folds no imported constants. */
const TRUNCATED: number = FrameFlag.TRUNCATED;
const UDP4_KINDS: number = UDP4;
const UDP6_KINDS: number = UDP6;
const UDP4_TYPE: number = TYPE4;
const UDP6_TYPE: number = TYPE6;
const FLAGS_AT: number = FLAGS_SHIFT;
const VLANS_AT: number = VLANS_SHIFT;
const NEXT: number = Field.NEXT;
const LIST_AT: number = LIST_SHIFT;
const COUNT: number = List.COUNT;
const TAIL: number = List.TAIL;

/** Words of a connected entry's peer: four of its address, its port. */
const REMOTE_SHIFT = 3;

/** What a slot of the hash table holds where it has none. */
const EMPTY = 0;

/**
 * The front for UDP. It recognizes what nearly all frames are: a faultless UDP datagram in IPv4 without options or
 * in IPv6 without extension headers, under at most two VLAN tags. It finds the taker by (station, address, port),
 * verifies the datagram and notes it, in one pass over words. One row of integers describes an endpoint. All other
 * frames go through the layers, which also count their faults, and end at the same lists. The frames of a taker
 * therefore keep their order, and a test holds the two ways equal for any frames.
 *
 * Byte order, numbers and small steps are written out, against the rule: this is done for every packet, and an engine puts
 * only so much in place. Words are made signed, since
 * an unsigned one may become a heap object when it is handed on.
 */
export class UdpFront implements UdpEntryTable {
  #rows = new Int32Array(16 << ROW_SHIFT);
  #taken = new Float64Array(this.#rows.buffer);
  /** Open addressing: number of a row, plus one. */
  #slots = new Int32Array(32);
  #mask = 31;
  #remotes = new Int32Array(0);
  readonly #entries: (UdpEntry | null)[] = [];
  readonly #free: number[] = [];
  /** The row of the last datagram: frames come in trains. */
  #last = 0;
  readonly #lists: TakerLists<BatchTaker>;

  constructor(lists: TakerLists<BatchTaker>) {
    this.#lists = lists;
  }

  /** Entries that are open. */
  get size(): number {
    return this.#entries.length - this.#free.length;
  }

  /**
   * Passes datagrams for `key` to a list; the entry belongs to `all`. Null if the key has an entry, or if the
   * machine is big-endian.
   */
  open(key: UdpKey, options: UdpEntryOptions, all: UdpEntries): UdpEntry | null {
    if (!LITTLE_ENDIAN) return null;
    const index = this.#free.pop() ?? this.#entries.length;
    while (index << ROW_SHIFT >= this.#rows.length) this.#growRows();
    const row = index << ROW_SHIFT;
    this.#write(row, key, options);
    if (this.#find(row) !== EMPTY) {
      this.#rows[row + Row.KIND] = 0;
      if (index < this.#entries.length) this.#free.push(index);
      return null;
    }
    const entry = new UdpEntry(this, index, all);
    this.#entries[index] = entry;
    if (options.remote !== undefined) this.#writeRemote(index, options.remote);
    if (this.size * 2 > this.#mask) this.#growSlots();
    else this.#insert(index);
    return entry;
  }

  /** See {@link UdpEntryTable}. */
  close(index: number): number {
    const taken = this.taken(index);
    const slots = this.#slots;
    const mask = this.#mask;
    const row = index << ROW_SHIFT;
    let hole = this.#home(row);
    while (slots[hole] !== index + 1) hole = (hole + 1) & mask;
    for (let slot = (hole + 1) & mask; slots[slot] !== EMPTY; slot = (slot + 1) & mask) {
      // An entry may move into the hole unless its home lies behind the hole (cyclically).
      const home = this.#home((slots[slot] - 1) << ROW_SHIFT);
      if (((slot - home) & mask) >= ((slot - hole) & mask)) {
        slots[hole] = slots[slot];
        hole = slot;
      }
    }
    slots[hole] = EMPTY;
    this.#rows.fill(0, row, row + (1 << ROW_SHIFT));
    this.#entries[index] = null;
    this.#free.push(index);
    return taken;
  }

  /** See {@link UdpEntryTable}. */
  taken(index: number): number {
    return this.#taken[((index << ROW_SHIFT) + Row.TAKEN) >> 1];
  }

  /**
   * Takes the frame `[offset, offset + length)` of the batch's memory, where `offset` is 2 bytes after a word.
   * Returns false and does nothing if the frame must go through the layers.
   */
  take(store: BatchStore, offset: number, length: number, flags: number): boolean {
    // Ethernet 14, IPv4 20, UDP 8: all words that are read before lengths are known are inside of the frame.
    if (length < 42 || (flags & TRUNCATED) !== 0) return false;
    const memory = store.memory!;
    const { u32 } = memory;
    const word = (offset - 2) >> 2;
    const w0 = u32[word] | 0;
    // Neither to a group nor from one.
    if ((w0 & 0x10000) !== 0 || (u32[word + 2] & 1) !== 0) return false;
    let ip = word + 4;
    let type = u32[word + 3] >>> 16;
    let vlanCount = 0;
    let vlanKey = 0;
    // The key as of vlanKeyAdd.
    while (type === 0x0081 || type === 0xa888) {
      if (++vlanCount > 2) return false;
      const tag = u32[ip++] | 0;
      const id = ((tag & 0x0f) << 8) | ((tag >>> 8) & 0xff);
      if (id !== 0) vlanKey = vlanKey === 0 ? (1 << 24) | id : (2 << 24) | ((vlanKey & 0xfff) << 12) | id;
      type = tag >>> 16;
    }
    const l3 = ip << 2;
    const end = offset + length;
    if (type !== 0x0008) {
      return type === 0xdd86 && this.#take6(store, offset, end, flags, word, ip, vlanCount, vlanKey);
    }
    if (l3 + 28 > end) return false;
    const first = u32[ip] | 0;
    const second = u32[ip + 1] | 0;
    const third = u32[ip + 2] | 0;
    // Version 4 and 20 bytes of header, UDP, neither "more fragments" nor a fragment offset.
    if ((first & 0xff) !== 0x45 || (third & 0xff00) !== 0x1100 || (second & 0xff3f0000) !== 0) return false;
    const ports = u32[ip + 5] | 0;
    const l3End = l3 + swap16(first >>> 16);
    const udp = u32[ip + 6] | 0;
    const udpLength = swap16(udp & 0xffff);
    const payloadEnd = l3 + 20 + udpLength;
    if (l3End > end || udpLength < 8 || payloadEnd > l3End) return false;
    const source = u32[ip + 3] | 0;
    const destination = u32[ip + 4] | 0;
    const mac = u32[word + 1] | 0;
    const macAndPort = (u32[word] >>> 16) | (ports & 0xffff0000);
    const rows = this.#rows;
    let row = this.#last;
    if (
      rows[row] !== mac ||
      rows[row + Row.MAC_AND_PORT] !== macAndPort ||
      rows[row + Row.ADDRESS] !== destination ||
      rows[row + Row.VLAN_KEY] !== vlanKey ||
      (rows[row + Row.KIND] & 0xf) !== 4
    ) {
      const slots = this.#slots;
      const mask = this.#mask;
      let slot = hash(mac, macAndPort, vlanKey, destination) & mask;
      for (;;) {
        const index = slots[slot];
        if (index === EMPTY) return false;
        row = (index - 1) << ROW_SHIFT;
        if (
          rows[row] === mac &&
          rows[row + Row.MAC_AND_PORT] === macAndPort &&
          rows[row + Row.ADDRESS] === destination &&
          rows[row + Row.VLAN_KEY] === vlanKey &&
          (rows[row + Row.KIND] & 0xf) === 4
        ) {
          break;
        }
        slot = (slot + 1) & mask;
      }
      this.#last = row;
    }
    // A source that no other can have is for the layers to judge: groups, this network, loopback, our own addresses.
    const net = source & 0xff;
    if (
      net >= 224 ||
      net === 127 ||
      net === 0 ||
      source === destination ||
      source === rows[row + Row.NEVER] ||
      source === rows[row + Row.NEVER + 1] ||
      source === rows[row + Row.NEVER + 2]
    ) {
      return false;
    }
    const kind = rows[row + Row.KIND];
    if ((kind & CONNECTED) !== 0 && !this.#isRemote4(row, source, ports)) return false;
    if ((kind & VERIFY) !== 0) {
      const addresses = addHalves(source) + addHalves(destination);
      const ipSum = addresses + addHalves(first) + addHalves(second) + addHalves(third);
      if (addHalves(addHalves(ipSum)) !== 0xffff) return false;
      if (!plainUdpSumIsRight(memory, addresses, ports, udp, l3 + 28, payloadEnd)) return false;
    }
    const kinds = UDP4_KINDS | ((flags & 7) << FLAGS_AT) | (vlanCount << VLANS_AT);
    const order = inOrder(ports);
    const at = store.appendUdp(offset, end, l3, l3 + 28, payloadEnd, kinds, order, UDP4_TYPE, vlanKey);
    if ((kind & COUNTED) !== 0) this.#taken[(row + Row.TAKEN) >> 1]++;
    const lists = this.#lists.words;
    const list = rows[row + Row.LIST] << LIST_AT;
    if (lists[list + COUNT]++ === 0) {
      lists[list] = at;
      store.touch(rows[row + Row.LIST]);
    } else {
      store.words[lists[list + TAIL] + NEXT] = at;
    }
    lists[list + TAIL] = at;
    return true;
  }

  #take6(
    store: BatchStore,
    offset: number,
    end: number,
    flags: number,
    word: number,
    ip: number,
    vlanCount: number,
    vlanKey: number,
  ): boolean {
    const memory = store.memory!;
    const { u32 } = memory;
    const l3 = ip << 2;
    if (l3 + 48 > end) return false;
    const second = u32[ip + 1] | 0;
    // Version 6, UDP right behind.
    if ((u32[ip] & 0xf0) !== 0x60 || (second & 0xff0000) !== 0x110000) return false;
    const l3End = l3 + 40 + swap16(second & 0xffff);
    const ports = u32[ip + 10] | 0;
    const udp = u32[ip + 11] | 0;
    const udpLength = swap16(udp & 0xffff);
    const payloadEnd = l3 + 40 + udpLength;
    if (l3End > end || udpLength < 8 || payloadEnd > l3End) return false;
    const mac = u32[word + 1] | 0;
    const macAndPort = (u32[word] >>> 16) | (ports & 0xffff0000);
    const a0 = u32[ip + 6] | 0;
    const a1 = u32[ip + 7] | 0;
    const a2 = u32[ip + 8] | 0;
    const a3 = u32[ip + 9] | 0;
    const rows = this.#rows;
    let row = this.#last;
    if (
      rows[row] !== mac ||
      rows[row + Row.MAC_AND_PORT] !== macAndPort ||
      rows[row + Row.ADDRESS + 3] !== a3 ||
      rows[row + Row.ADDRESS + 2] !== a2 ||
      rows[row + Row.ADDRESS + 1] !== a1 ||
      rows[row + Row.ADDRESS] !== a0 ||
      rows[row + Row.VLAN_KEY] !== vlanKey ||
      (rows[row + Row.KIND] & 0xf) !== 6
    ) {
      const slots = this.#slots;
      const mask = this.#mask;
      let slot = hash(mac, macAndPort, vlanKey, a0 ^ a1 ^ a2 ^ a3) & mask;
      for (;;) {
        const index = slots[slot];
        if (index === EMPTY) return false;
        row = (index - 1) << ROW_SHIFT;
        if (
          rows[row] === mac &&
          rows[row + Row.MAC_AND_PORT] === macAndPort &&
          rows[row + Row.ADDRESS + 3] === a3 &&
          rows[row + Row.ADDRESS + 2] === a2 &&
          rows[row + Row.ADDRESS + 1] === a1 &&
          rows[row + Row.ADDRESS] === a0 &&
          rows[row + Row.VLAN_KEY] === vlanKey &&
          (rows[row + Row.KIND] & 0xf) === 6
        ) {
          break;
        }
        slot = (slot + 1) & mask;
      }
      this.#last = row;
    }
    const s0 = u32[ip + 2] | 0;
    const s1 = u32[ip + 3] | 0;
    const s2 = u32[ip + 4] | 0;
    const s3 = u32[ip + 5] | 0;
    // As in IPv4. Groups; ::/64 has the unspecified and the loopback address, and those with IPv4 addresses in them.
    if (
      (s0 & 0xff) === 0xff ||
      (s0 | s1) === 0 ||
      s3 === a3 ||
      s3 === rows[row + Row.NEVER] ||
      s3 === rows[row + Row.NEVER + 1] ||
      s3 === rows[row + Row.NEVER + 2]
    ) {
      return false;
    }
    const kind = rows[row + Row.KIND];
    if ((kind & CONNECTED) !== 0 && !this.#isRemote6(row, s0, s1, s2, s3, ports)) return false;
    if ((kind & VERIFY) !== 0) {
      const sources = addHalves(s0) + addHalves(s1) + addHalves(s2) + addHalves(s3);
      const addresses = sources + addHalves(a0) + addHalves(a1) + addHalves(a2) + addHalves(a3);
      // There must be one, RFC 8200 §8.1.
      if (udp >>> 16 === 0 || !plainUdpSumIsRight(memory, addresses, ports, udp, l3 + 48, payloadEnd))
        return false;
    }
    const kinds = UDP6_KINDS | ((flags & 7) << FLAGS_AT) | (vlanCount << VLANS_AT);
    const order = inOrder(ports);
    const at = store.appendUdp(offset, end, l3, l3 + 48, payloadEnd, kinds, order, UDP6_TYPE, vlanKey);
    if ((kind & COUNTED) !== 0) this.#taken[(row + Row.TAKEN) >> 1]++;
    const lists = this.#lists.words;
    const list = rows[row + Row.LIST] << LIST_AT;
    if (lists[list + COUNT]++ === 0) {
      lists[list] = at;
      store.touch(rows[row + Row.LIST]);
    } else {
      store.words[lists[list + TAIL] + NEXT] = at;
    }
    lists[list + TAIL] = at;
    return true;
  }

  #isRemote4(row: number, source: number, ports: number): boolean {
    const at = (row >> ROW_SHIFT) << REMOTE_SHIFT;
    const remotes = this.#remotes;
    return remotes[at] === source && remotes[at + 4] === (ports & 0xffff);
  }

  #isRemote6(row: number, s0: number, s1: number, s2: number, s3: number, ports: number): boolean {
    const at = (row >> ROW_SHIFT) << REMOTE_SHIFT;
    const remotes = this.#remotes;
    return (
      remotes[at] === s0 &&
      remotes[at + 1] === s1 &&
      remotes[at + 2] === s2 &&
      remotes[at + 3] === s3 &&
      remotes[at + 4] === (ports & 0xffff)
    );
  }

  #write(row: number, key: UdpKey, { list, verify, remote, never = [], counted }: UdpEntryOptions): void {
    const rows = this.#rows;
    const { address, macHigh, macLow } = key;
    const version = address.length === 4 ? 4 : 6;
    rows[row + Row.MAC] = swap32((macHigh << 16) | macLow);
    rows[row + Row.MAC_AND_PORT] = swap16(macHigh >>> 16) | (swap16(key.port) << 16);
    rows[row + Row.VLAN_KEY] = key.vlanKey;
    const flags = (verify ? VERIFY : 0) | (remote ? CONNECTED : 0) | (counted ? COUNTED : 0);
    rows[row + Row.KIND] = version | flags;
    for (let i = 0; i < 4; i++)
      rows[row + Row.ADDRESS + i] = 4 * i < address.length ? wordAt(address, 4 * i) : 0;
    rows[row + Row.LIST] = list;
    const own = wordAt(address, address.length - 4);
    for (let i = 0; i < NEVER_MAX; i++) {
      const other = never[i];
      rows[row + Row.NEVER + i] = other === undefined ? own : wordAt(other, other.length - 4);
    }
    this.#taken[(row + Row.TAKEN) >> 1] = 0;
  }

  #writeRemote(index: number, { address, port }: { address: Uint8Array; port: number }): void {
    const at = index << REMOTE_SHIFT;
    if (at >= this.#remotes.length) {
      const remotes = new Int32Array((this.#rows.length >> ROW_SHIFT) << REMOTE_SHIFT);
      remotes.set(this.#remotes);
      this.#remotes = remotes;
    }
    for (let i = 0; i < 4; i++) this.#remotes[at + i] = 4 * i < address.length ? wordAt(address, 4 * i) : 0;
    this.#remotes[at + 4] = swap16(port);
  }

  #home(row: number): number {
    const rows = this.#rows;
    const a = row + Row.ADDRESS;
    const address = rows[a] ^ rows[a + 1] ^ rows[a + 2] ^ rows[a + 3];
    return hash(rows[row], rows[row + Row.MAC_AND_PORT], rows[row + Row.VLAN_KEY], address) & this.#mask;
  }

  /** What the table holds for the key of a row that is not in it: another row with that key, or EMPTY. */
  #find(row: number): number {
    const slots = this.#slots;
    for (let slot = this.#home(row); ; slot = (slot + 1) & this.#mask) {
      const index = slots[slot];
      if (index === EMPTY || this.#isSameKey(row, (index - 1) << ROW_SHIFT)) return index;
    }
  }

  #isSameKey(a: number, b: number): boolean {
    const rows = this.#rows;
    if (((rows[a + Row.KIND] ^ rows[b + Row.KIND]) & 0xf) !== 0) return false;
    for (const i of KEY) if (rows[a + i] !== rows[b + i]) return false;
    return true;
  }

  #insert(index: number): void {
    let slot = this.#home(index << ROW_SHIFT);
    while (this.#slots[slot] !== EMPTY) slot = (slot + 1) & this.#mask;
    this.#slots[slot] = index + 1;
  }

  #growSlots(): void {
    this.#slots = new Int32Array(this.#slots.length * 2);
    this.#mask = this.#slots.length - 1;
    for (let index = 0; index < this.#entries.length; index++)
      if (this.#entries[index] != null) this.#insert(index);
  }

  #growRows(): void {
    const rows = new Int32Array(this.#rows.length * 2);
    rows.set(this.#rows);
    this.#rows = rows;
    this.#taken = new Float64Array(rows.buffer);
  }
}

/** Words of a row by which it is found, beside its IP version. */
const KEY = [
  Row.MAC,
  Row.MAC_AND_PORT,
  Row.VLAN_KEY,
  Row.ADDRESS,
  Row.ADDRESS + 1,
  Row.ADDRESS + 2,
  Row.ADDRESS + 3,
];

/** Consecutive MAC and IP addresses (simulated machines have them), which differ in high bits here, spread evenly. */
function hash(mac: number, macAndPort: number, vlanKey: number, address: number): number {
  let h =
    Math.imul(mac, 0x9e3779b1) ^ Math.imul(address, 0x85ebca6b) ^ Math.imul(macAndPort ^ vlanKey, 0xc2b2ae35);
  h = Math.imul(h ^ (h >>> 16), 0x7feb352d);
  return h ^ (h >>> 15);
}

/** Here the machine is little-endian. Small enough to be put in place whatever the engine's budget for that is. */
function swap16(value: number): number {
  return ((value & 0xff) << 8) | ((value >>> 8) & 0xff);
}

function swap32(value: number): number {
  return (swap16(value) << 16) | swap16(value >>> 16);
}

/** Both ports as a row has them: the source's in the high half. */
function inOrder(ports: number): number {
  return swap32(ports);
}

/** A word as frame memory has it. */
function wordAt(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
}
