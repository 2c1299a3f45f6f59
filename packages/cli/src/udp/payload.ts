/**
 * What the datagrams of `udp send` carry, 18 bytes, so that it fits the shortest frame (64 bytes with FCS) over IPv4.
 * All numbers are big-endian:
 *
 *   0  kind      0xec01 data · 0xec02 the end of a flow: its sequence number is how many packets the flow has sent
 *   2  run       16 bits that tell runs of senders apart
 *   4  flow      number of the flow
 *   8  sequence  from 0 in each flow, modulo 2^32
 *   12 time      48 bits: when the packet was to be sent, in 100 ns since 2020-01-01T00:00Z, modulo 2^48
 */
export const PAYLOAD_LENGTH = 18;
export const Kind = { DATA: 0xec01, END: 0xec02 } as const;
const RUN = 2;
const FLOW = 4;
const SEQUENCE = 8;
const TIME = 12;

const EPOCH = Date.UTC(2020, 0, 1);
const MODULUS = 2 ** 48;
const HALF = 2 ** 47;
/** Units of time in a millisecond. */
const PER_MS = 1e4;

/** The time field for milliseconds since the Unix epoch. */
export function timeField(wall: number): number {
  const units = Math.floor((wall - EPOCH) * PER_MS);
  return units - Math.floor(units / MODULUS) * MODULUS;
}

/** Microseconds from one time field to another, which may be negative. */
export function microsecondsBetween(earlier: number, later: number): number {
  let units = later - earlier;
  if (units > HALF) units -= MODULUS;
  else if (units < -HALF) units += MODULUS;
  return units / 10;
}

/** Writes packets into one buffer that it reuses. */
export class PayloadWriter {
  readonly bytes: Uint8Array;
  readonly #view: DataView;

  /** @param length bytes of the longest payload; a pattern fills the bytes after the header */
  constructor(run: number, length: number) {
    this.bytes = new Uint8Array(Math.max(length, PAYLOAD_LENGTH));
    for (let i = PAYLOAD_LENGTH; i < this.bytes.length; i++) this.bytes[i] = i & 0xff;
    this.#view = new DataView(this.bytes.buffer);
    this.#view.setUint16(RUN, run);
  }

  write(kind: number, flow: number, sequence: number, time: number): void {
    const view = this.#view;
    view.setUint16(0, kind);
    view.setUint32(FLOW, flow);
    view.setUint32(SEQUENCE, sequence);
    const high = Math.floor(time / 0x1_0000_0000);
    view.setUint16(TIME, high);
    view.setUint32(TIME + 2, time - high * 0x1_0000_0000);
  }
}

/** The fields of a payload at `at`, which is {@link PAYLOAD_LENGTH} bytes long or more. */
export const PayloadReader = {
  kind: (view: DataView, at: number): number => view.getUint16(at),
  run: (view: DataView, at: number): number => view.getUint16(at + RUN),
  flow: (view: DataView, at: number): number => view.getUint32(at + FLOW),
  sequence: (view: DataView, at: number): number => view.getUint32(at + SEQUENCE),
  time: (view: DataView, at: number): number =>
    view.getUint16(at + TIME) * 0x1_0000_0000 + view.getUint32(at + TIME + 2),
} as const;
