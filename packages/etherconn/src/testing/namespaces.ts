import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { addonStatus } from '../native/addon.ts';
import { orSkip } from './strict.ts';
import { toolEnvironment } from './tool-environment.ts';

/**
 * Network namespaces for tests and the demo, on any Linux machine: as root, or as an ordinary user inside
 * `unshare -Urn` (a running Node process cannot enter a user namespace itself).
 *
 * Each namespace is held by a child process that ends when its standard input closes, so that nothing is left
 * behind however we end, SIGKILL included: with the last process in it the namespace goes, and its interfaces.
 */

/** What a command printed. */
export interface CommandOutput {
  readonly stdout: string;
  readonly stderr: string;
}

/** A network namespace of the kernel, made for a test. */
export interface Namespace extends AsyncDisposable {
  /** Path for the `netns` option of links, and for nsenter. */
  readonly path: string;
  /** Process id of the holder. */
  readonly pid: number;
  /** Runs a command in the namespace and waits for it. Throws with its error output if it fails. */
  run(command: string, ...args: string[]): CommandOutput;
  /** Starts a command in the namespace. Its three streams are pipes. `close` kills it. */
  spawn(command: string, ...args: string[]): ChildProcess;
  /** Kills all spawned commands and releases the namespace. Harmless when repeated. */
  close(): Promise<void>;
}

/** One end of a veth pair. */
export interface VethEnd {
  readonly namespace: Namespace;
  /** Interface name. */
  readonly name: string;
  /** MAC address as text; the kernel's choice when undefined. */
  readonly mac?: string;
  /** With prefix length, like '10.0.0.1/24'. None by default. */
  readonly addresses?: readonly string[];
}

/** One end of a veth pair. */
export interface VethOptions {
  /** Bytes; default 1500. */
  readonly mtu?: number;
  /** RX and TX queues of both ends; default 1. */
  readonly queues?: number;
  /** Enables the kernel's IPv6 on the pair. Default false, so that an idle wire carries no frames at all. */
  readonly ipv6?: boolean;
}

/**
 * The reason why tests with namespaces, interfaces and packet sockets cannot run here, or false if they can. In the
 * form of node:test's `skip` option: `test('…', { skip: requireNamespaces() }, …)`. With ETHERCONN_TEST_STRICT=1 in
 * the environment it throws instead, as all of these functions do.
 */
export function requireNamespaces(): string | false {
  return orSkip(namespaceObstacle());
}

/** The same for programs that are no tests. Throws only when namespaces fail for another reason than what is lacking. */
export function namespaceObstacle(): string | false {
  cachedObstacle ??= findObstacle();
  return cachedObstacle;
}

let cachedObstacle: string | false | undefined;

/** What is said where the privilege or a part of the kernel is lacking. Anything else that fails is no reason to skip. */
const LACKING = /not permitted|[Pp]ermission denied|not supported|Unknown device type|not implemented/;

function findObstacle(): string | false {
  if (process.platform !== 'linux') return 'network namespaces need Linux';
  const addon = addonStatus();
  if (!addon.available) return addon.reason;
  for (const [command, origin] of [
    ['ip', 'iproute2'],
    ['nsenter', 'util-linux'],
    ['unshare', 'util-linux'],
  ]) {
    if (!hasCommand(command, '-V')) return `the '${command}' command (${origin}) is missing`;
  }
  const attempt = spawnSync(
    'unshare',
    ['-n', 'ip', 'link', 'add', 'name', 'a', 'type', 'veth', 'peer', 'name', 'b'],
    { env: toolEnvironment() },
  );
  if (attempt.status === 0) return false;
  const why = attempt.error?.message ?? attempt.stderr.toString().trim();
  const reason = `network namespaces cannot be made here (run as root, or under 'unshare -Urn'): ${why}`;
  if (!LACKING.test(why)) throw new Error(reason);
  return reason;
}

/** Why a test that compares with this program cannot run here; false when it can. */
export function requireCommand(command: string): string | false {
  return orSkip(hasCommand(command) ? false : `'${command}' is not installed`);
}

/** Whether a program is installed. Throws when that cannot be found out, which is no reason to skip a test. */
export function hasCommand(command: string, versionOption = '--version'): boolean {
  const error = spawnSync(command, [versionOption], { env: toolEnvironment() }).error as
    | NodeJS.ErrnoException
    | undefined;
  if (error !== undefined && error.code !== 'ENOENT') throw error;
  return error === undefined;
}

/** Creates a network namespace whose loopback interface is up. */
export async function openNamespace(): Promise<Namespace> {
  const holder = spawn('unshare', ['-n', 'sh', '-c', 'ip link set lo up && echo ready && exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: toolEnvironment(),
    // Ctrl-C on the terminal must not take the network away from a program that still cleans up.
    detached: true,
  });
  const namespace = new HeldNamespace(holder);
  const [first] = await Promise.race([once(holder.stdout!, 'data'), once(holder, 'exit')]);
  if (String(first).trim() !== 'ready')
    throw new Error('the process that holds the network namespace has ended');
  // The holder alone does not keep the test process alive.
  holder.unref();
  for (const stream of [holder.stdin, holder.stdout]) (stream as unknown as { unref(): void }).unref();
  return namespace;
}

