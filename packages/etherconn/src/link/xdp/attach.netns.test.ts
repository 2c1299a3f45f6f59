import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { loadAddon } from '../../native/addon.ts';
import { requireBpf } from '../../test-support/bpf.ts';
import { eventually } from '../../test-support/eventually.ts';
import type { SteeringWorker } from '../../test-support/hold-steering.ts';
import { verdictOf } from '../../test-support/steering-probe.ts';
import { FAR, NEAR, openVethBench, type VethBench } from '../../test-support/veth-links.ts';
import { requireBpfMount } from '../../test-support/xdp-bench.ts';
import { orSkip } from '../../testing/strict.ts';
import { type AttachedProgram, queryLink } from '../kernel/interface-netlink.ts';
import { openRouteSocket } from '../kernel/netlink.ts';
import { SOCK_RAW } from '../kernel/socket-numbers.ts';
import type { Station } from '../link.ts';
import type { AttachMode } from './attach-error.ts';
import { AF_XDP } from './if-xdp.ts';
import { queueMask, SteeringProgram } from './program.ts';

/** The steering program on interfaces: attached, refused, shared, and gone when its holder is. */

const skip = requireBpf();
const MODES: readonly AttachMode[] = ['native', 'generic'];
const HOLDER = fileURLToPath(new URL('../../test-support/hold-steering.js', import.meta.url));
const PROGRAM = new URL('./program.js', import.meta.url).href;
const ADDON = new URL('../../native/addon.js', import.meta.url).href;
const PROBE = new URL('../../test-support/steering-probe.js', import.meta.url).href;
const OPTIONS = { endpoints: 1000, queues: 4, frags: false };
const ANY_BYTES = 4000;

