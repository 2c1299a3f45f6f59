import { checksumOf, FrameRecord, fillTransportChecksum, internetSum, parseFrame } from 'etherconn/wire';

/**
 * Frames for one station that a stranger may send: whole packets of every protocol that a host takes in, most of them
 * right up to a few bytes. Lengths and checksums are made right again after that more often than not, for otherwise
 * nothing would reach the code behind their checks.
 */

const LONGEST = 1514;
/** Values at which parsers change their minds. */
const EDGES = [
  0, 1, 2, 4, 5, 7, 8, 20, 40, 0x3f, 0x40, 0x44, 0x45, 0x4f, 0x60, 0x7f, 0x80, 0x86, 0x88, 0xc2, 0xfe, 0xff,
];
const ETHERTYPE = { ipv4: 0x0800, arp: 0x0806, ipv6: 0x86dd };
const EXTENSIONS = [0, 43, 44, 60, 51, 135, 59];
const OPTIONS4 = [0, 1, 7, 68, 130, 131, 137, 148, 255];

/**
 * Who is aimed at.
 * @typedef {{ mac: Uint8Array, v4: Uint8Array, v6: Uint8Array, linkLocal: Uint8Array, groups4: Uint8Array[],
 *   groups6: Uint8Array[], ports: number[], tcpPorts: number[], vlans: number[] }} Target
 */

export class FrameMaker {
  /** How many frames there were of each kind. @type {Record<string, number>} */
  kinds = {};
  #random;
  #target;
  #b = new Uint8Array(65_536);
  #length = 0;
  /** Where the network layer begins. */
  #l3 = 0;
  #record = new FrameRecord();
  /** What the target has sent last, to be quoted and turned round. @type {Uint8Array[]} */
  #heard = [];
  #heardAt = 0;
  #kindNames;

  /**
   * @param {import('./random.mjs').Random} random
   * @param {Target} target
   */
  constructor(random, target) {
    this.#random = random;
    this.#target = target;
    this.#kindNames = Object.keys(this.#makers);
  }

  /**
   * A frame that the target has sent: answers to it are made of it.
   * @param {Uint8Array} frame
   */
  hear(frame) {
    this.#heard[this.#heardAt++ % 64] = frame.slice(0, LONGEST);
  }

