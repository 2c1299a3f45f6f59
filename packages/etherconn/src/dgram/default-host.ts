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
 * The host of the sockets of `etherconn/dgram`, one per thread. Unless another was set it is made when it is first
 * asked for: a machine in this process that nobody but itself can reach, with the loopback addresses and an interface
 * that has the name and the addresses of this machine's first one (so that programs that look for an address to bind
 * to find it here), 10.0.0.1/24 if there is none.
 */
export function defaultHost(): Host {
  current ??= makeDefaultHost();
  return current;
}

/**
 * Has sockets that are made from now on live on another host; null: on a new one as of {@link defaultHost}. The
 * earlier host is returned (null if none was ever used) and stays open.
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
