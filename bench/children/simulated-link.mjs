import { systemClock } from 'etherconn/link';
import { buildUdpFrame } from 'etherconn/wire';
import { CompletionRing, FillRing, RxRing, TxRing } from '../../packages/etherconn/dist/link/xdp/ring.js';
import { RxQueue } from '../../packages/etherconn/dist/link/xdp/rx.js';
import { XdpTx } from '../../packages/etherconn/dist/link/xdp/tx.js';
import { Umem } from '../../packages/etherconn/dist/link/xdp/umem.js';
import { simulatedRing } from '../../packages/etherconn/dist/test-support/simulated-xsk.js';
import { FRAME } from './frames.mjs';

const RING = 4096;
const CHUNK = 2048;
const MAX_FRAME = 1522;
const PRODUCER = 0;
const CONSUMER = 1;
const ENTRIES = 4;
/** Bytes that the kernel leaves free before a received frame, and ours. */
const HEADROOM = 258;
/** Frames that one wake-up of the real link delivers at most. */
const BUDGET = 256;

/**
 * An AF_XDP link with everything of ours and nothing of the kernel's: its rings are ordinary memory, and the other side
 * of them is the least that keeps them going. Received frames lie ready in the chunks; only the station in the
 * destination address is written anew.
 */
export class SimulatedLink {
  kind = /** @type {const} */ ('xdp');
  interfaceName = 'simulated0';
  hardwareAddress = Uint8Array.of(2, 0, 0, 0, 0, 1);
  mtu = 1500;
  maxFrameLength = MAX_FRAME;
  clock = systemClock;
  partialChecksums = true;
  closed = false;
  /** Frames that the kernel's side has taken. */
  sent = 0;
  #umem = new Umem(2 * RING, CHUNK);
  #rings = {
    rx: simulatedRing(RING, 4),
    tx: simulatedRing(RING, 4),
    fill: simulatedRing(RING, 2),
    completion: simulatedRing(RING, 2),
  };
  #length;
  #queue;
  /** @type {import('etherconn/link').LinkReceiver | undefined} */
  #receiver;

  /** @param {Partial<import('etherconn/wire').UdpFrameOptions>} [options] of the received frames */
  constructor(options = {}) {
    const umem = this.#umem;
    const { rx, tx, fill, completion } = this.#rings;
    const frame = buildUdpFrame({ ...FRAME, ...options });
    this.#length = frame.length;
    for (let chunk = 0; chunk < RING; chunk++) umem.memory.u8.set(frame, chunk * CHUNK + HEADROOM);
    this.tx = new XdpTx(
      umem,
      new TxRing(tx),
      new CompletionRing(completion),
      { first: RING, count: RING },
      MAX_FRAME,
      { copyMode: true, needWakeup: true, kick: () => this.#kick(), refused: () => {} },
    );
    const setup = { umem, maxFrameLength: MAX_FRAME, multiBuffer: false };
    this.#queue = new RxQueue(0, setup, new RxRing(rx), new FillRing(fill), 0, RING, () => {});
  }

  /** @param {import('etherconn/link').LinkReceiver} receiver */
  start(receiver) {
    this.#receiver = receiver;
  }

  /**
   * One wake-up: puts `count` frames (at most 256) into the RX ring, for the stations that `order` names from `at` on,
   * and delivers them.
   * @param {number} count
   * @param {Uint16Array} order station numbers in network byte order
   * @param {number} at
   */
  receive(count, order, at) {
    this.arrive(count, order, at);
    this.#queue.drain(/** @type {import('etherconn/link').LinkReceiver} */ (this.#receiver), BUDGET);
  }

  /**
   * The kernel's side alone.
   * @param {number} count
   * @param {Uint16Array} order
   * @param {number} at
   */
  arrive(count, order, at) {
    const rx = this.#rings.rx.u32;
    const fill = this.#rings.fill.u32;
    const u16 = this.#umem.memory.u16;
    const length = this.#length;
    let from = fill[CONSUMER];
    let to = rx[PRODUCER];
    for (let i = 0; i < count; i++) {
      const address = fill[ENTRIES + (from++ & (RING - 1)) * 2] + HEADROOM;
      u16[(address + 4) >> 1] = order[at + i];
      const entry = ENTRIES + (to++ & (RING - 1)) * 4;
      rx[entry] = address;
      rx[entry + 2] = length;
    }
    fill[CONSUMER] = from;
    rx[PRODUCER] = to;
  }

  /** Takes the frames of the last `arrive` back out, unseen. @param {number} count */
  unarrive(count) {
    this.#rings.rx.u32[PRODUCER] -= count;
    this.#rings.fill.u32[CONSUMER] -= count;
  }

  stats() {
    return { rxFrames: this.#queue.rxFrames, txFrames: this.tx.txFrames };
  }

  info() {
    return { kind: this.kind, interfaceName: this.interfaceName, hardwareAddress: '', mtu: this.mtu };
  }

  ref() {}
  unref() {}

  async close() {
    this.closed = true;
    this.tx.stop();
  }

  /** sendto(): as the kernel in copy mode, at most 32 frames a call, complete at once. */
  #kick() {
    const tx = this.#rings.tx.u32;
    const completion = this.#rings.completion.u32;
    const waiting = (tx[PRODUCER] - tx[CONSUMER]) | 0;
    const taken = Math.min(waiting, 32);
    let from = tx[CONSUMER];
    let to = completion[PRODUCER];
    for (let i = 0; i < taken; i++) {
      completion[ENTRIES + (to++ & (RING - 1)) * 2] = tx[ENTRIES + (from++ & (RING - 1)) * 4];
    }
    tx[CONSUMER] = from;
    completion[PRODUCER] = to;
    this.sent += taken;
    return taken < waiting ? -11 : 0;
  }
}