  /** The next frame; valid until the one after it. */
  next() {
    const random = this.#random;
    if (this.#pieces.length > 0 && random.once(2)) return this.#piece();
    const kind = random.pick(this.#kindNames);
    this.kinds[kind] = (this.kinds[kind] ?? 0) + 1;
    this.#l3 = 14;
    this.#length = 0;
    this.#makers[kind]();
    if (random.once(20)) this.#tag();
    const changes = random.once(3) ? 0 : random.below(5);
    for (let i = 0; i < changes; i++) this.#change();
    if (!random.once(6)) this.#seal();
    if (random.once(8)) this.#length = random.below(this.#length + 1);
    return this.#b.subarray(0, Math.min(Math.max(this.#length, 1), LONGEST));
  }

  /** Fragments that wait to be sent. @type {Uint8Array[]} */
  #pieces = [];

  /** One of the fragments that wait, in any order, sometimes with a fault, sometimes twice. */
  #piece() {
    const random = this.#random;
    this.kinds['fragments that add up'] = (this.kinds['fragments that add up'] ?? 0) + 1;
    const at = random.once(4) ? random.below(this.#pieces.length) : 0;
    this.#length = this.#pieces[at].length;
    this.#b.set(this.#pieces[at]);
    if (!random.once(20)) this.#pieces.splice(at, 1);
    if (random.once(20)) this.#change();
    return this.#b.subarray(0, this.#length);
  }

  /** Cuts the frame, a whole packet without options, into fragments that add up. */
  #cut() {
    const random = this.#random;
    this.#seal();
    const isV4 = this.#b[this.#l3] >> 4 === 4;
    const header = this.#l3 + (isV4 ? 20 : 40);
    const piece = 8 * (1 + random.below(12));
    const id = random.next() & 0xffff;
    const next = this.#b[this.#l3 + 6];
    for (let at = header; at < this.#length; at += piece) {
      const end = Math.min(at + piece, this.#length);
      const offset = at - header;
      const more = end < this.#length ? 1 : 0;
      const fragment = isV4 ? [] : [next, 0, offset >> 8, offset | more, 0, 0, id >> 8, id];
      const bytes = Uint8Array.from([
        ...this.#b.subarray(0, header),
        ...fragment,
        ...this.#b.subarray(at, end),
      ]);
      const length = bytes.length - (isV4 ? this.#l3 : header);
      bytes[this.#l3 + (isV4 ? 2 : 4)] = length >> 8;
      bytes[this.#l3 + (isV4 ? 3 : 5)] = length;
      if (isV4) {
        bytes.set([id >> 8, id, (more << 5) | (offset >> 11), offset >> 3], this.#l3 + 4);
        bytes[this.#l3 + 10] = bytes[this.#l3 + 11] = 0;
        const sum = checksumOf(internetSum(bytes, this.#l3, header));
        bytes.set([sum >> 8, sum], this.#l3 + 10);
      } else bytes[this.#l3 + 6] = 44;
      this.#pieces.push(bytes);
    }
    if (this.#pieces.length > 200) this.#pieces.length = 0;
  }

  /**
   * A frame of one kind without faults, from one of very many senders, or over IPv4 from the one that is given.
   * @param {string} kind
   * @param {{ mac: Uint8Array, address: Uint8Array }} [from]
   */
  whole(kind, from) {
    const random = this.#random;
    this.#l3 = 14;
    this.#length = 0;
    this.#pieces.length = 0;
    this.#makers[kind]();
    this.#b.set([2, 0xee, random.next(), random.next(), random.next(), random.next()], 6);
    if (from !== undefined) {
      this.#b.set(from.mac, 6);
      this.#b.set(from.address, this.#l3 + 12);
    }
    this.#seal();
    return this.#b.slice(0, Math.min(this.#length, LONGEST));
  }

  /** @type {Record<string, () => void>} */
  #makers = {
    arp: () => this.#arp(),
    'UDP in IPv4': () => this.#ipv4(17, () => this.#udp()),
    'UDP in IPv6': () => this.#ipv6(17, () => this.#udp()),
    TCP: () => (this.#random.once(4) ? this.#ipv6(6, () => this.#tcp()) : this.#ipv4(6, () => this.#tcp())),
    'fragments of IPv4': () => this.#fragment4(),
    'fragments of IPv6': () => this.#fragment6(),
    'IPv4 options': () => this.#ipv4(17, () => this.#udp(), true),
    'IPv6 extension headers': () => this.#extended(),
    ICMPv4: () => this.#ipv4(1, () => this.#icmp4()),
    ICMPv6: () => this.#ipv6(58, () => this.#icmp6()),
    'neighbor discovery': () => this.#nd(),
    'router advertisements': () => this.#ra(),
    IGMP: () => this.#ipv4(2, () => this.#igmp()),
    MLD: () => this.#mld(),
    DHCP: () => this.#dhcp(),
    'TCP, SCTP and others': () => this.#other(),
    'answers to what was heard': () => this.#answer(),
    'any bytes': () => this.#anything(),
  };

  // Building blocks: each writes at #length.

  #put(...bytes) {
    for (const byte of bytes) this.#b[this.#length++] = byte;
  }

  #put16(value) {
    this.#put(value >> 8, value);
  }

  /** @param {Uint8Array} bytes */
  #putAll(bytes) {
    this.#b.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #putRandom(count) {
    this.#random.fill(this.#b, this.#length, this.#length + count);
    this.#length += count;
  }

  #stranger() {
    return Uint8Array.of(2, 0xee, 0, 0, 0, this.#random.below(this.#random.once(10) ? 256 : 8));
  }

  #ethernet(etherType, group) {
    const random = this.#random;
    const { mac } = this.#target;
    if (group !== undefined && !random.once(10)) this.#putAll(group);
    else this.#putAll(random.once(10) ? Uint8Array.of(255, 255, 255, 255, 255, 255) : mac);
    this.#putAll(
      random.once(30)
        ? random.pick([mac, new Uint8Array(6), Uint8Array.of(1, 0, 0x5e, 0, 0, 1)])
        : this.#stranger(),
    );
    this.#put16(etherType);
    this.#l3 = this.#length;
  }

  #address4() {
    const random = this.#random;
    const { v4 } = this.#target;
    const near = Uint8Array.of(v4[0], v4[1], v4[2], 20 + random.below(random.once(10) ? 230 : 10));
    return random.pick([
      near,
      near,
      near,
      near,
      near,
      near,
      near,
      v4,
      Uint8Array.of(random.next(), random.next(), random.next(), random.next()),
      new Uint8Array(4),
      Uint8Array.of(255, 255, 255, 255),
      Uint8Array.of(127, 0, 0, 1),
    ]);
  }

  #address6() {
    const random = this.#random;
    const { v6, linkLocal } = this.#target;
    const near = v6.slice();
    near[15] = 20 + random.below(random.once(10) ? 230 : 10);
    const link = linkLocal.slice();
    link[15] = near[15];
    return random.pick([
      near,
      near,
      near,
      near,
      link,
      link,
      link,
      v6,
      linkLocal,
      new Uint8Array(16),
      this.#anyBytes(16),
    ]);
  }

  #anyBytes(count) {
    const bytes = new Uint8Array(count);
    this.#random.fill(bytes, 0, count);
    return bytes;
  }

  #ipv4(protocol, payload, options = this.#random.once(30)) {
    const random = this.#random;
    const { v4, groups4 } = this.#target;
    const group = protocol === 2 || random.once(6) ? random.pick(groups4) : undefined;
    this.#ethernet(ETHERTYPE.ipv4, group && Uint8Array.of(1, 0, 0x5e, group[1] & 0x7f, group[2], group[3]));
    const start = this.#length;
    this.#put(
      0x45,
      random.once(10) ? random.next() : 0,
      0,
      0,
      random.next(),
      random.next(),
      random.once(10) ? 0x40 : 0,
      0,
    );
    this.#put(random.once(20) ? random.below(3) : 64, protocol, 0, 0);
    this.#putAll(protocol === 2 && random.once(2) ? new Uint8Array(4) : this.#address4());
    this.#putAll(group ?? (random.once(20) ? this.#address4() : v4));
    if (options) this.#options4();
    payload();
    this.#setLength4(start);
  }

  #options4() {
    const random = this.#random;
    const start = this.#length;
    const end = start + 4 * (1 + random.below(10));
    while (this.#length < end) {
      const kind = random.pick(OPTIONS4);
      const length = random.once(6) ? random.below(256) : 3 + 4 * random.below(4);
      this.#put(kind);
      if (kind > 1 && this.#length < end) this.#put(length, random.once(3) ? random.below(40) : 4);
      this.#putRandom(random.below(9));
    }
    this.#length = end;
    this.#b[this.#l3] = 0x40 | ((end - this.#l3) / 4);
  }

  #setLength4(start) {
    const length = this.#length - start;
    this.#b[start + 2] = length >> 8;
    this.#b[start + 3] = length;
  }

  #ipv6(next, payload, group) {
    const random = this.#random;
    const { v6, linkLocal, groups6 } = this.#target;
    const to = group ?? (random.once(6) ? random.pick(groups6) : undefined);
    this.#ethernet(ETHERTYPE.ipv6, to && Uint8Array.of(0x33, 0x33, to[12], to[13], to[14], to[15]));
    const start = this.#length;
    const isLocal = next === 58 && !random.once(4);
    this.#put(0x60, random.once(10) ? random.next() : 0, 0, 0, 0, 0, next, isLocal ? 255 : 64);
    this.#putAll(this.#address6());
    this.#putAll(to ?? random.pick([v6, linkLocal]));
    payload();
    this.#setLength6(start);
  }

