import {
  ArpResolver,
  EtherConn,
  type KernelRelay,
  type MemoryRelay,
  NdResolver,
  OptionError,
  SharedEtherConn,
} from 'etherconn';
import { type Frame, find, isAnswerTo, parse } from 'etherconn/frames';
import { formatMac, isGroupMac, parseMac } from 'etherconn/wire';

/** The mirror's own: not that of any frame, as far as anybody can tell. */
const LISTENER_MAC = '02:ec:fe:fe:fe:fd';

/** A frame that was sent, and since when it may be answered. */
interface Question {
  readonly frame: Frame;
  sentAt: number;
  answers: number;
}

export interface Answer {
  readonly frame: Uint8Array;
  /** Milliseconds since the frame that it answers was sent; null when it answers none. */
  readonly after: number | null;
}

/**
 * Waits for answers to frames. Whoever answers may first ask for the MAC address of a frame's source: ARP and neighbor
 * discovery are answered in its name.
 */
export class Asking {
  readonly #relay: KernelRelay | MemoryRelay;
  readonly #questions: readonly Question[];
  readonly #mirror: EtherConn;
  readonly #closing: { close(): Promise<void> }[] = [];
  readonly #onFrame: (answer: Answer) => void;

  constructor(
    relay: KernelRelay | MemoryRelay,
    frames: readonly Uint8Array[],
    onFrame: (answer: Answer) => void,
  ) {
    this.#relay = relay;
    this.#onFrame = onFrame;
    this.#questions = frames.map((bytes) => ({ frame: parse(bytes), sentAt: Number.NaN, answers: 0 }));
    for (const { frame } of this.#questions) this.#answerFor(frame);
    this.#mirror = new EtherConn(LISTENER_MAC, relay, { role: 'mirror', receiveMulticast: true });
    this.#mirror.onBatch((batch) => {
      while (batch.next())
        this.#take(batch.u8.slice(batch.frameOffset, batch.frameOffset + batch.frameLength));
    });
  }

  /** Frames that have been answered. */
  get answered(): number {
    return this.#questions.filter(({ answers }) => answers > 0).length;
  }

  /** Whether nothing more is to come: each frame went to one machine, and has been answered. */
  get settled(): boolean {
    return this.#questions.every(
      ({ frame, answers }) => answers > 0 && !isGroup(find(frame, 'ether')?.destination),
    );
  }

  sent(index: number): void {
    this.#questions[index].sentAt = this.#relay.clock.now();
  }

  async close(): Promise<void> {
    await Promise.all([this.#mirror, ...this.#closing].map((each) => each.close()));
  }

  #take(frame: Uint8Array): void {
    const answer = parse(frame);
    for (const question of this.#questions) {
      if (Number.isNaN(question.sentAt) || !isAnswerTo(answer, question.frame)) continue;
      question.answers++;
      this.#onFrame({ frame, after: this.#relay.clock.now() - question.sentAt });
      return;
    }
    this.#onFrame({ frame, after: null });
  }

  #answerFor(frame: Frame): void {
    const mac = find(frame, 'ether')?.source;
    // The kernel answers for the interface's own MAC address, and a relay refuses to take it away.
    if (mac === undefined || isGroup(mac) || mac === formatMac(this.#relay.hardwareAddress)) return;
    const vlans = frame.flatMap((layer) => (layer.layer === 'vlan' ? [layer.id ?? 0] : []));
    const [v4, v6] = [find(frame, 'ipv4')?.source, find(frame, 'ipv6')?.source];
    try {
      if (v4 !== undefined)
        this.#closing.push(new ArpResolver(this.#relay, { mac, vlans, address: `${v4}/24` }));
      else if (v6 !== undefined) {
        const conn = new SharedEtherConn(mac, this.#relay, [], { vlans, receiveMulticast: true });
        this.#closing.push(conn);
        this.#closing.unshift(new NdResolver(conn, { address: `${v6}/64` }));
      }
    } catch (error) {
      // Nobody can have that address, or another frame has it already.
      if (!(error instanceof OptionError)) throw error;
    }
  }
}

function isGroup(mac: string | undefined): boolean {
  return mac !== undefined && isGroupMac(parseMac(mac));
}
