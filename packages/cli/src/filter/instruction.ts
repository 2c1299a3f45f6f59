/** Classic BPF (linux/filter.h): one instruction, and the codes of those that are used here. */
export interface Instruction {
  readonly code: number;
  /** Instructions to skip when a comparison holds, and when not. */
  readonly yes: number;
  readonly no: number;
  readonly k: number;
}

/** By the names of BPF's assembler, with the source of the second operand: K or X. */
export const Code = {
  LD_WORD: 0x20,
  LD_HALF: 0x28,
  LD_BYTE: 0x30,
  LD_WORD_X: 0x40,
  LD_HALF_X: 0x48,
  LD_BYTE_X: 0x50,
  LD_LENGTH: 0x80,
  LD_K: 0x00,
  LD_MEMORY: 0x60,
  LDX_K: 0x01,
  LDX_MEMORY: 0x61,
  LDX_LENGTH: 0x81,
  /** X = 4 * (byte at k & 15). */
  LDX_HEADER_LENGTH: 0xb1,
  ST: 0x02,
  STX: 0x03,
  ADD_K: 0x04,
  ADD_X: 0x0c,
  SUB_K: 0x14,
  SUB_X: 0x1c,
  MUL_K: 0x24,
  MUL_X: 0x2c,
  DIV_K: 0x34,
  DIV_X: 0x3c,
  OR_K: 0x44,
  OR_X: 0x4c,
  AND_K: 0x54,
  AND_X: 0x5c,
  LSH_K: 0x64,
  LSH_X: 0x6c,
  RSH_K: 0x74,
  RSH_X: 0x7c,
  NEG: 0x84,
  MOD_K: 0x94,
  MOD_X: 0x9c,
  XOR_K: 0xa4,
  XOR_X: 0xac,
  JA: 0x05,
  JEQ_K: 0x15,
  JEQ_X: 0x1d,
  JGT_K: 0x25,
  JGT_X: 0x2d,
  JGE_K: 0x35,
  JGE_X: 0x3d,
  JSET_K: 0x45,
  JSET_X: 0x4d,
  RET_K: 0x06,
  RET_A: 0x16,
  TAX: 0x07,
  TXA: 0x87,
} as const;

/** The least that an offset to what the kernel knows is: SKF_AD_OFF. */
export const ANCILLARY = 0xffff_f000;

/** Cells of a program's memory (BPF_MEMWORDS). */
export const MEMORY_CELLS = 16;

/** struct sock_filter after struct sock_filter, as SO_ATTACH_FILTER takes them. */
export function encodeProgram(program: readonly Instruction[]): Uint8Array {
  const bytes = new Uint8Array(8 * program.length);
  const codes = new Uint16Array(bytes.buffer);
  const operands = new Uint32Array(bytes.buffer);
  for (const [i, { code, yes, no, k }] of program.entries()) {
    codes[4 * i] = code;
    bytes[8 * i + 2] = yes;
    bytes[8 * i + 3] = no;
    operands[2 * i + 1] = k;
  }
  return bytes;
}
