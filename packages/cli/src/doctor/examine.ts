import type { Finding } from './finding.ts';
import { type System, thisSystem } from './system.ts';

/** Bits of the capability sets in /proc/self/status (linux/capability.h), and what needs them. */
const CAPABILITIES = [
  { name: 'CAP_NET_RAW', bit: 13n, use: 'opens AF_PACKET and AF_XDP sockets' },
  { name: 'CAP_NET_ADMIN', bit: 12n, use: 'sets up interfaces, attaches XDP programs' },
  { name: 'CAP_BPF', bit: 39n, use: 'loads XDP programs' },
] as const;

const TOOLS = [
  { name: 'ip', package: 'iproute2', use: 'makes the virtual interfaces of the demo and the tests' },
  { name: 'unshare', package: 'util-linux', use: 'makes network namespaces without root' },
  { name: 'nsenter', package: 'util-linux', use: 'runs programs in a network namespace' },
  { name: 'ethtool', package: 'ethtool', use: 'shows and sets offloads of an interface' },
  { name: 'tcpdump', package: 'tcpdump', use: 'captures what is on the wire' },
  { name: 'tshark', package: 'tshark', use: 'is compared with our decoder in the tests' },
] as const;

const MIN_NODE = [20, 19] as const;
const MIN_XDP_KERNEL = [5, 10] as const;
/** Frames of several chunks. */
const MIN_JUMBO_KERNEL = [6, 6] as const;

/** Looks at everything that decides what works here. Never throws, on no operating system. */
export async function examine(system: System = thisSystem): Promise<Finding[]> {
  const findings = [examineNode(system), MEMORY_LINK];
  if (system.platform !== 'linux') {
    findings.push({
      name: 'kernel links',
      state: 'missing',
      detail: `AF_XDP and AF_PACKET need Linux, this is ${system.platform}`,
      advice: 'captures, wire formats and the memory link work everywhere; for real interfaces use Linux',
    });
    return findings;
  }
  const addon = await examineAddon(system);
  const capabilities = examineCapabilities(system);
  const namespaces = examineNamespaces(system);
  findings.push(
    preventing(packetLink(addon, capabilities[0]!, namespaces)),
    xdpLink(system, addon),
    addon,
    ...capabilities,
    namespaces,
    examineKernel(system),
    ...TOOLS.map((tool) => examineTool(system, tool)),
  );
  return findings;
}

/** Without AF_PACKET there is no link to an interface at all. */
function preventing(link: Finding): Finding {
  return link.state === 'missing' ? { ...link, prevents: true } : link;
}

const MEMORY_LINK: Finding = {
  name: 'memory link',
  state: 'ok',
  detail: 'networks inside the process need nothing of the machine',
};

function examineNode(system: System): Finding {
  const name = 'Node.js';
  if (isAtLeast(system.nodeVersion, MIN_NODE)) return { name, state: 'ok', detail: system.nodeVersion };
  const detail = `${system.nodeVersion}, ${MIN_NODE.join('.')} or later is needed`;
  return { name, state: 'missing', detail, advice: 'install a newer Node.js', prevents: true };
}

async function examineAddon(system: System): Promise<Finding> {
  const name = 'native addon';
  const { available, reason } = await system.addon();
  return available ? { name, state: 'ok', detail: 'loads' } : { name, state: 'missing', detail: reason };
}

function examineCapabilities(system: System): Finding[] {
  const status = system.readFile('/proc/self/status') ?? '';
  const mask = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1];
  return CAPABILITIES.map(({ name, bit, use }): Finding => {
    if (mask === undefined) return { name, state: 'unknown', detail: '/proc/self/status does not tell' };
    if ((BigInt(`0x${mask}`) >> bit) & 1n) return { name, state: 'ok', detail: use };
    const advice =
      'run as root, or give it to the process as an ambient capability (systemd, capsh, container)';
    return { name, state: 'missing', detail: `this process does not have it; it ${use}`, advice };
  });
}

/** Settings that forbid user namespaces to ordinary users: path, forbidding value, remedy. */
const NAMESPACE_SETTINGS = [
  ['/proc/sys/user/max_user_namespaces', '0', 'sysctl -w user.max_user_namespaces=15000'],
  ['/proc/sys/kernel/unprivileged_userns_clone', '0', 'sysctl -w kernel.unprivileged_userns_clone=1'],
  [
    '/proc/sys/kernel/apparmor_restrict_unprivileged_userns',
    '1',
    'sysctl -w kernel.apparmor_restrict_unprivileged_userns=0',
  ],
] as const;

function examineNamespaces(system: System): Finding {
  const name = 'user namespaces';
  const unshare = system.findProgram('unshare');
  if (unshare === undefined) return { name, state: 'unknown', detail: 'unshare is not there to try them' };
  // Trying is the only sure way: sysctls, security modules and container runtimes all have a say.
  const failure = system.tryProgram(unshare, '--user', '--map-root-user', '--net', 'true');
  if (failure === '') return { name, state: 'ok', detail: 'a network of its own can be made without root' };
  const setting = NAMESPACE_SETTINGS.find(
    ([path, forbidding]) => system.readFile(path)?.trim() === forbidding,
  );
  return {
    name,
    state: 'missing',
    detail: failure,
    ...(setting === undefined
      ? { advice: 'the container runtime or a security module forbids them' }
      : { advice: `as root: ${setting[2]}`, repair: setting[2] }),
  };
}