/** Creates a veth pair between two namespaces, or within one, with both ends up. */
export function addVethPair(a: VethEnd, b: VethEnd, options: VethOptions = {}): void {
  const { mtu = 1500, queues = 1, ipv6 = false } = options;
  const shape = ['mtu', `${mtu}`, 'numrxqueues', `${queues}`, 'numtxqueues', `${queues}`];
  const mac = (end: VethEnd) => (end.mac === undefined ? [] : ['address', end.mac]);
  const near = ['name', a.name, ...mac(a), ...shape];
  const far = ['name', b.name, ...mac(b), ...shape, 'netns', `${b.namespace.pid}`];
  a.namespace.run('ip', 'link', 'add', ...near, 'type', 'veth', 'peer', ...far);
  for (const { namespace, name, addresses = [] } of [a, b]) {
    if (!ipv6) namespace.run('sh', '-c', `echo 1 > /proc/sys/net/ipv6/conf/${name}/disable_ipv6`);
    for (const address of addresses) namespace.run('ip', 'address', 'add', address, 'dev', name);
    namespace.run('ip', 'link', 'set', name, 'up');
  }
}

/** Frames that a program of the system has captured, as an oracle beside our own code. */
export interface Capture {
  /** Waits until that many frames are there, ends the capture, and returns them. Throws after 10 s. */
  frames(count: number): Promise<Buffer[]>;
  /** The capture as a classic pcap file, after `frames`. */
  readonly file: Buffer;
}

/**
 * Programs that capture, the better first: tcpdump gives up its privileges when it starts, which inside of a user
 * namespace it cannot, and so it ends.
 */
const CAPTURERS = [
  { command: 'dumpcap', ready: 'File: -', options: ['-q', '-P', '-w', '-'], filter: '-f' },
  {
    command: 'tcpdump',
    ready: 'listening on',
    options: ['-U', '--immediate-mode', '-w', '-'],
    filter: undefined,
  },
] as const;

/** Why tests that capture cannot run here; false when they can. */
export function requireCapture(): string | false {
  if (hasCommand('dumpcap')) return false;
  if (!hasCommand('tcpdump')) return orSkip("neither 'dumpcap' nor 'tcpdump' is installed");
  const inUserNamespace = !/^\s*0\s+0\s+4294967295\s*$/.test(readFileSync('/proc/self/uid_map', 'utf8'));
  return orSkip(
    inUserNamespace && "'dumpcap' is not installed, and 'tcpdump' does not work in a user namespace",
  );
}

/** Captures on an interface; resolves once the capture has begun. `filter` in tcpdump's language. */
export async function startCapture(
  namespace: Namespace,
  interfaceName: string,
  filter = '',
): Promise<Capture> {
  const { command, ready, options, filter: flag } = CAPTURERS[hasCommand('dumpcap') ? 0 : 1];
  const args: string[] = [...options, '-i', interfaceName];
  if (filter !== '') args.push(...(flag === undefined ? [] : [flag]), filter);
  const capture = new PipedCapture(namespace.spawn(command, ...args), ready);
  await capture.listening;
  return capture;
}

class HeldNamespace implements Namespace {
  readonly path: string;
  readonly pid: number;
  readonly #holder: ChildProcess;
  readonly #children = new Set<ChildProcess>();

  constructor(holder: ChildProcess) {
    this.#holder = holder;
    this.pid = holder.pid!;
    this.path = `/proc/${this.pid}/ns/net`;
  }

  run(command: string, ...args: string[]): CommandOutput {
    const result = spawnSync('nsenter', [`--net=${this.path}`, command, ...args], {
      encoding: 'utf8',
      env: toolEnvironment(),
    });
    if (result.error) throw result.error;
    if (result.status !== 0) {
      throw new Error(
        `${command} ${args.join(' ')}: status ${result.status}\n${result.stderr}${result.stdout}`,
      );
    }
    return { stdout: result.stdout, stderr: result.stderr };
  }

  spawn(command: string, ...args: string[]): ChildProcess {
    const child = spawn('nsenter', [`--net=${this.path}`, command, ...args], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: toolEnvironment(),
      detached: true,
    });
    this.#children.add(child);
    child.on('exit', () => this.#children.delete(child));
    return child;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async close(): Promise<void> {
    for (const child of [...this.#children, this.#holder]) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.ref();
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    }
  }
}

const FILE_HEADER = 24;
const RECORD_HEADER = 16;
const CAPTURE_TIMEOUT = 10_000;

class PipedCapture implements Capture {
  readonly listening: Promise<void>;
  file: Buffer = Buffer.alloc(0);
  readonly #child: ChildProcess;
  #more: () => void = () => {};

  constructor(child: ChildProcess, ready: string) {
    this.#child = child;
    let errors = '';
    this.listening = new Promise((resolve, reject) => {
      child.stderr!.on('data', (chunk: Buffer) => {
        errors += chunk;
        if (errors.includes(ready)) resolve();
      });
      child.on('exit', () => reject(new Error(`${child.spawnargs.join(' ')}: ${errors}`)));
      child.on('error', reject);
    });
    child.stdout!.on('data', (chunk: Buffer) => {
      this.file = Buffer.concat([this.file, chunk]);
      this.#more();
    });
  }

  async frames(count: number): Promise<Buffer[]> {
    const end = Date.now() + CAPTURE_TIMEOUT;
    try {
      while (this.#parse().length < count) {
        const left = end - Date.now();
        if (left <= 0) throw new Error(`captured ${this.#parse().length} of ${count} frames`);
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, left);
          this.#more = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
    } finally {
      this.#child.kill('SIGKILL');
    }
    return this.#parse();
  }

  #parse(): Buffer[] {
    const frames: Buffer[] = [];
    let at = FILE_HEADER;
    while (at + RECORD_HEADER <= this.file.length) {
      const end = at + RECORD_HEADER + this.file.readUInt32LE(at + 8);
      if (end > this.file.length) break;
      frames.push(this.file.subarray(at + RECORD_HEADER, end));
      at = end;
    }
    return frames;
  }
}
