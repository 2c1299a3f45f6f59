/**
 * The compilers of the prebuilt addons: Debian's gcc for x64 and for arm64. For musl the same compilers take the headers
 * of Debian's musl-dev, and link against nothing but the libc.so of its package musl; Debian has no gcc for musl on arm64.
 * The musl packages are fetched and unpacked below node_modules/.cache, so that no foreign architecture is added to the
 * system, and no root is needed.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** By process.arch: the tuple of Debian's compiler, Debian's name, musl's name, and arguments of the compiler. */
const MACHINES = {
  x64: { tuple: 'x86_64-linux-gnu', debian: 'amd64', musl: 'x86_64-linux-musl', args: [] },
  arm64: {
    tuple: 'aarch64-linux-gnu',
    debian: 'arm64',
    musl: 'aarch64-linux-musl',
    // Their start code calls a function that only glibc has. What is atomic here is a number that is read once.
    args: ['-mno-outline-atomics'],
  },
};
const KERNEL_HEADERS = ['linux/if_packet.h', 'asm/errno.h', 'asm-generic/errno.h'];

const cache = fileURLToPath(new URL('../../node_modules/.cache/prebuilds/', import.meta.url));

/** The parts of 'linux-arm64-musl'. */
export function partsOf(target) {
  const [, arch, libc] = target.split('-');
  return { arch, libc, ...MACHINES[arch] };
}

/** Whether the compiler for a target is here: undefined, or what is missing and how to get it. */
export function obstacle(target) {
  const { tuple } = partsOf(target);
  if (spawnSync(`${tuple}-gcc`, ['--version']).error) {
    return `${tuple}-gcc is not installed (sh scripts/setup-tools.sh --cross)`;
  }
  const probe = KERNEL_HEADERS.concat('errno.h').map((header) => `#include <${header}>\n`);
  const args = ['-E', '-x', 'c', '-o', '/dev/null', '-'];
  if (spawnSync(`${tuple}-gcc`, args, { input: probe.join('') }).status !== 0) {
    return `${tuple}-gcc finds no headers (sh scripts/setup-tools.sh --cross)`;
  }
  return undefined;
}

/** How to compile for a target, as arguments of compile(). Throws when something cannot be had. */
export function toolchain(target) {
  const { tuple, libc, musl, args } = partsOf(target);
  const command = `${tuple}-gcc`;
  if (libc === 'glibc') return { command, before: args };
  const { include, lib } = muslFolders(target);
  const own = output(command, '-print-file-name=include');
  const headers = [
    '-nostdinc',
    '-isystem',
    include,
    '-isystem',
    own,
    '-idirafter',
    kernelHeaders(command, musl),
  ];
  return {
    command,
    before: [...args, ...headers, '-nostdlib'],
    // What the compiler itself calls is in libgcc.a.
    after: ['-L', lib, '-l:libc.so', '-lgcc'],
  };
}

/** Where Debian's musl for a target is unpacked, fetched when it is not there: its headers, its libc.so, its start files. */
export function muslFolders(target) {
  const { debian, musl } = partsOf(target);
  const folder = join(cache, musl);
  if (!existsSync(folder)) fetchPackages(debian, ['musl', 'musl-dev'], folder);
  const found = {
    include: join(folder, 'usr/include', musl),
    lib: join(folder, 'lib', musl),
    start: join(folder, 'usr/lib', musl),
  };
  return found;
}

/** The folders of the kernel's headers alone, without those of glibc beside them. */
function kernelHeaders(command, musl) {
  const folder = join(cache, `${musl}-kernel`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const input = KERNEL_HEADERS.map((header) => `#include <${header}>\n`).join('');
  const rule = output(command, '-M', '-x', 'c', '-', { input });
  const files = rule.split(/[\s\\]+/);
  for (const header of KERNEL_HEADERS) {
    const file = files.find((name) => name.endsWith(`/${header}`));
    symlinkSync(dirname(file), join(folder, dirname(header)));
  }
  return folder;
}

/** Unpacks Debian packages of an architecture into a folder, with package lists of their own. */
function fetchPackages(architecture, packages, folder) {
  const work = `${folder}.${process.pid}.tmp`;
  const lists = join(work, 'lists');
  const archives = join(work, 'cache');
  mkdirSync(join(lists, 'partial'), { recursive: true });
  mkdirSync(join(archives, 'archives/partial'), { recursive: true });
  const settings = {
    'APT::Architecture': architecture,
    'APT::Architectures': architecture,
    'Dir::State::lists': lists,
    'Dir::Cache': archives,
    // root may read what the user of downloads may not.
    'APT::Sandbox::User': '',
  };
  const options = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  try {
    output('apt-get', '-q', ...options, 'update');
    output('apt-get', '-q', ...options, 'download', ...packages, { cwd: work });
    const root = join(work, 'root');
    for (const name of readdirSync(work).filter((file) => file.endsWith('.deb'))) {
      output('dpkg-deb', '-x', join(work, name), root);
    }
    renameSync(root, folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** What a program prints; the last argument may be options of spawnSync. */
function output(command, ...args) {
  const options = typeof args.at(-1) === 'object' ? args.pop() : {};
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', ...options });
  if (status === 0) return stdout.trim();
  throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? stderr.trim()}`);
}
