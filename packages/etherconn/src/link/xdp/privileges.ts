import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import { during } from '../../native/system-error.ts';

/** What AF_XDP needs that this process may lack, and how to say so. */

/** Numbers of linux/capability.h. */
const CAP_NET_ADMIN = 12;
const CAP_NET_RAW = 13;
const CAP_IPC_LOCK = 14;
const CAP_SYS_ADMIN = 21;
const CAP_BPF = 39;

/** First line of /proc/PID/uid_map in the initial user namespace: all ids are themselves. */
const INITIAL_USER_NAMESPACE = /^\s*0\s+0\s+4294967295\s*$/;
/** From here on BPF maps are charged to the control group, not to RLIMIT_MEMLOCK. */
const MEMORY_CONTROL_GROUPS = [5, 11] as const;

/** What decides whether bpf(2) is allowed. */
export interface PrivilegeFacts {
  /** Effective capabilities of the calling thread, a bit each. */
  readonly capabilities: bigint;
  /** bpf(2) knows only the capabilities of the initial user namespace. */
  readonly initialUserNamespace: boolean;
  /** As of uname -r. */
  readonly kernel: string;
  /** RLIMIT_MEMLOCK: bytes, or 'unlimited'. */
  readonly lockedMemory: string;
}

/** The facts of this process. Throws an EtherconnError where Node's permission model does not let it look. */
export function privilegeFacts(): PrivilegeFacts {
  const read = (path: string): string =>
    during('finding out what this process may do', () => readFileSync(path, 'latin1'));
  const status = read('/proc/thread-self/status');
  const limits = read('/proc/self/limits');
  return {
    capabilities: BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`),
    initialUserNamespace: INITIAL_USER_NAMESPACE.test(read('/proc/self/uid_map').trim()),
    kernel: release(),
    lockedMemory: /^Max locked memory\s+(\S+)/m.exec(limits)?.[1] ?? 'unknown',
  };
}

/** The capabilities that AF_XDP needs and that the facts lack, by name. CAP_SYS_ADMIN includes CAP_BPF. */
export function missingCapabilities(facts: PrivilegeFacts): string[] {
  const has = (capability: number) => (facts.capabilities & (1n << BigInt(capability))) !== 0n;
  const missing: string[] = [];
  if (!has(CAP_NET_RAW)) missing.push('CAP_NET_RAW');
  if (!has(CAP_NET_ADMIN) || !facts.initialUserNamespace) missing.push('CAP_NET_ADMIN');
  if (!(has(CAP_BPF) || has(CAP_SYS_ADMIN)) || !facts.initialUserNamespace) missing.push('CAP_BPF');
  return missing;
}

/** Bytes that may be locked in memory, as packet memory is; Infinity where nothing limits that. */
export function lockedMemoryLimit(facts: PrivilegeFacts): number {
  // The kernel asks for the capability of the initial user namespace.
  const exempt = facts.initialUserNamespace && (facts.capabilities & (1n << BigInt(CAP_IPC_LOCK))) !== 0n;
  const limit = Number.parseInt(facts.lockedMemory, 10);
  return exempt || Number.isNaN(limit) ? Number.POSITIVE_INFINITY : limit;
}

/** What AF_XDP needs and this process lacks, as a short sentence; undefined when it lacks nothing. */
export function shortOfPrivileges(facts: PrivilegeFacts): string | undefined {
  const missing = missingCapabilities(facts);
  if (missing.length === 0) return undefined;
  return `AF_XDP needs ${list(missing)}${facts.initialUserNamespace ? '' : ' outside a user namespace'}`;
}

/** Why bpf(2) answers EPERM, and what to do. */
export function explainRefusal(facts: PrivilegeFacts): string {
  const missing = missingCapabilities(facts);
  const instead = 'or use RawSocketRelay, which needs only CAP_NET_RAW';
  if (missing.length > 0) {
    const where = facts.initialUserNamespace
      ? 'run as root, or give them to the process'
      : 'the ones of a user namespace do not count for bpf(2): run outside of it with them';
    return `XDP programs need ${list(missing)}, which this process lacks (${where}), ${instead}`;
  }
  if (isOlder(facts.kernel, MEMORY_CONTROL_GROUPS) && facts.lockedMemory !== 'unlimited') {
    return (
      `RLIMIT_MEMLOCK (${facts.lockedMemory} bytes) is too small for the program's maps: raise it ` +
      "('ulimit -l unlimited', LimitMEMLOCK=infinity in a systemd unit), lower maxEndpoints, " +
      instead
    );
  }
  return `the capabilities are there, but a security policy (seccomp, lockdown, an LSM) forbids bpf(2): change it, ${instead}`;
}

function list(names: readonly string[]): string {
  return names.length < 2 ? names.join() : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

function isOlder(kernel: string, [major, minor]: readonly [number, number]): boolean {
  const [a = 0, b = 0] = kernel.split('.').map((part) => Number.parseInt(part, 10));
  return a < major || (a === major && b < minor);
}