describe('steering program on interfaces', { skip }, () => {
  const addon = skip === false ? loadAddon() : undefined!;
  let bench: VethBench;
  let namespaceFd: number;
  let near: number;

  before(async () => {
    bench = await openVethBench({ queues: 4 });
    namespaceFd = openSync(bench.near.path, 'r');
    near = indexOf(bench, NEAR);
  });
  after(async () => {
    closeSync(namespaceFd);
    await bench.close();
  });

  function indexOf({ near: namespace }: VethBench, name: string): number {
    return Number(namespace.run('ip', '-o', 'link', 'show', name).stdout.split(':')[0]);
  }

  function programs(index = near, fd = namespaceFd): readonly AttachedProgram[] {
    const socket = openRouteSocket(addon, fd);
    try {
      return queryLink(addon, socket, index)!.programs;
    } finally {
      addon.socketClose(socket);
    }
  }

  for (const queues of [1, 4]) {
    for (const mode of MODES) {
      test(`${mode} on a veth with ${queues} queues; detached at close`, async () => {
        const pair = await openVethBench({ queues });
        const fd = openSync(pair.near.path, 'r');
        const index = indexOf(pair, NEAR);
        const program = SteeringProgram.load(addon, { ...OPTIONS, queues });
        assert.equal(program.attached, false);
        program.attach(index, fd, mode);
        assert.equal(program.attached, true);
        assert.deepEqual(
          programs(index, fd).map((attached) => attached.mode),
          [mode],
        );
        assert.throws(() => program.attach(index, fd, mode), /attached already/);
        program.detach();
        program.detach();
        assert.deepEqual(programs(index, fd), []);
        program.attach(index, fd, mode);
        program.close();
        program.close();
        assert.deepEqual(programs(index, fd), []);
        closeSync(fd);
        await pair.close();
      });
    }
  }

  for (const mode of MODES) {
    test(`${mode}: what is for nobody here goes on to the kernel, and is counted`, async () => {
      const pair = await openVethBench({ queues: 4 });
      const fd = openSync(pair.near.path, 'r');
      pair.near.run('ip', 'address', 'add', '10.0.0.1/24', 'dev', NEAR);
      pair.far.run('ip', 'address', 'add', '10.0.0.2/24', 'dev', FAR);
      const program = SteeringProgram.load(addon, OPTIONS);
      program.attach(indexOf(pair, NEAR), fd, mode);
      pair.far.run('ping', '-c', '3', '-i', '0.01', '-W', '5', '10.0.0.1');
      // Having had one answer, ping does not wait for the others, and a busy kernel takes its time.
      await eventually('all three questions', () => program.counters()!.noEndpoint >= 3);
      const { redirected, passed, group, noEndpoint } = program.counters()!;
      assert.equal(redirected, 0);
      assert.ok(group >= 1, `group ${group}, noEndpoint ${noEndpoint}`);
      assert.equal(passed, group + noEndpoint);
      program.close();
      closeSync(fd);
      await pair.close();
    });

    test(`${mode}: a program that is there already is named, and left alone`, () => {
      const foreign = SteeringProgram.load(addon, OPTIONS);
      foreign.attach(near, namespaceFd, mode);
      const [{ id }] = programs();
      const program = SteeringProgram.load(addon, OPTIONS);
      for (const wanted of MODES) {
        assert.throws(() => program.attach(near, namespaceFd, wanted), {
          name: 'SystemError',
          code: 'EBUSY',
          message: new RegExp(
            `'${NEAR}' in ${wanted} mode: .*\\(id ${id}, ${mode} mode\\); nothing was replaced`,
          ),
        });
      }
      assert.equal(program.attached, false);
      assert.deepEqual(programs(), [{ id, mode }]);
      foreign.close();
      program.attach(near, namespaceFd, 'generic');
      program.close();
    });

    test(`${mode}: detached when the process that holds it is killed`, async () => {
      const child = spawn(process.execPath, [HOLDER, `${near}`, bench.near.path, mode], {
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      assert.equal(String((await once(child.stdout, 'data'))[0]).trim(), 'open');
      assert.deepEqual(
        programs().map((attached) => attached.mode),
        [mode],
      );
      child.kill('SIGKILL');
      await once(child, 'exit');
      await eventually('detached', () => programs().length === 0);
    });
  }

  test('refusals of a veth, each with what to do', async () => {
    const program = SteeringProgram.load(addon, OPTIONS);
    const attach = (mode: AttachMode = 'native') => program.attach(near, namespaceFd, mode);
    bench.near.run('ethtool', '-L', NEAR, 'rx', '2');
    assert.throws(attach, { code: 'ENOSPC', message: /fewer receive queues.*ethtool -L near0 rx/ });
    bench.near.run('ethtool', '-L', NEAR, 'rx', '4');
    bench.far.run('ip', 'link', 'set', FAR, 'mtu', `${ANY_BYTES}`);
    assert.throws(attach, { code: 'ERANGE', message: /MTU of its peer/ });
    const jumbo = SteeringProgram.load(addon, { ...OPTIONS, frags: true });
    jumbo.attach(near, namespaceFd, 'native');
    jumbo.close();
    attach('generic');
    program.detach();
    bench.far.run('ip', 'link', 'set', FAR, 'mtu', '1500');
    attach();
    program.close();
  });

  test('refusals of others', () => {
    const program = SteeringProgram.load(addon, OPTIONS);
    assert.throws(() => program.attach(1, namespaceFd, 'native'), {
      code: 'ENOTSUP',
      message: /'lo' in native/,
    });
    assert.throws(() => program.attach(4711, namespaceFd, 'native'), {
      code: 'ENODEV',
      message: /no such interface/,
    });
    program.attach(1, namespaceFd, 'generic');
    program.close();
    assert.throws(() => SteeringProgram.load(addon, { ...OPTIONS, endpoints: 2 ** 31 - 1 }), {
      name: 'SystemError',
      message: /lower maxEndpoints/,
    });
  });

  test('loads while a profiler interrupts the verifier again and again', () => {
    const folder = mkdtempSync(join(tmpdir(), 'etherconn-profile-'));
    const profile = ['--cpu-prof', '--cpu-prof-interval', '100', '--cpu-prof-dir', folder];
    const { stdout, stderr } = spawnSync(process.execPath, [...profile, HOLDER], {
      encoding: 'utf8',
      input: '',
    });
    rmSync(folder, { recursive: true });
    assert.equal(stdout.trim(), 'open', stderr);
  });

  test('nothing stays open', () => {
    const descriptors = () => readdirSync('/proc/self/fd').length;
    const before = descriptors();
    for (let i = 0; i < 3; i++) {
      const program = SteeringProgram.load(addon, OPTIONS);
      program.attach(near, namespaceFd, 'native');
      SteeringProgram.share(addon, program.share()).close();
      assert.throws(() => SteeringProgram.share(addon, { xskMapFd: namespaceFd }));
      program.close();
    }
    assert.equal(descriptors(), before);
  });

  describe('shared', () => {
    const frame = (macLow: number, etherType: number): Uint8Array => {
      const bytes = new Uint8Array(60);
      const view = new DataView(bytes.buffer);
      view.setUint32(0, 0x02000000);
      view.setUint16(4, macLow);
      view.setUint16(12, etherType);
      return bytes;
    };
    const station = (macLow: number, ...etherTypes: number[]): Station => {
      return { macHigh: 0x02000000, macLow, vlanKey: 0, etherTypes };
    };

    test('threads change their own queues at the same time, and one that ends takes only its own back', async (context) => {
      const program = SteeringProgram.load(addon, OPTIONS);
      program.attach(near, namespaceFd, 'native');
      const sockets = [0, 1, 2, 3].map(() => addon.socketOpen(AF_XDP, SOCK_RAW, 0, namespaceFd));
      for (const [queue, socket] of sockets.entries()) program.setSocket(queue, addon.socketFd(socket));
      const stations = 300;
      const workers = [0, 1, 2].map((queue) => {
        // Two of them want the same EtherType.
        const etherType = [0x0800, 0x0806, 0x0800][queue];
        const data: SteeringWorker = { program: program.share(), queue, etherType, stations, rounds: 40 };
        return new Worker(HOLDER, { workerData: data });
      });
      context.after(async () => {
        await Promise.all(workers.map((worker) => worker.terminate()));
        program.close();
      });
      await Promise.all(workers.map((worker) => once(worker, 'message')));
      const takers = (macLow: number, etherType: number) =>
        [0, 1, 2, 3].filter((queue) => {
          const options = { interfaceIndex: near, queue, namespaceFd };
          return verdictOf(program, frame(macLow, etherType), options) === 'redirect';
        });
      for (let i = 0; i < stations; i++) {
        assert.deepEqual([takers(i, 0x0800), takers(i, 0x0806)], [[0, 2], [1]], `station ${i}`);
      }
      // By close.
      workers[0].postMessage('close');
      await once(workers[0], 'exit');
      for (let i = 0; i < stations; i++) assert.deepEqual([takers(i, 0x0800), takers(i, 0x0806)], [[2], [1]]);
      // A terminated one leaves its wishes, which then find no socket.
      await workers[1].terminate();
      program.clearSocket(1);
      assert.deepEqual(takers(7, 0x0806), []);
      // What this thread has is its own business, and the program outlives who has loaded it.
      program.update([station(1, 0x0800)], [], queueMask([3]));
      assert.deepEqual(takers(1, 0x0800), [2, 3]);
      program.close();
      assert.equal(programs().length, 1);
      await workers[2].terminate();
      assert.deepEqual(programs(), []);
      for (const socket of sockets) addon.socketClose(socket);
    });

    test('full for all together', () => {
      const one = SteeringProgram.load(addon, { ...OPTIONS, endpoints: 5 });
      const two = SteeringProgram.share(addon, one.share());
      const socket = addon.socketOpen(AF_XDP, SOCK_RAW, 0, namespaceFd);
      one.setSocket(0, addon.socketFd(socket));
      const verdict = (macLow: number) => verdictOf(one, frame(macLow, 0x0800));
      one.update([station(1, 0x0800), station(2, 0x0800), station(3, 0x0800)], [], 1n);
      two.update([station(1, 0x0800), station(4, 0x0800)], [], 2n);
      const more = [station(5, 0x0800), station(6, 0x0800)];
      assert.throws(() => two.update(more, [], 2n), { code: 'ERR_ETHERCONN_LIMIT' });
      assert.equal(two.size, 2);
      assert.deepEqual([verdict(1), verdict(3)], ['redirect', 'redirect']);
      // What had been put in of the refused ones is out again: one more fits.
      one.update([station(7, 0x0800)], [], 1n);
      assert.equal(verdict(7), 'redirect');
      assert.throws(() => one.update([station(8, 0x0800)], [], 1n), { code: 'ERR_ETHERCONN_LIMIT' });
      two.close();
      one.update([station(8, 0x0800)], [], 1n);
      assert.equal(verdict(8), 'redirect');
      one.close();
      addon.socketClose(socket);
    });

    test('what one thread was promised, another does not get', () => {
      const one = SteeringProgram.load(addon, { ...OPTIONS, endpoints: 3 });
      const [a, b, c, d] = [1, 2, 3, 4].map((low) => station(low, 0x0800));
      one.admit([a], 1n);
      const two = SteeringProgram.share(addon, one.share());
      two.admit([b, c], 2n);
      assert.throws(() => one.admit([d], 1n), {
        code: 'ERR_ETHERCONN_LIMIT',
        message: /1 of at most 3 are there, beside those of other threads; raise maxEndpoints/,
      });
      one.admit([station(2, 0x0806)], 1n);
      one.update([a], [], 1n);
      assert.throws(() => one.update([d], [], 1n), { code: 'ERR_ETHERCONN_LIMIT' });
      two.update([b], [], 2n);
      one.update([d], [], 1n);
      assert.deepEqual([one.size, two.size], [2, 1]);
      two.close();
      one.close();
    });

    test('more EtherTypes together than an endpoint can name', () => {
      const one = SteeringProgram.load(addon, OPTIONS);
      const two = SteeringProgram.share(addon, one.share());
      const socket = addon.socketOpen(AF_XDP, SOCK_RAW, 0, namespaceFd);
      one.setSocket(0, addon.socketFd(socket));
      const verdict = (etherType: number) => verdictOf(one, frame(1, etherType));
      two.update([station(1, 0x0601, 0x0602, 0x0603, 0x0604, 0x0605)], [], 2n);
      one.update([station(1, 0x0605, 0x0606)], [], 1n);
      assert.deepEqual([0x0604, 0x0605, 0x0606, 0x0607].map(verdict), [
        'pass',
        'redirect',
        'redirect',
        'pass',
      ]);
      one.update([station(1, 0x0607)], [], 1n);
      assert.deepEqual([0x0605, 0x0606, 0x0607, 0x9999].map(verdict), Array(4).fill('redirect'));
      two.close();
      one.update([], [station(1, 0x0606)], 1n);
      assert.deepEqual([0x0605, 0x0606, 0x0607, 0x9999].map(verdict), [
        'redirect',
        'pass',
        'redirect',
        'pass',
      ]);
      one.close();
      addon.socketClose(socket);
    });

    test('services and taking all, of each thread its own', () => {
      const one = SteeringProgram.load(addon, OPTIONS);
      const two = SteeringProgram.share(addon, one.share());
      const service = {
        macHigh: 0x02000000,
        macLow: 1,
        vlanKey: 0,
        address: Uint8Array.of(10, 0, 0, 1),
        port: 5,
      };
      one.addService(service, 1n);
      two.addService(service, 2n);
      two.setTakeAll(true, 2n);
      const udp = Buffer.concat([
        frame(1, 0x0800).subarray(0, 14),
        Buffer.from('4500001c00000000401100000a0000020a0000010001000500080000', 'hex'),
      ]);
      const before = one.counters()!;
      assert.equal(verdictOf(one, udp), 'pass');
      assert.equal(one.counters()!.noSocket, before.noSocket + 1);
      one.close();
      assert.equal(verdictOf(two, udp), 'pass');
      assert.equal(two.counters()!.otherQueue, before.otherQueue + 1);
      two.close();
    });

    test('with the map of sockets alone, somebody else steers', () => {
      const theirs = SteeringProgram.load(addon, OPTIONS);
      theirs.setTakeAll(true);
      const { xskMapFd } = theirs.share();
      const program = SteeringProgram.share(addon, { xskMapFd });
      assert.deepEqual([program.steers, program.queues, program.counters()], [false, 4, null]);
      const socket = addon.socketOpen(AF_XDP, SOCK_RAW, 0, namespaceFd);
      program.setSocket(0, addon.socketFd(socket));
      assert.equal(verdictOf(theirs, frame(1, 0x0800)), 'redirect');
      program.update([station(1, 0x0800)], [], 1n);
      program.setTakeAll(false);
      assert.throws(() => program.attach(near, namespaceFd, 'native'), /somebody else steers/);
      assert.throws(() => verdictOf(program, frame(1, 0x0800)), /somebody else steers/);
      assert.deepEqual(program.share().steering, undefined);
      program.close();
      assert.equal(verdictOf(theirs, frame(1, 0x0800)), 'redirect');
      theirs.close();
      addon.socketClose(socket);
    });

    test('what is no map of sockets', () => {
      const theirs = SteeringProgram.load(addon, OPTIONS);
      const { steering } = theirs.share();
      for (const [fd, reason] of [
        [steering!.endpointsFd, /xskMapFd: must be a BPF map of type XSKMAP, got a BPF map of type 1/],
        [steering!.programFd, /got 'bpf-prog'/],
        [namespaceFd, /type XSKMAP, got 'net:/],
        [123_456, /open file descriptor, got 123456/],
      ] as const) {
        assert.throws(() => SteeringProgram.share(addon, { xskMapFd: fd }), {
          name: 'OptionError',
          message: reason,
        });
      }
      assert.throws(() => SteeringProgram.share(addon, { xskMapPath: '/proc/self/nothing' }), {
        code: 'ENOENT',
        message:
          "opening xskMapPath '/proc/self/nothing': nothing is pinned there (ENOENT, bpf(BPF_OBJ_GET))",
      });
      theirs.close();
    });

    test('a pinned map of sockets', { skip: requireBpfMount() }, () => {
      // The BPF file system is mounted in a mount namespace of the child's own.
      const script = `
        const { SteeringProgram } = await import('${PROGRAM}');
        const { loadAddon } = await import('${ADDON}');
        const { pinSockets, verdictOf } = await import('${PROBE}');
        const addon = loadAddon();
        const theirs = SteeringProgram.load(addon, ${JSON.stringify(OPTIONS)});
        theirs.setTakeAll(true);
        pinSockets(theirs, '/mnt/xsks');
        const program = SteeringProgram.share(addon, { xskMapPath: '/mnt/xsks' });
        const socket = addon.socketOpen(${AF_XDP}, ${SOCK_RAW}, 0, -1);
        program.setSocket(0, addon.socketFd(socket));
        console.log(program.steers, program.queues, verdictOf(theirs, new Uint8Array(60)));
      `;
      const command = `mount -t bpf bpf /mnt && exec "$0" --input-type=module -e "$1"`;
      const args = ['-m', '-n', 'sh', '-c', command, process.execPath, script];
      const { stdout, stderr } = spawnSync('unshare', args, { encoding: 'utf8' });
      assert.equal(stdout.trim(), 'false 4 redirect', stderr);
    });
  });
});

describe('steering program without privileges', { skip: requireUnprivileged() }, () => {
  const NOBODY = ['--reuid=65534', '--regid=65534', '--clear-groups'];
  const output = (...args: string[]) => {
    const { stdout, stderr } = spawnSync('setpriv', args, { encoding: 'utf8', input: '' });
    return stdout.trim() || stderr;
  };

  test('an ordinary user is told what is missing, and of the other relay', () => {
    const text = output(...NOBODY, process.execPath, HOLDER);
    assert.match(text, /CAP_NET_RAW, CAP_NET_ADMIN and CAP_BPF.*run as root.*RawSocketRelay/);
  });

  test('in a user namespace, too', () => {
    const text = output(...NOBODY, 'unshare', '-Urn', process.execPath, HOLDER);
    assert.match(text, /CAP_NET_ADMIN and CAP_BPF.*user namespace do not count.*RawSocketRelay/);
  });

  test('the capabilities that are named are enough', () => {
    const some = '-all,+bpf,+net_admin,+net_raw';
    const caps = [`--inh-caps=${some}`, `--ambient-caps=${some}`, `--bounding-set=${some}`];
    assert.equal(output(...NOBODY, ...caps, process.execPath, HOLDER), 'open');
    // A whole relay with the usual limit of locked memory, under which the usual rings do not fit.
    const script = `
      import { XDPRelay } from '${new URL('../../index.js', import.meta.url).href}';
      for (const queues of [1, 2]) {
        const relay = await XDPRelay.open('v' + queues);
        const { chunks, umemBytes, reduced } = relay.info();
        console.log(relay.numSocket(), chunks < 8192, umemBytes <= 4 << 20, /RLIMIT_MEMLOCK/.test(reduced));
      }
      process.exit();
    `;
    const setUp =
      'for n in 1 2; do ip link add v$n numrxqueues $n numtxqueues $n type veth peer name p$n && ' +
      'ip link set v$n up; done; ulimit -l 8192 && exec setpriv "$@"';
    const node = [process.execPath, '--input-type=module', '-e', script];
    const opened = spawnSync('unshare', ['-n', 'sh', '-c', setUp, 'sh', ...NOBODY, ...caps, ...node], {
      encoding: 'utf8',
    });
    assert.equal(opened.stdout.trim(), '1 true true true\n2 true true true', opened.stderr);
    const fewer = '-all,+bpf,+net_raw';
    const less = [`--inh-caps=${fewer}`, `--ambient-caps=${fewer}`, `--bounding-set=${fewer}`];
    assert.match(output(...NOBODY, ...less, process.execPath, HOLDER), /programs need CAP_NET_ADMIN, which/);
  });
});

/** Dropping privileges needs them first, and the ordinary user must be able to read the compiled library. */
function requireUnprivileged(): string | false {
  if (skip !== false) return skip;
  const args = ['--reuid=65534', '--regid=65534', '--clear-groups', 'test', '-r', HOLDER];
  const { error, status } = spawnSync('setpriv', args);
  if (error !== undefined) return orSkip("the 'setpriv' command (util-linux) is missing");
  return status === 0 ? false : 'an ordinary user cannot read the compiled library here';
}
