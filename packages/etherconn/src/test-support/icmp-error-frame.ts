import assert from 'node:assert/strict';
import { icmpPacket } from '../host/icmp/icmp-packet.ts';
import { AddressKind } from '../host/ip/addresses.ts';
import { buildUdpFrame } from '../wire/build.ts';
import { emitEthernet } from '../wire/ethernet.ts';
import { EtherType } from '../wire/ethertype.ts';
import { parseIp } from '../wire/ip.ts';
import { parseMac } from '../wire/mac.ts';
import { parsed } from './frames.ts';

const ROUTER_MAC = '02:00:00:00:00:fe';

/** An ICMP error of a router about a UDP datagram, to the host that sent it, by default host 1. */
export function errorFrame(error: {
  type: number;
  code?: number;
  rest?: number;
  source: string;
  sourcePort: number;
  destination: string;
  destinationPort?: number;
  /** MAC address of the host. */
  mac?: string;
}): Uint8Array {
  const { mac = '02:00:00:00:00:01' } = error;
  const quoted = buildUdpFrame({
    sourceMac: mac,
    destinationMac: ROUTER_MAC,
    source: error.source,
    destination: error.destination,
    sourcePort: error.sourcePort,
    destinationPort: error.destinationPort ?? 7,
    payload: new Uint8Array(1400),
  });
  return quotingFrame(quoted.subarray(14, 14 + 48), { ...error, mac });
}

/** An ICMP error of a router that quotes a packet, or the beginning of one, to its `source`. */
export function quotingFrame(
  quoted: Uint8Array,
  error: { type: number; code?: number; rest?: number; source: string; mac: string },
): Uint8Array {
  const { type, code = 0, rest = 0, mac } = error;
  const isV4 = !error.source.includes(':');
  const destination = parseIp(error.source);
  const path = {
    kind: AddressKind.OTHER,
    destination,
    source: destination,
    nextHop: null,
    mac: null,
    mtu: 1500,
  };
  const from = parseIp(isV4 ? '10.0.0.254' : 'fe80::fe');
  const packet = icmpPacket(path, from, type, code, rest, quoted, 0, quoted.length);
  const frame = new Uint8Array(14 + packet.length);
  emitEthernet(frame, 0, {
    destination: parseMac(mac),
    source: parseMac(ROUTER_MAC),
    etherType: isV4 ? EtherType.IPV4 : EtherType.IPV6,
  });
  frame.set(packet, 14);
  assert.equal(parsed(frame).error, 0);
  return frame;
}
