import type { MemoryRelay } from '../relay/memory-relay.ts';
import { fillIcmpv6Checksum } from '../wire/icmpv6.ts';
import { formatIp, parseIp } from '../wire/ip.ts';
import { parseMac } from '../wire/mac.ts';
import { hex, parsed } from './frames.ts';
import type { HostNetwork } from './hosts.ts';

/** A frame with an ICMPv6 message, given as hexadecimal text with any checksum, which is then filled in. */
export interface Icmpv6Frame {
  readonly sourceMac: string;
  readonly destinationMac: string;
  readonly source: string;
  readonly destination: string;
  /** Default 255. */
  readonly hopLimit?: number;
  readonly message: string;
}

export function icmpv6Frame(fields: Icmpv6Frame): Uint8Array {
  const { sourceMac, destinationMac, source, destination, hopLimit = 255 } = fields;
  const message = hex(fields.message);
  const header = Uint8Array.of(0x60, 0, 0, 0, message.length >> 8, message.length & 255, 58, hopLimit);
  const frame = Uint8Array.of(
    ...parseMac(destinationMac),
    ...parseMac(sourceMac),
    ...hex('86dd'),
    ...header,
    ...parseIp(source),
    ...parseIp(destination),
    ...message,
  );
  fillIcmpv6Checksum(frame, 54, frame.length, 14 + 8, 14 + 24);
  return frame;
}

/**
 * A machine that a test works by hand: it sees every frame that comes to its port, sends what it is told, and while it is
 * `alive` answers for its own address, as a router does.
 */
export class Station {
  readonly mac: string;
  readonly address: string;
  readonly seen: Uint8Array[] = [];
  /** Questions for its address. */
  asked = 0;
  alive = true;
  readonly #relay: MemoryRelay;
  readonly #net: HostNetwork;

  constructor(net: HostNetwork, mac: string, address: string) {
    this.#net = net;
    this.mac = mac;
    this.address = address;
    this.#relay = net.relay();
    const key = { macHigh: 0, macLow: 0, vlanKey: 0, etherTypes: [] };
    this.#relay.addCatchAll('mirror', true, [0x0800, 0x0806, 0x86dd], key).receiver = {
      frame: (store, record) => this.#take(store.memory!.u8.slice(record.start, record.end)),
      keyReplaced: () => undefined,
      relayStopped: () => undefined,
    };
  }

  /** Frames to its MAC address with UDP in them. */
  get datagrams(): number {
    const mac = parseMac(this.mac);
    return this.seen.filter(
      (frame) => parsed(frame).protocol === 17 && mac.every((byte, i) => frame[i] === byte),
    ).length;
  }

  send(frame: Uint8Array): void {
    this.#relay.trySendFrame(frame);
  }

  /** Sends an ICMPv6 message to all nodes from its address. */
  async tell(message: string, hopLimit = 255): Promise<void> {
    const all = { destinationMac: '33:33:00:00:00:01', destination: 'ff02::1' };
    this.send(icmpv6Frame({ sourceMac: this.mac, source: this.address, ...all, hopLimit, message }));
    await this.#net.settle();
  }

  #take(frame: Uint8Array): void {
    this.seen.push(frame);
    const own = parseIp(this.address);
    const isOurs = (offset: number) => own.every((byte, i) => frame[offset + i] === byte);
    const isArp = own.length === 4 && frame[12] === 8 && frame[13] === 6 && frame[21] === 1 && isOurs(38);
    const isNd =
      own.length === 16 && frame[12] === 0x86 && frame[20] === 58 && frame[54] === 135 && isOurs(62);
    if (!isArp && !isNd) return;
    this.asked++;
    if (!this.alive) return;
    const asker = frame.slice(6, 12);
    if (isArp) {
      const mac = parseMac(this.mac);
      const head = hex('0806 0001 0800 0604 0002');
      this.send(Uint8Array.of(...asker, ...mac, ...head, ...mac, ...own, ...frame.slice(22, 32)));
      return;
    }
    // A router's answer: R, S and O.
    const message = `8800 0000 e0000000 ${hexOf(own)} 0201 ${hexOf(parseMac(this.mac))}`;
    const destinationMac = hexOf(asker).replaceAll(/(..)(?=.)/g, '$1:');
    const destination = formatIp(frame, 22, 6);
    this.send(
      icmpv6Frame({ sourceMac: this.mac, destinationMac, source: this.address, destination, message }),
    );
  }
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
