import { type Batch, EtherConn, type PacketRelay, RUDPConn } from 'etherconn';
import {
  ARP_LENGTH,
  ARP_OPERATION,
  ARP_SENDER_IP,
  ARP_SENDER_MAC,
  ARP_TARGET_IP,
  ArpOperation,
  BROADCAST,
  EtherType,
  emitArp,
  formatIp,
  formatMac,
} from 'etherconn/wire';

/** A simulated machine: a MAC address and an IPv4 address of its own, answering ARP, with one UDP port. */
export class Machine {
  readonly mac: Uint8Array;
  readonly ip: Uint8Array;
  readonly udp: RUDPConn;
  readonly #arp: EtherConn;
  readonly #answer = new Uint8Array(ARP_LENGTH);
  #waiting: { ip: Uint8Array; resolve: (mac: string) => void } | null = null;

  /** `gateway` gives the MAC address that everything is sent to, once it is known. */
  constructor(
    relay: PacketRelay,
    mac: Uint8Array,
    ip: Uint8Array,
    port: number,
    gateway: () => string | null,
  ) {
    this.mac = mac;
    this.ip = ip;
    this.#arp = new EtherConn(mac, relay, [EtherType.ARP], { receiveMulticast: true });
    this.#arp.onBatch((batch) => this.#onArp(batch));
    this.udp = new RUDPConn({ address: ip, port }, new EtherConn(mac, relay, [EtherType.IPV4]), {
      resolveNextHop: gateway,
    });
  }

  /** Asks for the MAC address of a neighbor, by ARP, until it answers. */
  async resolve(ip: Uint8Array): Promise<string> {
    const answered = new Promise<string>((resolve) => {
      this.#waiting = { ip, resolve };
    });
    const request = new Uint8Array(ARP_LENGTH);
    emitArp(request, 0, {
      operation: ArpOperation.REQUEST,
      senderMac: this.mac,
      senderIp: this.ip,
      targetMac: new Uint8Array(6),
      targetIp: ip,
    });
    const ask = () => this.#arp.trySendPacketTo(request, EtherType.ARP, BROADCAST);
    ask();
    const timer = setInterval(ask, 200);
    try {
      return await answered;
    } finally {
      clearInterval(timer);
    }
  }

  async close(): Promise<void> {
    await this.#arp.close();
    await this.udp.close();
  }

  #onArp(batch: Batch): void {
    while (batch.next()) {
      const { u8, payloadOffset: at } = batch;
      if (batch.payloadLength < ARP_LENGTH) continue;
      const operation = u8[at + ARP_OPERATION + 1];
      if (operation === ArpOperation.REQUEST && sameIp(u8, at + ARP_TARGET_IP, this.ip)) {
        emitArp(this.#answer, 0, {
          operation: ArpOperation.REPLY,
          senderMac: this.mac,
          senderIp: this.ip,
          targetMac: u8.slice(at + ARP_SENDER_MAC, at + ARP_SENDER_MAC + 6),
          targetIp: u8.slice(at + ARP_SENDER_IP, at + ARP_SENDER_IP + 4),
        });
        batch.reply(this.#answer);
      } else if (this.#waiting !== null && sameIp(u8, at + ARP_SENDER_IP, this.#waiting.ip)) {
        this.#waiting.resolve(formatMac(u8, at + ARP_SENDER_MAC));
        this.#waiting = null;
      }
    }
  }

  toString(): string {
    return `${formatMac(this.mac)} ${formatIp(this.ip)}`;
  }
}

function sameIp(u8: Uint8Array, at: number, ip: Uint8Array): boolean {
  return u8[at] === ip[0] && u8[at + 1] === ip[1] && u8[at + 2] === ip[2] && u8[at + 3] === ip[3];
}

/** MAC address of machine `index`: locally administered, 02:ec and the number. */
export function machineMac(index: number): Uint8Array {
  return Uint8Array.of(0x02, 0xec, index >>> 24, index >>> 16, index >>> 8, index);
}

/** IPv4 address of machine `index` in 10.77.0.0/16; 10.77.0.1 is the server's. */
export function machineIp(index: number): Uint8Array {
  const host = 256 + index;
  return Uint8Array.of(10, 77, host >>> 8, host);
}
