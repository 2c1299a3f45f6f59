import { SystemError } from '../../errors.ts';
import { EBUSY, ENODEV } from '../kernel/errno.ts';
import type { AttachedProgram, LinkDetails } from '../kernel/interface-netlink.ts';
import { explainRefusal, privilegeFacts } from './privileges.ts';

/**
 * Why a program could not be attached. The kernel gives only an errno; which one means what was read off net/core/dev.c
 * (dev_xdp_attach) and drivers/net/veth.c (veth_xdp_set).
 */

/** How a program is attached: in the driver, or behind it on every interface alike. */
export type AttachMode = 'native' | 'generic';

/** An interface as far as it is known when attaching has failed. */
export interface AttachTarget {
  readonly index: number;
  /** As it was called, where that is known. */
  readonly name?: string | undefined;
  /** Undefined when it is gone, or cannot be asked. */
  readonly details: LinkDetails | undefined;
  /** A veth's peer, when it is in the same namespace. */
  readonly peer: LinkDetails | undefined;
}

/** The error for the code ('EBUSY') with which BPF_LINK_CREATE has failed. */
export function attachError(
  code: string,
  errno: number,
  syscall: string,
  mode: AttachMode,
  target: AttachTarget,
): SystemError {
  const name = target.details?.name ?? target.name ?? `number ${target.index}`;
  const operation = `attaching the XDP program to '${name}' in ${mode} mode`;
  // A number without an interface is an invalid argument to the kernel.
  if (target.details === undefined && code === 'EINVAL') {
    return attachError('ENODEV', -ENODEV, syscall, mode, target);
  }
  const taken = code === 'EBUSY' || code === 'EEXIST';
  const reason = taken ? foreignProgram(name, target) : explain(code, name, mode, target);
  // Both mean that somebody else is there; whoever falls back to another mode or engine has one code to look for.
  return taken
    ? new SystemError('EBUSY', -EBUSY, syscall, `${operation}: ${reason} (EBUSY, ${syscall})`)
    : new SystemError(code, errno, syscall, `${operation}: ${reason} (${code}, ${syscall})`);
}

function foreignProgram(name: string, { details }: AttachTarget): string {
  const programs = details?.programs ?? [];
  if (programs.length === 0) {
    return 'an interface on top of it (a bond, a bridge) has an XDP program already; nothing was replaced';
  }
  const ids = programs.map(({ id, mode }) => `id ${id}, ${mode} mode`).join('; ');
  const { id, mode } = programs[0];
  return (
    `it has an XDP program already (${ids}); nothing was replaced. 'bpftool prog show id ${id}' tells whose it is. ` +
    `One that is held by a BPF link, as etherconn's are, goes when its process ends, or with 'bpftool link detach' ` +
    `('bpftool link' lists them); others go with 'ip link set dev ${name} ${XDP_KEYWORDS[mode]} off'`
  );
}

/** What ip-link(8) calls the programs of a mode; plain 'xdp' would pass over generic ones where the driver has XDP. */
const XDP_KEYWORDS: Readonly<Record<AttachedProgram['mode'], string>> = {
  native: 'xdp',
  generic: 'xdpgeneric',
  offloaded: 'xdpoffload',
  unknown: 'xdp',
};

function explain(code: string, name: string, mode: AttachMode, { details, peer }: AttachTarget): string {
  const isVeth = details?.kind === 'veth' && mode === 'native';
  const peerName = peer?.name ?? 'PEER';
  switch (code) {
    case 'ENODEV':
      return 'there is no such interface in this network namespace any more';
    case 'EPERM':
    case 'EACCES':
      return explainRefusal(privilegeFacts());
    case 'EMFILE':
    case 'ENFILE':
      return "too many files are open: raise the limit ('ulimit -n', LimitNOFILE= of systemd), or close some";
    case 'ENOMEM':
      return 'the kernel has no memory for it';
    case 'ENOTSUP': // Node's name of EOPNOTSUPP
      return "its driver has no XDP of its own; mode 'generic' works on every driver";
    case 'ENOTCONN':
      if (isVeth) return 'it is a veth whose peer is gone';
      break;
    case 'ERANGE':
      if (isVeth) {
        return (
          `it is a veth, and the MTU of its peer${peer === undefined ? '' : ` (${peer.mtu})`} does not fit one page: ` +
          `'ip link set dev ${peerName} mtu 3000' on the peer, or Linux 5.18 here`
        );
      }
      break;
    case 'ENOSPC':
      if (isVeth) {
        return (
          'it is a veth with fewer receive queues than its peer has transmit queues: ' +
          `'ethtool -L ${name} rx N' on it, 'ethtool -L ${peerName} tx N' on the peer, or make the pair with ` +
          'numrxqueues and numtxqueues'
        );
      }
      break;
  }
  return mode === 'native'
    ? `its driver refuses, often for the MTU, the number of queues or LRO; the kernel's log may tell, and mode 'generic' works on every driver`
    : 'the kernel refuses';
}
