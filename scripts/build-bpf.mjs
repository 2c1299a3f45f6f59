// Compiles the steering program of packages/etherconn/bpf with clang, and writes its instructions, and where the
// maps' file descriptors go, as a TypeScript module. The module is kept in the repository, so only who changes
// the program needs clang.
//
//   node scripts/build-bpf.mjs [--check] [--clang clang-14]
//
// --check writes nothing and fails when the module is not what the sources give. Where the clang that made the
// module is not there (other versions give other instructions), it compares the hash of the sources alone.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

// mcpu v2: the oldest instructions that Linux 5.10 knows well; newer ones ask more of its verifier.
const FLAGS = [
  '-target',
  'bpfel',
  '-mcpu=v2',
  '-O2',
  '-ffreestanding',
  '-fno-ident',
  '-Wall',
  '-Wextra',
  '-Werror',
];
const SECTION = 'xdp';
const MAPS = ['xsks', 'endpoints', 'services', 'settings', 'counters'];
const BYTES_PER_LINE = 72;

// ELF-64, little endian: System V ABI, chapter 4.
const SECTION_HEADER = 64;
const SYMBOL = 24;
const RELOCATION = 16;
const SHT_REL = 9;
const SHT_SYMTAB = 2;
const R_BPF_64_64 = 1;
const INSTRUCTION = 8;

const { values: options } = parseArgs({
  options: { check: { type: 'boolean', default: false }, clang: { type: 'string', default: 'clang' } },
});
const root = fileURLToPath(new URL('..', import.meta.url));
const folder = join(root, 'packages/etherconn/bpf');
const output = join(root, 'packages/etherconn/src/link/xdp/generated/steer.ts');

const hash = sourceHash();
if (options.check) check();
else build();

function build() {
  const compiler = clangVersion();
  if (compiler === undefined) fail(`${options.clang} is not there; on Debian: apt-get install clang`);
  mkdirSync(dirname(output), { recursive: true });
  writeFileSync(output, moduleText(compile(), compiler));
  console.log(`written: ${output.slice(root.length)}`);
}

function check() {
  const text = readFileSync(output, 'utf8');
  if (!text.includes(`'${hash}'`))
    fail('the generated program is not of these sources; run npm run build:bpf');
  const compiler = clangVersion();
  if (compiler === undefined || !text.includes(`'${compiler}'`)) {
    const made = /compiler: '([^']*)'/.exec(text)?.[1];
    console.log(
      `only the hash of the sources compared: the program was made with ${made}, here is ${compiler ?? 'none'}`,
    );
  } else if (text !== moduleText(compile(), compiler)) {
    fail('the generated program is not what these sources give; run npm run build:bpf');
  } else {
    console.log(`rebuilt with ${compiler}: the same`);
  }
}

function sourceHash() {
  const hashed = createHash('sha256').update(FLAGS.join(' '));
  for (const name of ['steer.h', 'steer.c']) hashed.update(readFileSync(join(folder, name)));
  return hashed.digest('hex');
}

/** As in "clang 14.0.6": without the distribution's own additions, which say nothing of the code it makes. */
function clangVersion() {
  const { stdout, status } = spawnSync(options.clang, ['--version'], { encoding: 'utf8' });
  return status === 0 ? `clang ${/version (\d+\.\d+\.\d+)/.exec(stdout)?.[1]}` : undefined;
}

function compile() {
  const { status, stdout } = spawnSync(options.clang, [...FLAGS, '-c', 'steer.c', '-o', '-'], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (status !== 0) fail(`${options.clang} failed`);
  return readObject(stdout);
}

/** The program's instructions, and the index of each that loads the address of a map. */
function readObject(elf) {
  const sections = readSections(elf);
  const program = sections.findIndex(({ name }) => name === SECTION);
  const symbols = sections.find(({ type }) => type === SHT_SYMTAB);
  const names = sections[symbols.link].content;
  // Calls of functions that were not inlined, and data of its own, would need more than maps put in.
  for (const { name, content } of sections) {
    if (/^\.(text|data|rodata|bss)/.test(name) && content.length > 0) fail(`unexpected section ${name}`);
  }
  const maps = [];
  for (const { type, info, content } of sections) {
    if (type !== SHT_REL || info !== program) continue;
    for (let at = 0; at < content.length; at += RELOCATION) {
      const symbol = content.readUInt32LE(at + 12) * SYMBOL;
      const map = text(names, symbols.content.readUInt32LE(symbol));
      if (content.readUInt32LE(at + 8) !== R_BPF_64_64 || !MAPS.includes(map))
        fail(`unexpected symbol ${map}`);
      maps.push({ index: Number(content.readBigUInt64LE(at)) / INSTRUCTION, map });
    }
  }
  return { instructions: sections[program].content, maps };
}

function readSections(elf) {
  const start = Number(elf.readBigUInt64LE(0x28));
  const count = elf.readUInt16LE(0x3c);
  const headers = Array.from({ length: count }, (_, i) => elf.subarray(start + i * SECTION_HEADER));
  const sections = headers.map((header) => {
    const offset = Number(header.readBigUInt64LE(24));
    return {
      nameOffset: header.readUInt32LE(0),
      type: header.readUInt32LE(4),
      content: elf.subarray(offset, offset + Number(header.readBigUInt64LE(32))),
      link: header.readUInt32LE(40),
      info: header.readUInt32LE(44),
    };
  });
  const names = sections[elf.readUInt16LE(0x3e)].content;
  return sections.map((section) => ({ ...section, name: text(names, section.nameOffset) }));
}

function text(bytes, offset) {
  return bytes.toString('latin1', offset, bytes.indexOf(0, offset));
}

function moduleText({ instructions, maps }, compiler) {
  const lines = [];
  for (let at = 0; at < instructions.length; at += BYTES_PER_LINE) {
    lines.push(
      `    '${instructions.toString('base64', at, Math.min(at + BYTES_PER_LINE, instructions.length))}',`,
    );
  }
  const places = MAPS.map((map) => {
    const indexes = maps.filter((place) => place.map === map).map(({ index }) => index);
    return `    ${map}: [${indexes.join(', ')}],`;
  });
  return `// Made by scripts/build-bpf.mjs from bpf/steer.c and bpf/steer.h; not to be changed by hand.

/** The steering program: ${instructions.length / INSTRUCTION} instructions, and where the maps go into them. */
export const STEER: {
  /** struct bpf_insn (linux/bpf.h) after struct bpf_insn, base64. */
  readonly instructions: string;
  /** By map, the indexes of the instructions that load its address. */
  readonly maps: {
${MAPS.map((map) => `    readonly ${map}: readonly number[];`).join('\n')}
  };
  /** SHA-256 of the compiler's flags and the sources. */
  readonly sourceHash: string;
  readonly compiler: string;
} = {
  instructions: [
${lines.join('\n')}
  ].join(''),
  maps: {
${places.join('\n')}
  },
  sourceHash: '${hash}',
  compiler: '${compiler}',
};
`;
}

function fail(reason) {
  console.error(`build-bpf: ${reason}`);
  process.exit(1);
}
