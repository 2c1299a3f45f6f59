import { Code, type Instruction, MEMORY_CELLS } from './instruction.ts';

/** Runs a program over frames, as the kernel does; what the kernel knows beside the bytes is not there. */
export class Machine {
  /** Code, skips and operand of each instruction, in a row. */
  readonly #program: Int32Array;
  readonly #memory = new Int32Array(MEMORY_CELLS);

  constructor(program: readonly Instruction[]) {
    this.#program = Int32Array.from(program.flatMap(({ code, yes, no, k }) => [code, yes, no, k]));
  }

  /**
   * What the program returns for a frame whose first `captured` bytes are at `offset`, and that was `length` bytes long on
   * the wire: 0 when it does not pass.
   */
  run(u8: Uint8Array, offset: number, captured: number, length: number = captured): number {
    const program = this.#program;
    const memory = this.#memory;
    // Both as signed numbers, so that they stay integers; comparisons take them without sign.
    let a = 0;
    let x = 0;
    for (let i = 0; ; i += 4) {
      const k = program[i + 3]!;
      switch (program[i]) {
        case Code.LD_BYTE:
        case Code.LD_BYTE_X: {
          const at = program[i] === Code.LD_BYTE ? k >>> 0 : (x + k) >>> 0;
          if (at >= captured) return 0;
          a = u8[offset + at]!;
          break;
        }
        case Code.LD_HALF:
        case Code.LD_HALF_X: {
          const at = program[i] === Code.LD_HALF ? k >>> 0 : (x + k) >>> 0;
          if (at + 2 > captured) return 0;
          a = (u8[offset + at]! << 8) | u8[offset + at + 1]!;
          break;
        }
        case Code.LD_WORD:
        case Code.LD_WORD_X: {
          const at = program[i] === Code.LD_WORD ? k >>> 0 : (x + k) >>> 0;
          if (at + 4 > captured) return 0;
          const p = offset + at;
          a = (u8[p]! << 24) | (u8[p + 1]! << 16) | (u8[p + 2]! << 8) | u8[p + 3]!;
          break;
        }
        case Code.JEQ_K:
          i += 4 * (a === k ? program[i + 1]! : program[i + 2]!);
          break;
        case Code.JEQ_X:
          i += 4 * (a === x ? program[i + 1]! : program[i + 2]!);
          break;
        case Code.JGT_K:
          i += 4 * (a >>> 0 > k >>> 0 ? program[i + 1]! : program[i + 2]!);
          break;
        case Code.JGT_X:
          i += 4 * (a >>> 0 > x >>> 0 ? program[i + 1]! : program[i + 2]!);
          break;
        case Code.JGE_K:
          i += 4 * (a >>> 0 >= k >>> 0 ? program[i + 1]! : program[i + 2]!);
          break;
        case Code.JGE_X:
          i += 4 * (a >>> 0 >= x >>> 0 ? program[i + 1]! : program[i + 2]!);
          break;
        case Code.JSET_K:
          i += 4 * ((a & k) !== 0 ? program[i + 1]! : program[i + 2]!);
          break;
        case Code.JSET_X:
          i += 4 * ((a & x) !== 0 ? program[i + 1]! : program[i + 2]!);
          break;
        case Code.JA:
          i += 4 * k;
          break;
        case Code.RET_K:
          return k >>> 0;
        case Code.RET_A:
          return a >>> 0;
        case Code.LDX_HEADER_LENGTH: {
          const at = k >>> 0;
          if (at >= captured) return 0;
          x = (u8[offset + at]! & 15) << 2;
          break;
        }
        case Code.LD_LENGTH:
          a = length | 0;
          break;
        case Code.LDX_LENGTH:
          x = length | 0;
          break;
        case Code.LD_K:
          a = k;
          break;
        case Code.LDX_K:
          x = k;
          break;
        case Code.LD_MEMORY:
          a = memory[k]!;
          break;
        case Code.LDX_MEMORY:
          x = memory[k]!;
          break;
        case Code.ST:
          memory[k] = a;
          break;
        case Code.STX:
          memory[k] = x;
          break;
        case Code.TAX:
          x = a;
          break;
        case Code.TXA:
          a = x;
          break;
        case Code.ADD_K:
          a = (a + k) | 0;
          break;
        case Code.ADD_X:
          a = (a + x) | 0;
          break;
        case Code.SUB_K:
          a = (a - k) | 0;
          break;
        case Code.SUB_X:
          a = (a - x) | 0;
          break;
        case Code.MUL_K:
          a = Math.imul(a, k);
          break;
        case Code.MUL_X:
          a = Math.imul(a, x);
          break;
        case Code.DIV_K:
          a = ((a >>> 0) / (k >>> 0)) | 0;
          break;
        case Code.DIV_X:
          if (x === 0) return 0;
          a = divided(a, x);
          break;
        case Code.MOD_K:
          a = ((a >>> 0) % (k >>> 0)) | 0;
          break;
        case Code.MOD_X:
          if (x === 0) return 0;
          a = ((a >>> 0) % (x >>> 0)) | 0;
          break;
        case Code.AND_K:
          a &= k;
          break;
        case Code.AND_X:
          a &= x;
          break;
        case Code.OR_K:
          a |= k;
          break;
        case Code.OR_X:
          a |= x;
          break;
        case Code.XOR_K:
          a ^= k;
          break;
        case Code.XOR_X:
          a ^= x;
          break;
        case Code.LSH_K:
          a <<= k;
          break;
        case Code.LSH_X:
          a = x >>> 0 > 31 ? 0 : a << x;
          break;
        case Code.RSH_K:
          a >>>= k;
          break;
        case Code.RSH_X:
          a = x >>> 0 > 31 ? 0 : a >>> x;
          break;
        case Code.NEG:
          a = -a | 0;
          break;
        default:
          throw new Error(`instruction ${i / 4} of the filter has code ${program[i]}, which does not exist`);
      }
    }
  }
}

function divided(a: number, x: number): number {
  return ((a >>> 0) / (x >>> 0)) | 0;
}
