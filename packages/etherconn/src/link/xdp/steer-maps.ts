/** The maps of the steering program as user space writes them: the structures of bpf/steer.h, little endian. */

/** struct endpoint_key: MAC address (6 bytes), zero (2), VLAN key (4). */
export const ENDPOINT_KEY_SIZE = 12;
/** struct endpoint: queues for all EtherTypes (8), queues of each slot (8 each), EtherType of each (2 each), zero (4). */
export const ENDPOINT_SIZE = 72;
/** EtherTypes that an endpoint can name; with more it gets all. */
export const ENDPOINT_ETHER_TYPES = 6;
/** struct service_key: MAC address (6), port (2), VLAN key (4), IP version (4), IP address (16). */
export const SERVICE_KEY_SIZE = 32;
/** Mask of queues. */
export const SERVICE_SIZE = 8;
/** struct settings: queues that take all (8), number of services (8). */
export const SETTINGS_SIZE = 16;
/** enum disposition, in its order; the map `counters` has a 64-bit number for each. */
export const DISPOSITIONS = [
  'redirected',
  'noSocket',
  'otherQueue',
  'otherType',
  'noEndpoint',
  'group',
  'unreadable',
] as const;

/** Queues that fit a mask: 0 to 63. */
export const MASK_QUEUES = 64;

const ENDPOINT_QUEUES = 8;
const ENDPOINT_TYPES: number = ENDPOINT_QUEUES + 8 * ENDPOINT_ETHER_TYPES;

/** Who a UDP service on an interface's own address is reached by. */
export interface Service {
  /** First 4 bytes of the MAC address as an unsigned 32-bit number: the interface's own. */
  readonly macHigh: number;
  /** Last 2 bytes. */
  readonly macLow: number;
  /** VLANs as of `vlanKey()` in wire/vlan.ts; 0 untagged. */
  readonly vlanKey: number;
  /** 4 or 16 bytes. */
  readonly address: Uint8Array;
  /** UDP port, 1 to 65,535. */
  readonly port: number;
}

/** A mask of queues as 8 bytes. */
export function encodeMask(queues: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, queues, true);
  return bytes;
}

/** Writes struct endpoint_key at `offset`: the first 4 bytes of the MAC address, the last 2, and the VLANs, as numbers. */
export function writeEndpointKey(
  view: DataView,
  offset: number,
  macHigh: number,
  macLow: number,
  vlanKey: number,
): void {
  view.setUint32(offset, macHigh);
  view.setUint16(offset + 4, macLow);
  view.setUint32(offset + 8, vlanKey, true);
}

/**
 * Writes struct endpoint, whose bytes are zero, at `offset`: the queues of a mask (two halves) want the first `count`
 * of these EtherTypes, or with null all.
 */
export function writeEndpoint(
  view: DataView,
  offset: number,
  etherTypes: Uint16Array | null,
  count: number,
  queuesLow: number,
  queuesHigh: number,
): void {
  if (etherTypes === null) {
    view.setUint32(offset, queuesLow, true);
    view.setUint32(offset + 4, queuesHigh, true);
    return;
  }
  for (let slot = 0; slot < count; slot++) {
    const queues = offset + ENDPOINT_QUEUES + 8 * slot;
    view.setUint32(queues, queuesLow, true);
    view.setUint32(queues + 4, queuesHigh, true);
    view.setUint16(offset + ENDPOINT_TYPES + 2 * slot, etherTypes[slot], true);
  }
}

/** struct service_key. */
export function encodeService(service: Service): Uint8Array {
  const bytes = new Uint8Array(SERVICE_KEY_SIZE);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, service.macHigh);
  view.setUint16(4, service.macLow);
  view.setUint16(6, service.port);
  view.setUint32(8, service.vlanKey, true);
  view.setUint32(12, service.address.length === 4 ? 4 : 6, true);
  bytes.set(service.address, 16);
  return bytes;
}
