import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { covers, type FilterRule, filterProgram, MAX_FILTER_ADDRESSES } from './filter.ts';

const HOST = 0;
const OTHERHOST = 3;
const OUTGOING = 4;

/** The classic BPF machine, as far as the filter uses it. */
function run(program: Uint8Array, frame: Uint8Array, packetType: number): number {
  const view = new DataView(program.buffer);
  const bytes = new DataView(frame.buffer, frame.byteOffset, frame.length);
  let accumulator = 0;
  for (let at = 0; at * 8 < program.length; at++) {
    const operand = view.getUint32(at * 8 + 4, true);
    const [ifTrue, ifFalse] = [program[at * 8 + 2], program[at * 8 + 3]];
    switch (view.getUint16(at * 8, true)) {
      case 0x20:
        accumulator = bytes.getUint32(operand);
        break;
      case 0x28:
        accumulator = bytes.getUint16(operand);
        break;
      case 0x30:
        accumulator = operand === 0xfffff004 ? packetType : bytes.getUint8(operand);
        break;
      case 0x15:
        at += accumulator === operand ? ifTrue : ifFalse;
        break;
      case 0x45:
        at += (accumulator & operand) !== 0 ? ifTrue : ifFalse;
        break;
      case 0x06:
        return operand;
      default:
        assert.fail('instruction that the filter does not use');
    }
  }
  assert.fail('ran past the end');
}

function frameTo(address: number): Uint8Array {
  const frame = new Uint8Array(60);
  const view = new DataView(frame.buffer);
  view.setUint32(0, Math.floor(address / 0x10000));
  view.setUint16(4, address % 0x10000);
  return frame;
}

function isGroup(address: number): boolean {
  return Math.floor(address / 2 ** 40) % 2 === 1;
}

// Few values per byte, so that addresses share their first or last bytes.
const address = fc
  .array(fc.constantFrom(0x00, 0x01, 0x02, 0xfe, 0xff), { minLength: 6, maxLength: 6 })
  .map((bytes) => bytes.reduce<number>((value, byte) => value * 256 + byte, 0));
const rule: fc.Arbitrary<FilterRule> = fc.record({
  all: fc.boolean(),
  group: fc.boolean(),
  addresses: fc.uniqueArray(address, { maxLength: MAX_FILTER_ADDRESSES }).map((list) => new Set(list)),
});

test('the program passes exactly what the rule says', () => {
  fc.assert(
    fc.property(rule, address, fc.constantFrom(HOST, OTHERHOST, OUTGOING), (rule, probe, packetType) => {
      const program = filterProgram(rule);
      for (const to of [probe, ...rule.addresses]) {
        const wanted = rule.all || (isGroup(to) ? rule.group : rule.addresses.has(to));
        const expected = wanted && packetType !== OUTGOING ? 0xffffffff : 0;
        assert.equal(run(program, frameTo(to), packetType), expected);
      }
    }),
  );
});

test('the longest program fits the jumps of classic BPF', () => {
  const addresses = new Set(
    Array.from({ length: MAX_FILTER_ADDRESSES }, (_, i) => 0x020000000000 + i * 0x10000),
  );
  const program = filterProgram({ all: false, group: false, addresses });
  assert.ok(program.length / 8 <= 255);
  for (const to of addresses) assert.equal(run(program, frameTo(to), HOST), 0xffffffff);
  assert.equal(run(program, frameTo(0x0200000000ff), HOST), 0);
});

test('covers: what passes the inner rule passes the outer', () => {
  fc.assert(
    fc.property(rule, rule, address, (outer, inner, probe) => {
      if (!covers(outer, inner)) return;
      const [outerProgram, innerProgram] = [filterProgram(outer), filterProgram(inner)];
      for (const to of [probe, ...inner.addresses]) {
        if (run(innerProgram, frameTo(to), HOST) !== 0)
          assert.notEqual(run(outerProgram, frameTo(to), HOST), 0);
      }
    }),
  );
  const one: FilterRule = { all: false, group: true, addresses: new Set([1, 2]) };
  assert.ok(covers(one, { ...one, group: false, addresses: new Set([2]) }));
  assert.ok(!covers(one, { ...one, addresses: new Set([3]) }));
  assert.ok(!covers({ ...one, group: false }, one));
  assert.ok(!covers(one, { ...one, all: true }));
});
