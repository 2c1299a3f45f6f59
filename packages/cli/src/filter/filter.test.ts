import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Dice, filterFrames } from '../test-support/filter-frames.ts';
import { compileFilter } from './filter.ts';
import { FilterError } from './filter-error.ts';
import { Machine } from './machine.ts';

const frames = filterFrames(500, 3);

/** Expressions that are wrong, with where that is said to be (from 1), and why. */
const WRONG: readonly (readonly [string, number, RegExp])[] = [
  ['tcp and', 8, /expected a term like host 10\.0\.0\.1, port 53 or tcp, got the end/],
  ['and tcp', 1, /'and' is not known/],
  ['tcp prot 6', 5, /expected 'and', 'or' or the end, got 'prot'/],
  ['foo', 1, /'foo' is not known; expected a protocol, or a word like host/],
  ['10.0.0.1', 1, /expected a word like host, net or port before a value, got '10\.0\.0\.1'/],
  ['80', 1, /expected a word like host, net or port before a value/],
  ['tcp or 10.0.0.1', 8, /expected a word like host/],
  ['(tcp port 1) and 2', 18, /expected a word like host/],
  ['host', 5, /expected an IP address, got the end/],
  ['host example.com', 6, /expected an IP address \(names are not looked up\), got 'example\.com'/],
  ['host 10.0', 6, /expected a whole address/],
  ['host 10.0.0.256', 6, /'10\.0\.0\.256' is not an IPv4 address/],
  ['host 10.0.0.0/8', 14, /write net before it/],
  ['host 02:00:00:00:00:01', 6, /write ether host before it/],
  ['ether host 10.0.0.1', 12, /expected a MAC address, got '10\.0\.0\.1'/],
  ['host fe80::1::2', 6, /'fe80::1::2' is not an IPv6 address/],
  ['ip host fe80::1', 9, /IPv6 cannot go with ip/],
  ['ip6 host 10.0.0.1', 10, /IPv4 cannot go with ip6/],
  ['tcp host 10.0.0.1', 10, /write 'tcp and host …'/],
  ['icmp port 53', 1, /icmp cannot go with port; possible are tcp, udp, sctp/],
  ['ip src proto 6', 8, /src and dst cannot go with proto/],
  ['net 10.0.0.1/8', 5, /'10\.0\.0\.1' has bits behind the mask/],
  ['net 10.0.0.0/33', 14, /expected a prefix length from 0 to 32, got '33'/],
  ['net fe80::/129', 12, /expected a prefix length from 0 to 128/],
  ['net 10 mask 8', 13, /expected a mask like 255\.255\.0\.0/],
  ['port', 5, /expected a port from 0 to 65535, got the end/],
  ['port domain', 6, /\(names are not looked up\), got 'domain'/],
  ['port 65536', 6, /expected a port from 0 to 65535, got '65536'/],
  ['portrange 1-', 13, /expected a port/],
  ['ip proto 256', 10, /expected a number from 0 to 255, or a protocol like tcp/],
  ['ether proto tcp', 13, /expected a number from 0 to 65535, or a protocol like ip6/],
  ['vlan 4096', 6, /expected a VLAN id from 0 to 4095/],
  ['less', 5, /expected a number of bytes/],
  ['port (80 or', 12, /expected a port/],
  ['(tcp', 5, /expected 'and', 'or' or '\)', got the end/],
  ['((tcp and foo) or udp)', 11, /'foo' is not known/],
  ['tcp)', 4, /expected 'and', 'or' or the end, got '\)'/],
  ['ip[0] & 1', 10, /expected a comparison: =, !=, <, <=, > or >=, got the end/],
  ['(ip[0] & 1) and tcp', 13, /expected a comparison/],
  ['ip[0:3] = 1', 6, /expected 1, 2 or 4 bytes, got '3'/],
  ['ip[0 = 1', 6, /expected '\]', got '='/],
  ['foo[0] = 1', 1, /expected a protocol before \[, got 'foo'/],
  ['esp[0] = 1', 1, /the bytes of esp cannot be compared/],
  ['len / 0 = 1', 5, /division by zero/],
  ['len << 32 = 1', 5, /a shift must be by 31 bits at most, got 32/],
  ['len = 4294967296', 7, /'4294967296' is not a number of 32 bits/],
  ['len = 08', 7, /'08' is not a number of 32 bits/],
  ['ip broadcast', 4, /the netmask is not known here/],
  ['ip6 broadcast', 5, /there is no broadcast of ip6/],
  ['tcp multicast', 5, /there is no multicast of tcp/],
  ['gateway 10.0.0.1', 1, /'gateway' of tcpdump is not available here/],
  ['host 10.0.0.1 # comment', 15, /'#' is not understood/],
  ['not', 4, /expected a term/],
  [`${'('.repeat(300)}tcp${')'.repeat(300)}`, 200, /more than 200 levels/],
  [`tcp${' or tcp'.repeat(2000)}`, 8193, /has at most 8192 characters/],
];

test('what is wrong is told with its place, and what was expected', () => {
  for (const [expression, place, message] of WRONG) {
    assert.throws(
      () => compileFilter(expression),
      (error) => {
        assert.ok(error instanceof FilterError, `${expression}: ${error}`);
        assert.match(error.message, message, expression);
        assert.equal(error.position + 1, place, `${expression}: ${error.message}`);
        return true;
      },
    );
  }
});

test('whatever is typed gives a filter or a FilterError', () => {
  const dice = new Dice(99);
  const words =
    'tcp udp ip ip6 ether vlan host net port portrange proto src dst and or not ( ) [ ] : / + - & | << = != 80 10.0.0.1 10 fe80::1 02:00:00:00:00:01 len less broadcast tcpflags mask foo'.split(
      ' ',
    );
  let filters = 0;
  for (let i = 0; i < 20_000; i++) {
    const text = Array.from({ length: 1 + dice.below(6) }, () => dice.of(words)).join(' ');
    try {
      compileFilter(text);
      filters++;
    } catch (error) {
      assert.ok(error instanceof FilterError, `${text}: ${(error as Error).stack}`);
    }
  }
  assert.ok(filters > 300, `only ${filters}`);
});

test('an empty expression is every frame', () => {
  const filter = compileFilter('  ');
  assert.ok(frames.every(({ bytes, length }) => filter.matches(bytes, 0, bytes.length, length)));
  assert.equal(filter.program.length, 1);
});

test('fields are there only in packets of their protocol, on either side of a calculation', () => {
  const [arp] = frames.filter(({ bytes }) => bytes[12] === 8 && bytes[13] === 6);
  const { bytes, length } = arp!;
  for (const expression of ['1 << ip[8] != 0', 'len / ip[0] < 1000', 'not 1 + ip[0] = 0'])
    assert.equal(
      compileFilter(expression).matches(bytes, 0, bytes.length, length),
      expression.startsWith('not'),
      expression,
    );
});

test('division by what is zero in a frame refuses it', () => {
  const filter = compileFilter('not len / ether[0] = 0xffffffff');
  assert.equal(filter.matches(new Uint8Array(60), 0, 60), false);
  assert.equal(filter.matches(new Uint8Array(60).fill(1), 0, 60), true);
});

test('a frame may lie anywhere in memory', () => {
  const filter = compileFilter('ether[0] = 7');
  assert.equal(filter.matches(Uint8Array.of(0, 0, 7, 1), 2, 2), true);
  // What follows is another frame's.
  assert.equal(filter.matches(Uint8Array.of(0, 0, 7), 2, 0), false);
});

test("'ip broadcast' knows the netmask", () => {
  const filter = compileFilter('ip broadcast', { netmask: 0xffffff00 });
  const hosts = (last: number): Uint8Array => {
    const frame = new Uint8Array(34);
    frame.set([8, 0], 12);
    frame.set([10, 0, 0, last], 30);
    return frame;
  };
  assert.deepEqual(
    [0, 1, 254, 255].map((last) => filter.matches(hosts(last), 0, 34)),
    [true, false, false, true],
  );
});

/** A long expression, and the short ones that it consists of. */
function manyOf(count: number): { long: string; terms: string[] } {
  const terms = Array.from({ length: count }, (_, i) =>
    i % 3 === 0 ? `host 10.0.${i >> 8}.${i & 255}` : i % 3 === 1 ? `tcp port ${i}` : `ether[14] = ${i & 255}`,
  );
  return { long: terms.join(' or '), terms };
}

test('long expressions jump as far as they must', () => {
  const { long, terms } = manyOf(200);
  const filter = compileFilter(long);
  assert.ok(filter.program.length > 600);
  for (const { yes, no } of filter.program) assert.ok(yes <= 255 && no <= 255);
  const each = terms.map((term) => compileFilter(term));
  let hits = 0;
  for (const { bytes, length } of frames) {
    if (bytes.length < length) continue;
    const expected = each.some((term) => term.matches(bytes, 0, bytes.length));
    if (expected) hits++;
    assert.equal(filter.matches(bytes, 0, bytes.length), expected);
  }
  assert.ok(hits > 10 && hits < frames.length / 2, `${hits} of ${frames.length}`);
});

test('what is known from the way is not asked again', () => {
  const asks = (expression: string): number =>
    compileFilter(expression).program.filter(({ code, k }) => code === 0x28 && k === 12).length;
  assert.equal(asks('tcp port 80 or udp port 53 or icmp'), 1);
  assert.equal(asks('ip or arp or rarp or ip6'), 1);
  assert.ok(compileFilter('tcp port 80').program.length <= 20);
  assert.ok(compileFilter('host 10.0.0.1').program.length <= 14);
});

test('only what cannot be asked in the kernel has no program for it', () => {
  const expressions = [
    'tcp port 80',
    'vlan 5 and host fe80::1',
    'ether[12:4] = 0',
    'tcp[((tcp[12] & 0xf0) >> 2):4] = 1',
  ];
  for (const expression of expressions)
    assert.ok(compileFilter(expression).kernelProgram !== null, expression);
  for (const expression of [
    'ether[len - 4:4] = 0',
    'ether[ether[0]] = 1',
    '1 << ip[8] = 2',
    'ether[0xffffffff] = 0',
  ])
    assert.equal(compileFilter(expression).kernelProgram, null, expression);
});

test('a program with an unknown instruction is a mistake, and told', () => {
  assert.throws(
    () => new Machine([{ code: 0x99, yes: 0, no: 0, k: 0 }]).run(new Uint8Array(1), 0, 1),
    /has code 153/,
  );
});
