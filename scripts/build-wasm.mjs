// Assembles packages/etherconn/wasm/internet-sum.wat with wabt, and writes the module's bytes as a TypeScript module.
// It is kept in the repository, so building needs no assembler.
//
//   node scripts/build-wasm.mjs [--check]
//
// --check writes nothing and fails when the module is not what the source gives. Where the wabt that made the module is
// not there, it compares the hash of the source alone.

import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const BYTES_PER_LINE = 72;

const { values: options } = parseArgs({ options: { check: { type: 'boolean', default: false } } });
const require = createRequire(import.meta.url);
const root = fileURLToPath(new URL('..', import.meta.url));
const source = join(root, 'packages/etherconn/wasm/internet-sum.wat');
const output = join(root, 'packages/etherconn/src/wire/internet-sum-wasm.ts');

const text = readFileSync(source, 'utf8');
const hash = createHash('sha256').update(text).digest('hex');
if (options.check) await check();
else await build();

async function build() {
  const assembler = assemblerVersion();
  if (assembler === undefined) fail('wabt is not there; npm install');
  writeFileSync(output, moduleText(await assemble(), assembler));
  console.log(`written: ${output.slice(root.length)}`);
}

async function check() {
  const generated = readFileSync(output, 'utf8');
  if (!generated.includes(`'${hash}'`))
    fail('the generated module is not of this source; run build-wasm.mjs');
  const assembler = assemblerVersion();
  if (assembler === undefined || !generated.includes(`'${assembler}'`)) {
    const made = /assembler: '([^']*)'/.exec(generated)?.[1];
    console.log(
      `only the hash of the source compared: the module was made with ${made}, here is ${assembler ?? 'none'}`,
    );
  } else if (generated !== moduleText(await assemble(), assembler)) {
    fail('the generated module is not what this source gives; run build-wasm.mjs');
  } else {
    console.log(`assembled with ${assembler}: the same`);
  }
}

/** As in "wabt 1.0.39"; undefined where there is none. */
function assemblerVersion() {
  try {
    return `wabt ${require('wabt/package.json').version}`;
  } catch (error) {
    if (error.code !== 'MODULE_NOT_FOUND') throw error;
    return undefined;
  }
}

async function assemble() {
  const wabt = await require('wabt')();
  const module = wabt.parseWat('internet-sum.wat', text, { simd: true });
  try {
    module.validate({ simd: true });
    return Buffer.from(module.toBinary({}).buffer);
  } finally {
    module.destroy();
  }
}

function moduleText(bytes, assembler) {
  const lines = [];
  for (let at = 0; at < bytes.length; at += BYTES_PER_LINE) {
    lines.push(`    '${bytes.toString('base64', at, Math.min(at + BYTES_PER_LINE, bytes.length))}',`);
  }
  return `// Made by scripts/build-wasm.mjs from wasm/internet-sum.wat; not to be changed by hand.

/** The WebAssembly module that sums: ${bytes.length} bytes. */
export const INTERNET_SUM_WASM: {
  /** Base64. */
  readonly module: string;
  /** SHA-256 of the source. */
  readonly sourceHash: string;
  readonly assembler: string;
} = {
  module: [
${lines.join('\n')}
  ].join(''),
  sourceHash: '${hash}',
  assembler: '${assembler}',
};
`;
}

function fail(reason) {
  console.error(`build-wasm: ${reason}`);
  process.exit(1);
}
