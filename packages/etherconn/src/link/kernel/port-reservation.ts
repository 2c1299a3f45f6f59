import type { Addon, NativeSocket } from '../../native/addon.ts';
import { during, withAdvice } from '../../native/system-error.ts';
import { formatIp } from '../../wire/ip.ts';
import {
  AF_INET,
  AF_INET6,
  intOption,
  SO_BINDTODEVICE,
  SO_REUSEPORT,
  SOCK_DGRAM,
  SOL_SOCKET,
} from './socket-numbers.ts';

// linux/in6.h
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;

/** Classic BPF, one instruction: accept 0 bytes (BPF_RET | BPF_K). */
const REJECT_ALL: Uint8Array = Uint8Array.of(0x06, 0, 0, 0, 0, 0, 0, 0);

/**
 * Holds a UDP port of the kernel's, so that no other program gets it (neither by asking for it, nor as the port of a
 * client), and so that the kernel does not refuse, by ICMP, what a service of ours answers. The socket takes nothing:
 * datagrams that reach it are counted by the kernel (UdpInErrors) and gone. It lasts until it is closed by the addon's
 * `socketClose`. With `joins` it may be held already, by a socket of this user's that is shared (`shareUdpPort`).
 *
 * Throws a SystemError: EADDRINUSE when somebody has the port, EADDRNOTAVAIL when the address is not the machine's.
 */
export function reserveUdpPort(
  addon: Addon,
  namespaceFd: number,
  device: { readonly name: string; readonly index: number },
  address: Uint8Array,
  port: number,
  joins = false,
): NativeSocket {
  const isV4 = address.length === 4;
  const text = isV4 ? `${formatIp(address)}:${port}` : `[${formatIp(address)}]:${port}`;
  const otherwise = 'or leave it to him, with reserve: false';
  const advise = (code: string): string | undefined => {
    if (code === 'EADDRINUSE') return `another program has this port; end it, ${otherwise}`;
    if (code === 'EADDRNOTAVAIL')
      return 'this is not an address of the machine: nobody would answer ARP for it';
    if (code === 'EACCES')
      return 'ports under 1024 need CAP_NET_BIND_SERVICE; have it, or ask with reserve: false';
    return undefined;
  };
  return withAdvice(`reserving UDP ${text}`, advise, () => {
    const socket = addon.socketOpen(isV4 ? AF_INET : AF_INET6, SOCK_DGRAM, 0, namespaceFd);
    try {
      const on = intOption(1);
      addon.socketAttachFilter(socket, REJECT_ALL);
      if (joins) addon.socketSetOption(socket, SOL_SOCKET, SO_REUSEPORT, on);
      if (!isV4) addon.socketSetOption(socket, IPPROTO_IPV6, IPV6_V6ONLY, on);
      addon.socketSetOption(socket, SOL_SOCKET, SO_BINDTODEVICE, Buffer.from(`${device.name}\0`));
      addon.socketBind(socket, isV4 ? address4(address, port) : address6(address, port, device.index));
      return socket;
    } catch (error) {
      addon.socketClose(socket);
      throw error;
    }
  });
}

/**
 * Lets others join in holding the port. Only now: a socket that is bound with SO_REUSEPORT would find no fault with one
 * that somebody else has bound so.
 */
export function shareUdpPort(addon: Addon, socket: NativeSocket): void {
  during('sharing a UDP port', () => addon.socketSetOption(socket, SOL_SOCKET, SO_REUSEPORT, intOption(1)));
}

/** struct sockaddr_in. */
function address4(address: Uint8Array, port: number): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AF_INET, true);
  view.setUint16(2, port);
  bytes.set(address, 4);
  return bytes;
}

/** struct sockaddr_in6; the scope matters for link-local addresses only. */
function address6(address: Uint8Array, port: number, interfaceIndex: number): Uint8Array {
  const bytes = new Uint8Array(28);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AF_INET6, true);
  view.setUint16(2, port);
  bytes.set(address, 8);
  view.setUint32(24, interfaceIndex, true);
  return bytes;
}