  #setLength6(start) {
    const length = this.#length - start - 40;
    this.#b[start + 4] = length >> 8;
    this.#b[start + 5] = length;
  }

  #udp(data = this.#random.below(60)) {
    const random = this.#random;
    const start = this.#length;
    this.#put16(random.once(4) ? random.next() : 4000);
    this.#put16(random.once(4) ? random.next() : random.pick(this.#target.ports));
    this.#put(0, 0, 0, 0);
    this.#putRandom(data);
    this.#b[start + 4] = (this.#length - start) >> 8;
    this.#b[start + 5] = this.#length - start;
  }

  #tcp() {
    const random = this.#random;
    this.#put16(random.once(4) ? random.next() : 5000 + random.below(4));
    this.#put16(random.once(8) ? random.next() : random.pick(this.#target.tcpPorts));
    this.#putRandom(8);
    const words = random.once(2) ? 0 : random.below(10);
    const flags = random.once(4)
      ? random.next()
      : random.pick([0x02, 0x02, 0x10, 0x18, 0x04, 0x14, 0x11, 0x12]);
    this.#put((5 + words) << 4, flags, random.once(4) ? 0 : random.next(), random.next(), 0, 0, 0, 0);
    const end = this.#length + 4 * words;
    while (this.#length < end) {
      const [kind, length] = random.pick([
        [1, 1],
        [2, 4],
        [3, 3],
        [4, 2],
        [5, 10],
        [5, 18],
        [8, 10],
        [random.below(255), 2],
      ]);
      if (kind <= 1) this.#put(kind);
      else {
        this.#put(kind, random.once(10) ? random.next() : length);
        this.#putRandom(length - 2);
      }
    }
    this.#length = end;
    this.#putRandom(random.below(60));
  }

  /** The header at `at` acknowledges what it was, and goes on from there: so connections open, and more. */
  #turnTcp(at) {
    const random = this.#random;
    const b = this.#b;
    const number = (from) => new DataView(b.buffer).getUint32(from);
    const [sequence, acknowledgment] = [number(at + 4), number(at + 8)];
    const view = new DataView(b.buffer);
    view.setUint32(at + 4, acknowledgment + (random.once(3) ? random.below(2000) - 1000 : 0));
    view.setUint32(at + 8, sequence + (b[at + 13] & 3 ? 1 : random.below(3) * 100));
    b[at + 13] = random.pick([0x10, 0x10, 0x10, 0x18, 0x11, 0x14, 0x12, 0x04]);
    if (random.once(4)) view.setUint16(at + 14, random.pick([0, 1, 100]));
  }

  #arp() {
    const random = this.#random;
    const { mac, v4 } = this.#target;
    this.#ethernet(ETHERTYPE.arp, random.once(2) ? Uint8Array.of(255, 255, 255, 255, 255, 255) : undefined);
    this.#put(0, 1, 8, 0, 6, 4, 0, 1 + random.below(random.once(10) ? 30 : 2));
    this.#putAll(random.once(10) ? mac : this.#stranger());
    this.#putAll(this.#address4());
    this.#putAll(random.pick([mac, new Uint8Array(6)]));
    this.#putAll(random.once(3) ? this.#address4() : v4);
  }

  #fragment4() {
    const random = this.#random;
    if (random.once(3)) {
      this.#ipv4(17, () => this.#udp(50 + random.below(400)), false);
      return this.#cut();
    }
    this.#ipv4(17, () => (random.once(2) ? this.#udp() : this.#putRandom(8 * random.below(60))));
    const at = this.#l3 + 4;
    this.#b[at] = 0;
    this.#b[at + 1] = random.below(12);
    const offset = random.once(8) ? random.below(8192) : random.below(24);
    this.#b[at + 2] = (random.once(2) ? 0x20 : 0) | (offset >> 8);
    this.#b[at + 3] = offset;
  }

  #fragment6() {
    const random = this.#random;
    if (random.once(3)) {
      this.#ipv6(17, () => this.#udp(50 + random.below(400)));
      return this.#cut();
    }
    this.#ipv6(44, () => {
      const offset = random.once(8) ? random.below(8192) : random.below(24);
      this.#put(random.pick([17, 58, 60, 44]), 0);
      this.#put16((offset << 3) | random.below(2));
      this.#put(0, 0, 0, random.below(12));
      if (random.once(2)) this.#udp();
      else this.#putRandom(8 * random.below(60));
    });
  }

  #extended() {
    const random = this.#random;
    const chain = Array.from({ length: 1 + random.below(random.once(10) ? 12 : 3) }, () =>
      random.pick(EXTENSIONS),
    );
    this.#ipv6(chain[0], () => {
      for (let i = 0; i < chain.length; i++) {
        const words = random.once(10) ? random.below(8) : random.below(2);
        const start = this.#length;
        this.#put(chain[i + 1] ?? random.pick([17, 58, 59, 6]), random.once(20) ? random.next() : words);
        if (chain[i] === 43) this.#put(random.pick([0, 2, 3, 4, 250]), random.below(3));
        else
          this.#put(
            random.pick([0, 1, 5, 0x1e, 0x5e, 0x9e, 0xde, 0xc2, 0xc9]),
            random.once(6) ? random.below(20) : 2,
          );
        this.#putRandom(start + 8 * (words + 1) - this.#length);
      }
      this.#udp();
    });
  }

  #quoted(version) {
    const random = this.#random;
    const heard = this.#heard.length > 0 && !random.once(4) ? random.pick(this.#heard) : undefined;
    if (heard !== undefined && heard.length > 34)
      this.#putAll(heard.subarray(14, 14 + 8 + random.below(120)));
    else if (version === 4) {
      this.#put(0x45, 0, 0, 40, 0, 1, 0, 0, 64, 17, 0, 0);
      this.#putAll(this.#target.v4);
      this.#putAll(this.#address4());
      this.#udp();
    } else this.#putRandom(random.below(80));
  }

  #icmp4() {
    const random = this.#random;
    const type = random.once(5) ? random.next() & 255 : random.pick([0, 3, 4, 5, 8, 8, 11, 12, 13, 17]);
    this.#put(type, random.once(3) ? random.below(16) : type === 3 ? 4 : 0, 0, 0);
    this.#put16(random.next());
    this.#put16(random.pick([0, 68, 552, 576, 1280, 1400, 1500, 65_535]));
    if ([3, 4, 5, 11, 12].includes(type)) this.#quoted(4);
    else this.#putRandom(random.below(random.once(10) ? 1400 : 64));
  }

  #icmp6() {
    const random = this.#random;
    const type = random.once(5) ? random.next() & 255 : random.pick([1, 2, 2, 3, 4, 128, 129]);
    this.#put(type, random.once(3) ? random.below(8) : 0, 0, 0, 0, 0);
    this.#put16(random.pick([0, 68, 1279, 1280, 1400, 1500, 65_535]));
    if (type < 128) this.#quoted(6);
    else this.#putRandom(random.below(64));
  }

  #nd() {
    const random = this.#random;
    const { v6, linkLocal } = this.#target;
    const own = random.pick([v6, linkLocal]);
    const node = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, own[13], own[14], own[15]);
    const type = random.pick([133, 135, 135, 136, 137]);
    this.#ipv6(
      58,
      () => {
        this.#put(type, 0, 0, 0, random.pick([0, 0x20, 0x40, 0x60, 0xe0]), 0, 0, 0);
        this.#putAll(random.once(3) ? this.#address6() : own);
        if (type === 137) this.#putAll(this.#address6());
        this.#ndOptions();
      },
      random.once(2) ? node : undefined,
    );
    this.#b[this.#l3 + 7] = 255;
  }

  #ndOptions() {
    const random = this.#random;
    for (let count = random.below(4); count > 0; count--) {
      const kind = random.pick([1, 2, 3, 4, 5, 14, 24, 25, 31, random.next() & 255]);
      const words = random.once(10) ? random.below(256) : kind === 3 ? 4 : kind === 24 ? random.below(4) : 1;
      this.#put(kind, words);
      if (kind === 3) {
        this.#put(random.pick([0, 48, 64, 64, 64, 128, 200]), random.next());
        for (let i = 0; i < 2; i++) this.#put(0, 0, random.below(4) === 0 ? 255 : 0, random.next());
        this.#put(0, 0, 0, 0, 0x20, 1, 0x0d, 0xb8, 0, random.below(20), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
      } else if (kind === 5) {
        this.#put(0, 0, 0, 0);
        this.#put16(random.pick([0, 1279, 1280, 1500, 9000]));
      } else this.#putRandom(Math.max(0, 8 * Math.min(words, 8) - 2));
    }
  }

  #ra() {
    const random = this.#random;
    const all = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
    this.#ipv6(
      58,
      () => {
        this.#put(134, 0, 0, 0, random.once(4) ? random.next() : 64, random.next());
        this.#put16(random.pick([0, 1, 30, 1800, 9000, 65_535]));
        for (let i = 0; i < 2; i++)
          this.#put(0, random.once(4) ? random.next() : 0, random.next(), random.next());
        this.#ndOptions();
      },
      random.once(2) ? all : undefined,
    );
    const source = this.#l3 + 8;
    if (!random.once(4))
      this.#b.set([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, random.below(6)], source);
    this.#b[this.#l3 + 7] = 255;
  }

  #igmp() {
    const random = this.#random;
    this.#put(
      random.pick([0x11, 0x11, 0x11, 0x12, 0x16, 0x17, 0x22]),
      random.pick([0, 1, 100, 127, 128, 255]),
      0,
      0,
    );
    this.#putAll(random.once(2) ? new Uint8Array(4) : random.pick(this.#target.groups4));
    if (random.once(3)) return;
    const sources = random.below(4);
    this.#put(random.next(), random.next());
    this.#put16(random.once(6) ? random.next() : sources);
    for (let i = 0; i < sources; i++) this.#putAll(this.#address4());
  }

  #mld() {
    const random = this.#random;
    this.#ipv6(58, () => {
      this.#put(random.pick([130, 130, 130, 131, 132, 143]), 0, 0, 0);
      this.#put16(random.pick([0, 1, 1000, 32_767, 32_768, 65_535]));
      this.#put16(0);
      this.#putAll(random.once(2) ? new Uint8Array(16) : random.pick(this.#target.groups6));
      if (random.once(3)) return;
      const sources = random.below(4);
      this.#put(random.next(), random.next());
      this.#put16(random.once(6) ? random.next() : sources);
      for (let i = 0; i < sources; i++) this.#putAll(this.#address6());
    });
    this.#b[this.#l3 + 7] = 1;
    // RFC 3810 §5.1.14: from a link-local address.
    if (!random.once(4))
      this.#b.set([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, random.below(6)], this.#l3 + 8);
  }

  /** To the client's port; the id of its question is known if one was heard. */
  #dhcp() {
    const random = this.#random;
    const question = this.#heard.find((frame) => frame.length > 282 && frame[23] === 17 && frame[37] === 67);
    this.#ipv4(
      17,
      () => {
        this.#put16(67);
        this.#put16(68);
        const length = this.#length;
        this.#put(0, 0, 0, 0);
        const start = this.#length;
        this.#put(random.once(20) ? random.below(4) : 2, 1, random.once(20) ? random.below(20) : 6, 0);
        if (question !== undefined && !random.once(6)) this.#putAll(question.subarray(46, 50));
        else this.#putRandom(4);
        this.#put(0, 0, 0, 0, 0, 0, 0, 0);
        for (let i = 0; i < 3; i++) this.#putAll(this.#address4());
        this.#putAll(this.#target.mac);
        this.#b.fill(0, this.#length, start + 236);
        if (random.once(20)) this.#random.fill(this.#b, start + 44, start + 236);
        this.#length = start + 236;
        this.#put(0x63, 0x82, 0x53, 0x63);
        this.#dhcpOptions();
        this.#b[length] = (this.#length - length + 4) >> 8;
        this.#b[length + 1] = this.#length - length + 4;
      },
      false,
    );
  }

  #dhcpOptions() {
    const random = this.#random;
    if (!random.once(10)) this.#put(53, 1, random.pick([2, 2, 5, 5, 6, 1, 9]));
    if (!random.once(6)) {
      this.#put(54, 4);
      this.#putAll(this.#address4());
    }
    if (!random.once(6)) this.#put(51, 4, random.once(6) ? 255 : 0, 0, random.next(), random.next());
    for (let count = random.below(8); count > 0; count--) {
      const code = random.pick([
        1,
        3,
        6,
        12,
        15,
        26,
        33,
        42,
        51,
        52,
        54,
        58,
        59,
        61,
        119,
        121,
        0,
        random.next() & 255,
      ]);
      const length = random.pick([0, 1, 2, 4, 4, 4, 8, 16, random.below(256)]);
      this.#put(code, random.once(20) ? random.next() : length);
      this.#putRandom(length);
    }
    if (!random.once(4)) this.#put(255);
  }

  #other() {
    const random = this.#random;
    const protocol = random.pick([6, 6, 132, 47, 50, 51, 255, 4, 41, random.next() & 255]);
    const payload = () => this.#putRandom(random.below(80));
    if (random.once(2)) this.#ipv4(protocol, payload);
    else this.#ipv6(protocol, payload);
  }

  /** What the target has sent, sent back: with addresses and ports turned round, requests as replies. */
  #answer() {
    const random = this.#random;
    if (this.#heard.length === 0) return this.#anything();
    this.#putAll(random.pick(this.#heard));
    const b = this.#b;
    const swap = (a, z, count) => {
      for (let i = 0; i < count; i++) [b[a + i], b[z + i]] = [b[z + i], b[a + i]];
    };
    swap(0, 6, 6);
    if ((b[6] & 1) !== 0) b.set(this.#stranger(), 6);
    const type = (b[12] << 8) | b[13];
    if (type === ETHERTYPE.arp) {
      swap(22, 32, 10);
      b[21] = 2;
      if (random.once(2)) b.set(this.#stranger(), 22);
    } else if (type === ETHERTYPE.ipv4) {
      swap(26, 30, 4);
      if (b[23] === 17 || b[23] === 6) swap(34, 36, 2);
      if (b[23] === 6) this.#turnTcp(34);
      if (b[23] === 1 && b[34] === 8) b[34] = 0;
    } else if (type === ETHERTYPE.ipv6) {
      swap(22, 38, 16);
      if (b[20] === 17 || b[20] === 6) swap(54, 56, 2);
      if (b[20] === 6) this.#turnTcp(54);
      if (b[20] === 58) b[54] = b[54] === 128 ? 129 : b[54] === 135 ? 136 : b[54];
    }
  }

  #anything() {
    if (this.#random.once(2))
      this.#ethernet(this.#random.pick([...Object.values(ETHERTYPE), this.#random.next() & 0xffff]));
    this.#putRandom(this.#random.below(100));
  }

  #tag() {
    const random = this.#random;
    const ids = random.once(2)
      ? this.#target.vlans
      : [random.next() & 0xfff, random.below(3)].slice(random.below(2));
    for (const id of [...ids].reverse()) {
      this.#b.copyWithin(16, 12, this.#length);
      this.#b.set(
        [
          ...random.pick([
            [0x81, 0],
            [0x88, 0xa8],
          ]),
          (random.below(8) << 5) | (id >> 8),
          id,
        ],
        12,
      );
      this.#length += 4;
      this.#l3 += 4;
    }
  }

  #change() {
    const random = this.#random;
    // The headers are where it matters.
    const at = random.once(3) ? random.below(this.#length) : random.below(Math.min(this.#length, 80));
    const b = this.#b;
    switch (random.below(4)) {
      case 0:
        b[at] ^= 1 << random.below(8);
        break;
      case 1:
        b[at] = random.pick(EDGES);
        break;
      case 2:
        b[at] = random.next();
        break;
      default:
        b[at] += random.once(2) ? 1 : 255;
    }
  }

  /** Makes checksums right. */
  #seal() {
    const b = this.#b;
    const l3 = this.#l3;
    if (b[l3] >> 4 === 4) {
      const end = l3 + 4 * (b[l3] & 15);
      if (end > this.#length) return;
      b[l3 + 10] = b[l3 + 11] = 0;
      const sum = checksumOf(internetSum(b, l3, end));
      b[l3 + 10] = sum >> 8;
      b[l3 + 11] = sum;
      if (b[l3 + 9] === 2) {
        b[end + 2] = b[end + 3] = 0;
        const own = checksumOf(internetSum(b, end, this.#length));
        b[end + 2] = own >> 8;
        b[end + 3] = own;
      }
    }
    parseFrame(b, 0, Math.min(this.#length, LONGEST), this.#record);
    if (this.#record.error === 0) fillTransportChecksum(b, this.#record);
  }
}
