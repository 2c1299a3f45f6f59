import { EtherConn } from '../conn/ether-conn.ts';
import { Host } from '../host/host.ts';
import type { Relay } from '../relay/relay.ts';
import { fillIpv4Checksum } from '../wire/ipv4.ts';
import { parsePacket } from '../wire/parse.ts';
import { IpProtocol } from '../wire/protocol.ts';
import { FrameRecord } from '../wire/record.ts';
import { fillTransportChecksum } from '../wire/transport-checksum.ts';
import { hex } from './frames.ts';

/** Addresses of the station, and of what it tries. */
export const PROBE = {
  mac: '020000000001',
  ip4: '0a000001',
  ip6: '20010db8000000000000000000000001',
} as const;
export const TARGET = {
  mac: '020000000009',
  ip4: '0a000009',
  ip6: '20010db8000000000000000000000009',
} as const;

/** Neighbor and multicast listener discovery go on by themselves. */
const ND_MLD = new Set([130, 131, 132, 133, 134, 135, 136, 137, 143]);

/**
 * A station that sends IP packets written by hand to one other, {@link TARGET}, a host or the kernel, and notes which
 * ICMP and UDP packets come back. It answers ARP and neighbor discovery, and pings, as a host does.
 */
export class ProbeStation {
  readonly #relay: Relay;
  #came: string[] = [];

  constructor(relay: Relay) {
    this.#relay = relay;
    const mac = '02:00:00:00:00:01';
    Host.createNow(relay, { mac, addresses: ['10.0.0.1/24', '2001:db8::1/64'], detectDuplicates: 'off' });
    const mirror = new EtherConn('02:00:00:00:00:ff', relay, [], { role: 'mirror' });
    mirror.onBatch((batch) => {
      while (batch.next()) {
        const isIcmp = batch.protocol === IpProtocol.ICMP || batch.protocol === IpProtocol.ICMPV6;
        if (batch.remoteMac() !== '02:00:00:00:00:09' || !(isIcmp || batch.protocol === IpProtocol.UDP))
          continue;
        if (batch.protocol === IpProtocol.ICMPV6 && ND_MLD.has(batch.u8[batch.transportOffset])) continue;
        const { u8, payloadOffset, payloadLength } = batch;
        this.#came.push(
          Buffer.from(u8.subarray(payloadOffset, payloadOffset + payloadLength)).toString('hex'),
        );
      }
    });
  }

  /** Sends IP packets, to the target's MAC address unless it says another (12 digits). */
  send(packet: Uint8Array, mac: string = TARGET.mac): void {
    const etherType = packet[0] >> 4 === 4 ? '0800' : '86dd';
    const frame = Buffer.concat([hex(mac + PROBE.mac + etherType), packet]);
    if (this.#relay.trySendFrame(frame) !== 1) throw new Error('no room');
  }

  /** What has come since the last time, as hexadecimal text. */
  take(): string[] {
    const came = this.#came;
    this.#came = [];
    return came;
  }
}

/** An IPv6 packet to the target: its first extension header or protocol (two digits), and what follows it. */
export function ip6(
  next: string,
  body: string,
  to: string = TARGET.ip6,
  from: string = PROBE.ip6,
): Uint8Array {
  const length = (hex(body).length & 0xffff).toString(16).padStart(4, '0');
  return summed(hex(`60000000 ${length} ${next}40 ${from} ${to} ${body}`));
}

/** An IPv4 packet to the target: options (padded), protocol (two digits), and what follows. */
export function ip4(
  options: string,
  protocol: string,
  body: string,
  to: string = TARGET.ip4,
  from: string = PROBE.ip4,
): Uint8Array {
  const header = 20 + hex(options).length;
  const length = (header + hex(body).length).toString(16).padStart(4, '0');
  const packet = hex(
    `4${(header / 4).toString(16)}00 ${length} 0007 0000 40${protocol} 0000 ${from} ${to} ${options} ${body}`,
  );
  fillIpv4Checksum(packet, 0);
  return summed(packet);
}

/** The same with the transport checksum that is right, where the packet has one. */
export function summed(packet: Uint8Array): Uint8Array {
  const record = new FrameRecord();
  parsePacket(packet, 0, packet.length, record);
  fillTransportChecksum(packet, record);
  return packet;
}
