import { assemble } from './assemble.ts';
import type { Condition } from './condition.ts';
import { Decisions, type Verdict, withoutKnown } from './decision.ts';
import { FilterError } from './filter-error.ts';
import { encodeProgram, type Instruction } from './instruction.ts';
import { kernelView } from './kernel-view.ts';
import { Machine } from './machine.ts';
import { meaningOf } from './meaning.ts';
import { parseExpression } from './parse.ts';

/** Longest frame of a capture. */
const WHOLE_FRAME = 262_144;
/** The longest program that the kernel takes (BPF_MAXINSNS). */
const KERNEL_INSTRUCTIONS = 4096;
/** Terms are nested as deeply as there are terms. */
const MAX_EXPRESSION = 8192;

export interface FilterOptions {
  /** Netmask of the interface, which 'ip broadcast' needs. */
  readonly netmask?: number | undefined;
  /** Bytes that are wanted of a frame that passes, which the kernel's program says. Default all. */
  readonly snapLength?: number | undefined;
}

/** A compiled expression. It means the same for every frame, wherever that is looked at: in the kernel or here. */
export class Filter {
  readonly expression: string;
  /** The program for frames as they are on the wire. */
  readonly program: readonly Instruction[];
  /**
   * The program for an AF_PACKET socket, where the kernel keeps the outer VLAN tag beside the frame. Null when it can only
   * be decided here.
   */
  readonly kernelProgram: Uint8Array | null;
  readonly #machine: Machine;

  constructor(expression: string, program: readonly Instruction[], kernelProgram: Uint8Array | null) {
    this.expression = expression;
    this.program = program;
    this.kernelProgram = kernelProgram;
    this.#machine = new Machine(program);
  }

  /** Whether a frame passes, whose first `captured` of `length` bytes are at `offset`. */
  matches(u8: Uint8Array, offset: number, captured: number, length: number = captured): boolean {
    return this.#machine.run(u8, offset, captured, length) !== 0;
  }
}

/** Compiles an expression of tcpdump. Throws a FilterError that names the place. */
export function compileFilter(
  expression: string,
  { netmask, snapLength = WHOLE_FRAME }: FilterOptions = {},
): Filter {
  if (expression.length > MAX_EXPRESSION)
    throw new FilterError(MAX_EXPRESSION, `an expression has at most ${MAX_EXPRESSION} characters`);
  const condition = meaningOf(parseExpression(expression), netmask);
  const decisions = new Decisions();
  const program = assemble(decided(decisions, condition), snapLength);
  const kernelProgram = kernelProgramOf(condition, snapLength);
  return new Filter(expression, program, kernelProgram);
}

function kernelProgramOf(condition: Condition, snapLength: number): Uint8Array | null {
  const view = kernelView(condition);
  if (view === null) return null;
  const decisions = new Decisions();
  const [tagged, plain] = [decided(decisions, view.tagged), decided(decisions, view.plain)];
  const root = tagged === plain ? plain : decisions.test(view.isTagTakenOut, tagged, plain);
  const program = assemble(root, snapLength);
  return program.length <= KERNEL_INSTRUCTIONS ? encodeProgram(program) : null;
}

function decided(decisions: Decisions, condition: Condition): Verdict {
  return withoutKnown(decisions, decisions.of(condition));
}
