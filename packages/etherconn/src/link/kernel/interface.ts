import { OptionError } from '../../errors.ts';
import { show } from '../../options.ts';

/** What the kernel links share about network interfaces: names, types, drivers. */

const MAX_NAME_BYTES = 15; // IFNAMSIZ - 1, linux/if.h

/** ARPHRD_* of linux/if_arp.h whose frames have an Ethernet header. */
const ARPHRD_ETHER = 1;
const ARPHRD_LOOPBACK = 772;

/** Drivers whose frames come with transport checksums left to hardware that is not there. */
const PARTIAL_CHECKSUM_DRIVERS = new Set([
  'veth',
  'tun',
  'bridge',
  'openvswitch',
  'dummy',
  'netkit',
  'macvlan',
  'virtio_net',
]);

/** Refuses what cannot be an interface's name, as the kernel would. */
export function checkInterfaceName(name: unknown): string {
  const isName =
    typeof name === 'string' &&
    name !== '' &&
    name !== '.' &&
    name !== '..' &&
    Buffer.byteLength(name) <= MAX_NAME_BYTES &&
    !/[\s/:\0]/.test(name);
  if (isName) return name;
  const rule = `1 to ${MAX_NAME_BYTES} bytes without '/', ':' or white space`;
  throw new OptionError(
    'interfaceName',
    `must be the name of a network interface (${rule}), got ${show(name)}`,
  );
}

/** Whether an interface of that ARPHRD_* type carries Ethernet frames. */
export function isEthernet(type: number): boolean {
  return type === ARPHRD_ETHER || type === ARPHRD_LOOPBACK;
}

/** Whether an interface of that ARPHRD_* type receives what it sends. */
export function isLoopback(type: number): boolean {
  return type === ARPHRD_LOOPBACK;
}

/** Whether frames from this interface's peer may have partial transport checksums. */
export function mayHavePartialChecksums(type: number, driver: string): boolean {
  return type === ARPHRD_LOOPBACK || PARTIAL_CHECKSUM_DRIVERS.has(driver);
}
