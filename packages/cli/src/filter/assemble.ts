import type { Test, Value } from './condition.ts';
import { type Decision, reachedFrom, textOf, type Verdict } from './decision.ts';
import type { Operator } from './expression.ts';
import { FilterError } from './filter-error.ts';
import { ANCILLARY, Code, type Instruction, MEMORY_CELLS } from './instruction.ts';

/** Codes with K and with X as their second operand. */
const OPERATIONS: Readonly<Record<Operator, readonly [number, number]>> = {
  '+': [Code.ADD_K, Code.ADD_X],
  '-': [Code.SUB_K, Code.SUB_X],
  '*': [Code.MUL_K, Code.MUL_X],
  '/': [Code.DIV_K, Code.DIV_X],
  '%': [Code.MOD_K, Code.MOD_X],
  '&': [Code.AND_K, Code.AND_X],
  '|': [Code.OR_K, Code.OR_X],
  '^': [Code.XOR_K, Code.XOR_X],
  '<<': [Code.LSH_K, Code.LSH_X],
  '>>': [Code.RSH_K, Code.RSH_X],
};
const JUMPS: Readonly<Record<Test['comparison'], readonly [number, number]>> = {
  '=': [Code.JEQ_K, Code.JEQ_X],
  '>': [Code.JGT_K, Code.JGT_X],
  '>=': [Code.JGE_K, Code.JGE_X],
  'any bit': [Code.JSET_K, Code.JSET_X],
};
const LOADS = { 1: Code.LD_BYTE, 2: Code.LD_HALF, 4: Code.LD_WORD } as const;
const INDEXED_LOADS = { 1: Code.LD_BYTE_X, 2: Code.LD_HALF_X, 4: Code.LD_WORD_X } as const;

/** A comparison reaches so far; beyond, it is helped by a jump. */
const REACH = 255;

/** The texts of the values that the accumulator and X hold; null where it is unknown. */
interface Registers {
  a: string | null;
  x: string | null;
}

/** The program of a decision: it returns `accepted` for frames that pass, and 0 for others. */
export function assemble(root: Verdict, accepted: number): Instruction[] {
  const order = reachedFrom(root);
  const blocks = blocksOf(order);
  // From the back: where a comparison leads to is then known before it.
  const reversed: Instruction[] = [];
  const places = new Map<Verdict, number>();
  const put = (code: number, k: number, yes = 0, no = 0): number => reversed.push({ code, yes, no, k }) - 1;
  places.set(false, put(Code.RET_K, 0));
  places.set(true, put(Code.RET_K, accepted));
  const distance = (target: number): number => reversed.length - target - 1;
  for (const decision of order.toReversed()) {
    let [yes, no] = [places.get(decision.yes)!, places.get(decision.no)!];
    // Both jumps may have to be inserted, so each comparison keeps room for them.
    if (distance(yes) > REACH - 1) yes = put(Code.JA, distance(yes));
    if (distance(no) > REACH) no = put(Code.JA, distance(no));
    const { code, right } = jumpOf(decision.test);
    put(code, right, distance(yes), distance(no));
    const block = blocks.get(decision)!;
    for (const instruction of block.toReversed()) reversed.push(instruction);
    places.set(decision, reversed.length - 1);
  }
  const program = reversed.toReversed();
  return root === true || root === false
    ? [{ code: Code.RET_K, yes: 0, no: 0, k: root ? accepted : 0 }]
    : program;
}

/** What each decision does before it compares. What all ways to it have loaded is not loaded again. */
function blocksOf(order: readonly Decision[]): Map<Decision, Instruction[]> {
  const entries = new Map<Decision, Registers>();
  const blocks = new Map<Decision, Instruction[]>();
  for (const decision of order) {
    const block = new Block(entries.get(decision) ?? { a: null, x: null });
    block.compare(decision.test);
    blocks.set(decision, block.instructions);
    for (const next of [decision.yes, decision.no]) {
      if (typeof next === 'boolean') continue;
      const entry = entries.get(next);
      const { a, x } = block.registers;
      if (entry === undefined) entries.set(next, { a, x });
      else {
        if (entry.a !== a) entry.a = null;
        if (entry.x !== x) entry.x = null;
      }
    }
  }
  return blocks;
}

function jumpOf({ comparison, right }: Test): { code: number; right: number } {
  const [withK, withX] = JUMPS[comparison];
  return right.kind === 'constant' ? { code: withK, right: right.constant } : { code: withX, right: 0 };
}

/** Instructions one after the other. */
class Block {
  readonly instructions: Instruction[] = [];
  readonly registers: Registers;
  #cells = 0;

  constructor(entry: Registers) {
    this.registers = { ...entry };
  }

  /** Loads the sides of a comparison: into the accumulator and, if it is no constant, into X. */
  compare({ left, right }: Test): void {
    if (right.kind === 'constant') this.#toA(left);
    else this.#toBoth(left, right);
  }

  #put(code: number, k = 0): void {
    this.instructions.push({ code, yes: 0, no: 0, k });
  }

  #toBoth(left: Value, right: Value): void {
    this.#toA(right);
    if (this.#cells === MEMORY_CELLS) throw new FilterError(0, 'the calculation is nested too deeply');
    const cell = this.#cells++;
    this.#put(Code.ST, cell);
    this.#toA(left);
    this.#put(Code.LDX_MEMORY, cell);
    this.registers.x = textOf(right);
    this.#cells--;
  }

  #toA(value: Value): void {
    const text = textOf(value);
    if (this.registers.a === text) return;
    switch (value.kind) {
      case 'constant':
        this.#put(Code.LD_K, value.constant);
        break;
      case 'length':
        this.#put(Code.LD_LENGTH);
        break;
      case 'ancillary':
        this.#put(Code.LD_BYTE, ANCILLARY + value.number);
        break;
      case 'load':
        if (value.index === null) this.#put(LOADS[value.size], value.offset);
        else {
          this.#toX(value.index);
          this.#put(INDEXED_LOADS[value.size], value.offset);
        }
        break;
      case 'header length':
        this.#toX(value);
        this.#put(Code.TXA);
        break;
      case 'operation': {
        const [withK, withX] = OPERATIONS[value.operator];
        if (value.right.kind === 'constant') {
          this.#toA(value.left);
          this.#put(withK, value.right.constant);
        } else {
          this.#toBoth(value.left, value.right);
          this.#put(withX);
        }
        break;
      }
    }
    this.registers.a = text;
  }

  #toX(value: Value): void {
    const text = textOf(value);
    if (this.registers.x === text) return;
    if (value.kind === 'header length') this.#put(Code.LDX_HEADER_LENGTH, value.offset);
    else {
      this.#toA(value);
      this.#put(Code.TAX);
    }
    this.registers.x = text;
  }
}
