import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Command, Help, type Option } from 'commander';
import { requireNamespaces } from 'etherconn/testing';
import { makeProgram } from '../main.ts';

/** What all commands have in common: help texts, and what is said of wrong command lines. */

const bin = fileURLToPath(new URL('../../bin/etherconn.js', import.meta.url));

interface Leaf {
  readonly path: string;
  readonly command: Command;
}

function leavesOf(command: Command, path: string): Leaf[] {
  if (command.commands.length === 0) return [{ path, command }];
  return command.commands.flatMap((each) => leavesOf(each, `${path} ${each.name()}`));
}

const leaves = leavesOf(makeProgram(), 'etherconn');

function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({ writeOut: (part) => (text += part) });
  command.outputHelp();
  return text;
}

/** The words of a line as a shell takes them. */
function words(line: string): string[] {
  return [...line.matchAll(/(?:'[^']*'|[^\s'])+/g)].map(([word]) => word.replaceAll("'", ''));
}

test('help prints defaults as people write them', () => {
  const help = new Help();
  for (const { path, command } of leaves)
    for (const option of command.options) {
      const [, text = ''] = /\(.*default: (.*)\)$/.exec(help.optionDescription(option)) ?? [];
      assert.doesNotMatch(text, /[[{]/, `${path} ${option.flags}`);
      if (option.flags.endsWith('<time>')) assert.doesNotMatch(text, /^\d+$/, `${path} ${option.flags}`);
    }
});

test('each command has examples in its help, and takes them', async () => {
  const shown = leaves.map(({ path, command }) => ({ path, text: helpOf(command) }));
  for (const { path, text } of shown) {
    const examples = text.split('\n').filter((line) => line.startsWith('  etherconn '));
    assert.ok(examples.length > 0, `${path}: no example`);
    for (const example of examples) {
      const program = makeProgram();
      let taken = '';
      for (const leaf of leavesOf(program, 'etherconn'))
        leaf.command.action(() => {
          taken = leaf.path;
        });
      const [line] = example.split(' | ');
      await program.parseAsync(['node', ...words(line!)]);
      assert.notEqual(taken, '', example);
    }
  }
});

test('an option means the same in all commands', () => {
  const values = new Map<string, Map<string, string>>();
  const argumentOf = ({ flags }: Option): string => /[<[].*$/.exec(flags)?.[0] ?? '';
  for (const { path, command } of leaves)
    for (const option of command.options) {
      const name = option.long ?? option.short!;
      const of = values.get(name) ?? new Map<string, string>();
      values.set(name, of.set(argumentOf(option), path));
    }
  // --rate of a fleet counts clients, of a cable bits; an own address, a network's or many; one MAC address or many.
  const different = ['--rate', '--address', '--mac'];
  for (const [name, of] of values)
    if (!different.includes(name)) assert.equal(of.size, 1, `${name}: ${JSON.stringify([...of])}`);
});

test('wrong command lines are told in the form of all other errors, with the help that explains more', () => {
  for (const [args, first, second] of [
    [['brew'], "unknown command 'brew'", 'etherconn --help lists the commands'],
    [['udp', 'brew'], "unknown command 'brew'", 'etherconn udp --help lists its commands'],
    [['decode'], "missing required argument 'file'", 'etherconn decode --help lists its options'],
    [['decode', 'x', '--jsn'], "unknown option '--jsn' (did you mean --json?)", 'etherconn decode --help'],
    [
      ['ping', 'x', 'localhost', '--from', '10.0.0.1'],
      'destination: must be an IP address like 10.0.0.1',
      'etherconn ping --help',
    ],
    [['capture', 'x', '-c', '0'], "--count: must be a whole number from 1, got '0'", 'etherconn capture'],
    [['capture', 'x', '-Q', 'up'], '--direction: Allowed choices are in, out, both', 'etherconn capture'],
    [['capture', 'x', '--report', 'x.html'], "unknown option '--report'", 'etherconn capture --help'],
    [['capture', 'x', '--ndjsn'], "unknown option '--ndjsn' (did you mean --ndjson?)", 'etherconn capture'],
    [['lab', 'up', '--loss', '5'], '--loss: must be a percentage from 0% to 100%', 'etherconn lab up --help'],
    [['lab', 'up', '--rate', '5'], '--rate: must be bits per second like 100mbit', 'etherconn lab up --help'],
  ] as const) {
    const { status, stdout, stderr } = spawnSync(process.execPath, [bin, ...args], { encoding: 'utf8' });
    assert.equal(status, 2, args.join(' '));
    assert.equal(stdout, '');
    const lines = stderr.trimEnd().split('\n');
    assert.equal(lines.length, 2, stderr);
    assert.ok(lines[0]!.startsWith(`etherconn: ${first}`), stderr);
    assert.ok(lines[1]!.startsWith(`(${second}`), stderr);
  }
});

test('errors of commands of another package, with a commander of its own, end the same way', () => {
  const { status, stderr } = spawnSync(process.execPath, [bin, 'campaign', 'brew'], { encoding: 'utf8' });
  assert.equal(status, 2);
  assert.match(
    stderr,
    /^etherconn: unknown command 'brew'\n\(etherconn campaign --help lists its commands\)\n$/,
  );
});

test('an interface that is not there: how to find one', { skip: requireNamespaces() }, () => {
  for (const args of [
    ['capture', 'nope0'],
    ['ping', 'nope0', '10.0.0.1', '--from', '10.0.0.2'],
  ]) {
    const { status, stderr } = spawnSync(process.execPath, [bin, ...args], { encoding: 'utf8' });
    assert.equal(status, 1);
    assert.match(
      stderr,
      /^etherconn: .*no interface 'nope0'.*; etherconn interfaces lists .*--netns NAME.*\n$/,
    );
  }
});
