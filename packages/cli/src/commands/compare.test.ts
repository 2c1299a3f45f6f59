import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { endAll, etherconn, objects } from '../test-support/command.ts';
import { examplesOf } from '../test-support/examples.ts';

/** `etherconn compare` as a process, on results of real runs over a network in memory. */

const folder = mkdtempSync(join(tmpdir(), 'etherconn-'));
after(() => rmSync(folder, { recursive: true, force: true }));
after(endAll);
const at = (name: string): string => join(folder, name);

const SEND = ['udp', 'send', 'mem', '--engine', 'memory', '--from', '10.0.0.10', '--to', '10.0.0.2'];

before(async () => {
  const [json, ndjson] = await Promise.all([
    etherconn([...SEND, '--rate', '1kpps', '--duration', '2s', '--json', '--report', at('before.html')]),
    etherconn([...SEND, '--rate', '2kpps', '--duration', '2s', '--ndjson']),
  ]);
  writeFileSync(at('before.json'), json.stdout);
  writeFileSync(at('after.json'), ndjson.stdout);
});

test('results, lines and reports are read; differences side by side; limits decide the exit code', async () => {
  for (const before of ['before.json', 'before.html']) {
    const end = await etherconn([
      'compare',
      at(before),
      at('after.json'),
      '--json',
      '--fail-if',
      'sent>+10%',
    ]);
    assert.equal(end.status, 3, end.stderr);
    const [{ rows, thresholds, passed, a, b }] = objects(end);
    assert.deepEqual([a.command, b.command, passed], ['udp send', 'udp send', false]);
    const sent = rows.find(({ metric }: { metric: string }) => metric === 'sent');
    // A busy machine ends a run a little later.
    assert.ok(sent.a > 900 && sent.b > 1800 && Math.abs(sent.change - (sent.b - sent.a) / sent.a) < 1e-9);
    assert.equal(sent.significance, 'cannot tell');
    assert.equal(`${thresholds[0].text} ${thresholds[0].state}`, 'sent>+10% missed');
  }
  const text = await etherconn(['compare', at('before.json'), at('after.json')]);
  assert.equal(text.status, 0, text.stderr);
  assert.match(text.stdout, /^sent +\d+ pps +\d+ pps +\+[\d.]+ % {2}cannot tell: too few seconds$/m);
});

for (const words of examplesOf('compare.md').flat())
  test(`docs/commands/compare.md: ${words.join(' ')}`, async () => {
    const args = words.slice(1).map((word) => (/\.(json|html)$/.test(word) ? at(word) : word));
    const end = await etherconn(args);
    // How busy this machine is at the moment is not what is tested.
    assert.ok(end.status === 0 || (end.status === 3 && args.includes('--fail-if')), end.stderr);
    assert.equal(end.stderr, '');
  });

test('wrong files and command lines', async () => {
  writeFileSync(at('other.json'), '{"x":1}');
  for (const [args, status, message] of [
    [['compare', at('before.json')], 2, /missing required argument 'b'/],
    [['compare', at('before.json'), at('nosuch')], 1, /nosuch cannot be read: there is no such file/],
    [
      ['compare', at('before.json'), at('other.json')],
      1,
      /other\.json cannot be read: it is no result of etherconn/,
    ],
    [
      ['compare', at('before.json'), at('after.json'), '--fail-if', 'p99>5ms'],
      2,
      /must be how much B may differ from A/,
    ],
    [
      ['compare', at('before.json'), at('after.json'), '--report', '/nosuch/x.html'],
      2,
      /--report: .* there is no folder/,
    ],
  ] as const) {
    const end = await etherconn(args);
    assert.equal(end.status, status, end.stderr);
    assert.match(end.stderr, message);
    assert.equal(end.stdout, '');
  }
});
