import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { blocksOf } from './markdown.mjs';

/** What the guides say about options is what the code has. */

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (page) => readFileSync(`${root}docs/${page}`, 'utf8');
const source = `${root}packages/etherconn/src/`;
const code = readdirSync(source, { recursive: true })
  .map(String)
  .filter((file) => file.endsWith('.ts') && !file.includes('.test.'))
  .map((file) => readFileSync(source + file, 'utf8'))
  .join('\n');

/** The fields of interfaces, as their declarations have them. */
function fieldsOf(...types) {
  return types.flatMap((type) => {
    const [body] = new RegExp(`^export interface ${type} [^]*?^}`, 'm').exec(code);
    return [...body.matchAll(/^ {2}(?:readonly )?(\w+)\??:/gm)].map(([, name]) => name);
  });
}

/** The first columns of the table behind a line that begins like this. */
function tableBehind(page, beginning) {
  const text = read(page);
  const at = text.indexOf(`\n${beginning}`);
  assert.ok(at >= 0, `${page} has no line that begins: ${beginning}`);
  const [table] = /(^\|.*\n)+/m.exec(text.slice(at));
  return [...table.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name);
}

const TABLES = [
  ['guides/unit-tests.md', '`impair` replaces all earlier faults', ['Impairments']],
  ['guides/unit-tests.md', '`new MemoryNetwork(options)`:', ['MemoryNetworkOptions']],
  ['guides/unit-tests.md', '`network.relay(options)` has', ['MemoryPortOptions']],
  ['recipes.md', 'The options of `RawSocketRelay.open`', ['PacketLinkOptions']],
  ['recipes.md', 'The options of every relay:', ['RelayOptions']],
  ['guides/dhcp-clients.md', '## Options of `host.dhcp()`', ['DhcpOptions']],
  ['guides/dhcp-clients.md', 'The options of `host.slaac()`:', ['SlaacOptions']],
  ['conns.md', 'The options of EtherConn', ['EthernetOptions']],
  ['conns.md', 'The options of RUDPConn', ['UdpConnOptions']],
];

for (const [page, beginning, types] of TABLES) {
  test(`${page} has every field of ${types.join(' and ')}, and no other`, () => {
    assert.deepEqual(tableBehind(page, beginning).toSorted(), fieldsOf(...types).toSorted());
  });
}

test('the test with node:test passes', () => {
  const program = blocksOf(read('guides/unit-tests.md'), 'js').find((block) => block.includes("'node:test'"));
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const run = spawnSync(process.execPath, ['--input-type=module', '-'], {
    cwd: root,
    input: program,
    encoding: 'utf8',
    env,
  });
  assert.equal(run.status, 0, run.stdout + run.stderr);
  assert.match(run.stdout, /pass 1\b/);
});
