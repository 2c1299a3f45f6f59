/**
 * The addresses that all programs of the suite use, and the sizes. A size counts the whole frame with its FCS (4
 * bytes, which no program sees), as network people count: 64 is the smallest frame of Ethernet.
 */

export const SIZES = [64, 512, 1400];
const FCS = 4;
const HEADERS = 14 + 20 + 8;

/**
 * Bytes of UDP payload in a frame of that size.
 * @param {number} size
 */
export function payloadOf(size) {
  return size - FCS - HEADERS;
}

/** Station number 0 of the receiving side; number n has n added to the last three bytes. */
export const STATION = '02:ec:00:00:00:00';
/** The kernels' own addresses. */
export const NEAR_MAC = '02:00:00:00:00:0a';
export const FAR_MAC = '02:00:00:00:00:0b';
/** Source of all senders that choose one. */
export const SENDER = '02:ed:00:00:00:01';
export const RECEIVER_ADDRESS = '10.9.0.2';
export const RECEIVER_ADDRESS6 = '2001:db8::2';
/** An address at the far side that nobody has: its frames cross the wire and are dropped. */
export const NOBODY = '10.9.0.9';
export const NOBODY_MAC = '02:ee:00:00:00:01';
/** An address whose frames go to station 0, for senders on the kernel. */
export const STATION_ADDRESS = '10.9.0.3';
export const SENDER_ADDRESS = '10.9.0.1';
export const SENDER_ADDRESS6 = '2001:db8::1';
/** Of hosts on either side that are not to be taken for the kernels. */
export const HOST_ADDRESSES = { near: '10.9.0.21', far: '10.9.0.22' };
export const PORT = 9000;
export const SENDER_PORT = 4000;

/**
 * MAC address of a station, text.
 * @param {number} n
 */
export function station(n) {
  return `02:ec:00:${hex(n >> 16)}:${hex((n >> 8) & 255)}:${hex(n & 255)}`;
}

/**
 * Address of the host at a station, where hosts have addresses of their own; in 10.0.0.0/8.
 * @param {number} n
 */
export function hostAddress(n) {
  return `10.${16 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}`;
}

/** @param {number} byte */
function hex(byte) {
  return byte.toString(16).padStart(2, '0');
}
