import { networkInterfaces } from 'node:os';
import { OptionError } from '../errors.ts';
import type { HostOptions } from '../host/host-options.ts';
import { duplicateOf, whyNoHostAddress } from '../host/ip/host-address.ts';
import { show } from '../options.ts';
import { MemoryNetwork } from '../relay/memory-relay.ts';
import { formatPrefix, type IpPrefix, isLinkLocalIpv6, parsePrefix } from '../wire/ip.ts';
import { Host } from './host.ts';

let current: Host | null = null;

/**
 * The host of the sockets of `etherconn/dgram`, one for each thread. Unless another host was set, it is created on
 * first use. Only its own process can reach it. It has loopback addresses and an interface with the name and the
 * addresses of this machine's first interface, so that a program that looks there for an address to bind finds one.
 * If there is none, its address is 10.0.0.1/24.
 */
export function defaultHost(): Host {
  current ??= makeDefaultHost();
  return current;
}

/**
 * Sets the host of all sockets created from now on; null stands for a new default host. Returns the previous host,
 * or null if none was ever used; it stays open.
 */
export function setDefaultHost(host: Host | null): Host | null {
  if (host !== null && !(host instanceof Host)) {
    throw new OptionError('host', `must be a Host or null, got ${show(host)}`);
  }
  const before = current;
  current = host;
  return before;
}

function makeDefaultHost(): Host {
  const relay = new MemoryNetwork().relay({ hairpin: true });
  const host = Host.createNow(relay, { ...likeThisMachine(), detectDuplicates: 'off' });
  // Programs that know only node:dgram rely on it.
  host.socketsHold = true;
  return host;
}

function likeThisMachine(): HostOptions {
  let name = 'eth0';
  let mac: string | undefined;
  const addresses: IpPrefix[] = [];
  for (const [interfaceName, list] of Object.entries(networkInterfaces())) {
    const external = (list ?? []).filter((one) => !one.internal && one.cidr !== null);
    if (external.length === 0) continue;
    if (mac === undefined) {
      name = interfaceName;
      mac = external[0].mac;
    }
    for (const { cidr } of external) {
      const prefix = parsePrefix(cidr!);
      // Link-local addresses of other interfaces would be of another zone.
      const isLinkLocal = prefix.address.length === 16 && isLinkLocalIpv6(prefix.address);
      if (interfaceName !== name && isLinkLocal) continue;
      // An interface of the kernel's may have what a host may not: a network's address, one address twice.
      if (whyNoHostAddress(prefix) !== null || duplicateOf([...addresses, prefix]) !== null) continue;
      addresses.push(prefix);
    }
  }
  return {
    mac: mac === undefined || mac === '00:00:00:00:00:00' ? '02:00:00:00:00:01' : mac,
    interfaceName: name,
    addresses: addresses.length === 0 ? ['10.0.0.1/24'] : addresses.map(formatPrefix),
  };
}
