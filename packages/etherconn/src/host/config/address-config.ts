import type { IpPrefix } from '../../wire/ip.ts';
import { formatIp } from '../../wire/ip.ts';
import { formatMac } from '../../wire/mac.ts';
import { hostError } from '../host-error.ts';
import type { OwnAddress } from '../ip/addresses.ts';
import { AddressProbe, PROBE_INTERVAL, PROBES4, PROBES6 } from './address-probe.ts';
import type { HostAddresses } from './host-addresses.ts';

/** When duplicate addresses are detected, see `HostOptions.detectDuplicates`. */
export type DetectDuplicates = 'optimistic' | 'wait' | 'off';

/**
 * Gives a host an address. Returns null if it is in use at once. For 'wait', returns a promise that resolves when it
 * is in use. The promise rejects with a SystemError EADDRINUSE if another station has the address, EADDRNOTAVAIL if
 * the address is removed first, or the error that closed the host.
 */
export function configureAddress(
  addresses: HostAddresses,
  prefix: IpPrefix,
  detect: DetectDuplicates,
): Promise<void> | null {
  const { address, length } = prefix;
  const version = address.length === 4 ? 4 : 6;
  if (detect === 'wait') {
    const own = addresses.add(address, length, 'tentative');
    return new Promise((resolve, reject) => {
      const done = (otherMac: Uint8Array | null) => {
        if (otherMac === null) resolve();
        else reject(hostError('EADDRINUSE', 'addAddress', whoHasIt(address, otherMac)));
      };
      probe(addresses, own, false, done, reject);
    });
  }
  const isOptimistic = detect === 'optimistic' && version === 6;
  const own = addresses.add(address, length, isOptimistic ? 'optimistic' : 'preferred');
  if (isOptimistic) probe(addresses, own, true, () => undefined);
  return null;
}

/**
 * Asks whether any other station has an address. Resolves with its MAC address or null. Rejects if the host is closed
 * meanwhile.
 */
export function probeAddress(
  addresses: HostAddresses,
  address: Uint8Array,
  count: number | undefined,
  interval: number,
): Promise<string | null> {
  const own = addresses.add(address, 8 * address.length, 'tentative', false);
  const probes = count ?? (own.version === 4 ? PROBES4 : PROBES6);
  return new Promise((resolve, reject) => {
    const done = (otherMac: Uint8Array | null) => {
      addresses.remove(own);
      resolve(otherMac === null ? null : formatMac(otherMac));
    };
    new AddressProbe(addresses, own, probes, interval, false, done, reject);
  });
}

/**
 * Asks again whether another station has an IPv4 address in use, and announces the address again, as RFC 5227 §2.1
 * requires when a link comes back. The address stays in use meanwhile.
 */
export function confirmAddress(addresses: HostAddresses, own: OwnAddress): void {
  if (own.confirming) return;
  own.confirming = true;
  const { state } = addresses;
  let left = PROBES4;
  const next = () => {
    const isOver = state.closed !== null || !state.addresses.list.includes(own);
    if (isOver || left-- === 0) {
      own.confirming = false;
      if (!isOver) addresses.announceNew(own);
      return;
    }
    addresses.probe(own);
    state.clock.setTimer(next, PROBE_INTERVAL, true);
  };
  next();
}

function probe(
  addresses: HostAddresses,
  own: OwnAddress,
  unref: boolean,
  done: (otherMac: Uint8Array | null) => void,
  abandoned?: (error: Error) => void,
): void {
  const count = own.version === 4 ? PROBES4 : PROBES6;
  const known = (otherMac: Uint8Array | null) => {
    if (otherMac === null) {
      addresses.setState(own, 'preferred');
      if (own.version === 4) addresses.announceNew(own);
    } else addresses.lose(own, otherMac);
    done(otherMac);
  };
  const interval = own.version === 4 ? PROBE_INTERVAL : addresses.output.neighbors.retransmitTime(16);
  new AddressProbe(addresses, own, count, interval, unref, known, abandoned);
}

function whoHasIt(address: Uint8Array, otherMac: Uint8Array): string {
  return `${formatMac(otherMac)} has ${formatIp(address)} already`;
}