function packetLink(addon: Finding, netRaw: Finding, namespaces: Finding): Finding {
  const name = 'AF_PACKET link';
  if (addon.state !== 'ok') return { name, state: 'missing', detail: 'needs the native addon, see below' };
  if (netRaw.state === 'ok')
    return { name, state: 'ok', detail: 'on every interface of this network namespace' };
  if (namespaces.state === 'ok') {
    return {
      name,
      state: 'ok',
      detail: 'in a user namespace only: this process does not have CAP_NET_RAW',
      advice: 'unshare --user --map-root-user --net gives a shell with a network of its own',
    };
  }
  return { name, state: 'missing', detail: 'needs CAP_NET_RAW, see below' };
}

/** Capabilities that AF_XDP needs, each with those that include it (linux/capability.h). */
const XDP_CAPABILITIES = [
  { name: 'CAP_NET_RAW', bits: [13n] },
  { name: 'CAP_NET_ADMIN', bits: [12n] },
  { name: 'CAP_BPF', bits: [39n, 21n] },
] as const;

/** Exempts from the limit of locked memory, which packet memory counts against. */
const CAP_IPC_LOCK = 14n;
/** What the smallest rings on one queue take; and twice what the usual ones do, as a relay takes half of the limit. */
const LEAST_LOCKED = 128 << 10;
const USUAL_LOCKED = 32 << 20;

/** A line of /proc/self/uid_map in the first user namespace: every id is itself. */
const FIRST_USER_NAMESPACE = /^0 0 4294967295$/;

function xdpLink(system: System, addon: Finding): Finding {
  const name = 'AF_XDP link';
  const missing = (detail: string, advice?: string): Finding =>
    advice === undefined ? { name, state: 'missing', detail } : { name, state: 'missing', detail, advice };
  if (addon.state !== 'ok') return missing('needs the native addon, see below');
  if (!isAtLeast(system.release, MIN_XDP_KERNEL)) return missing('needs a newer kernel, see below');
  const protocols = system.readFile('/proc/net/protocols');
  if (protocols !== undefined && !/^XDP\b/m.test(protocols)) {
    return missing('this kernel was built without AF_XDP sockets (CONFIG_XDP_SOCKETS)');
  }
  const mask = /^CapEff:\s*([0-9a-f]+)$/m.exec(system.readFile('/proc/self/status') ?? '')?.[1];
  if (mask === undefined) return { name, state: 'unknown', detail: '/proc/self/status does not tell' };
  const has = (bit: bigint) => ((BigInt(`0x${mask}`) >> bit) & 1n) === 1n;
  const lacking = XDP_CAPABILITIES.filter(({ bits }) => !bits.some(has)).map((capability) => capability.name);
  const instead = 'Relay.open() and the demo take AF_PACKET instead';
  if (lacking.length > 0) return missing(`needs ${lacking.join(', ')}, see below`, instead);
  const ids = system.readFile('/proc/self/uid_map')?.trim().split(/\s+/).join(' ');
  if (ids !== undefined && !FIRST_USER_NAMESPACE.test(ids)) {
    return missing('XDP programs cannot be loaded in a user namespace, whatever its capabilities', instead);
  }
  const locked = lockedMemory(system, has(CAP_IPC_LOCK));
  if (locked < LEAST_LOCKED) {
    return missing(
      `needs ${LEAST_LOCKED >> 10} KiB of locked memory at least, the limit is ${locked >> 10} KiB`,
      `raise it (ulimit -l, LimitMEMLOCK= of systemd), or give CAP_IPC_LOCK; ${instead}`,
    );
  }
  const jumbo = isAtLeast(system.release, MIN_JUMBO_KERNEL);
  const limit = jumbo ? '' : `; frames over one chunk (4096 bytes) need ${MIN_JUMBO_KERNEL.join('.')}`;
  const detail = `generic mode on every interface, native where the driver has it${limit}`;
  if (locked >= USUAL_LOCKED) return { name, state: 'ok', detail };
  return {
    name,
    state: 'ok',
    detail: `${detail}; with smaller rings than usual: the limit of locked memory is ${locked >> 10} KiB`,
    advice: 'for more room raise it (ulimit -l, LimitMEMLOCK= of systemd), or give CAP_IPC_LOCK',
  };
}

/** RLIMIT_MEMLOCK in bytes; Infinity where it does not matter, or is not told. */
function lockedMemory(system: System, exempt: boolean): number {
  const limits = exempt ? '' : (system.readFile('/proc/self/limits') ?? '');
  const bytes = Number.parseInt(/^Max locked memory\s+(\S+)/m.exec(limits)?.[1] ?? '', 10);
  return Number.isNaN(bytes) ? Number.POSITIVE_INFINITY : bytes;
}

function examineKernel(system: System): Finding {
  const name = 'kernel';
  const needed = `AF_XDP needs ${MIN_XDP_KERNEL.join('.')} or later`;
  const detail = `Linux ${system.release}; ${needed}`;
  return isAtLeast(system.release, MIN_XDP_KERNEL)
    ? { name, state: 'ok', detail }
    : { name, state: 'missing', detail, advice: 'AF_PACKET works on this kernel too' };
}

function examineTool(system: System, tool: (typeof TOOLS)[number]): Finding {
  const path = system.findProgram(tool.name);
  if (path !== undefined) return { name: tool.name, state: 'ok', detail: path };
  const repair = `apt install ${tool.package}`;
  const advice = `on Debian: ${repair}`;
  return { name: tool.name, state: 'missing', detail: `not found; it ${tool.use}`, advice, repair };
}

/** Whether a version like '20.19.1' or '6.18.0-rc1' is at least `[major, minor]`. */
function isAtLeast(version: string, [major, minor]: readonly [number, number]): boolean {
  const parts = /^(\d+)\.(\d+)/.exec(version);
  if (parts === null) return false;
  const found = Number(parts[1]);
  return found > major || (found === major && Number(parts[2]) >= minor);
}
