import { PACKET_OUTGOING } from './if-packet.ts';

/**
 * Classic BPF programs (linux/filter.h) that spare us frames for MAC addresses nobody here has. They run on the
 * frame as it lies in the socket buffer: destination address first, the outer VLAN tag usually taken out.
 */

/** More addresses than this are not worth a linear program: everything passes and is sorted out here. */
export const MAX_FILTER_ADDRESSES = 32;

const LOAD_WORD = 0x20; // BPF_LD | BPF_W | BPF_ABS
const LOAD_HALF = 0x28; // BPF_LD | BPF_H | BPF_ABS
const LOAD_BYTE = 0x30; // BPF_LD | BPF_B | BPF_ABS
const JUMP_EQUAL = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const JUMP_SET = 0x45; // BPF_JMP | BPF_JSET | BPF_K
const RETURN = 0x06; // BPF_RET | BPF_K
const PACKET_TYPE = 0xfffff004; // SKF_AD_OFF + SKF_AD_PKTTYPE
const GROUP_BIT = 0x01;
const WHOLE_FRAME = 0xffffffff;
const INSTRUCTION_SIZE = 8; // struct sock_filter

interface Instruction {
  readonly code: number;
  readonly operand: number;
  /** Instructions to skip when the comparison holds; 'accept' goes to the end. */
  readonly ifTrue?: number | 'accept';
  readonly ifFalse?: number | 'accept';
}

const DROP: Instruction = { code: RETURN, operand: 0 };

/** What a program lets through, beside what is dropped always: copies of frames that this machine sends. */
export interface FilterRule {
  /** Everything. */
  readonly all: boolean;
  /** Broadcast and multicast. */
  readonly group: boolean;
  /** Destination addresses as numbers below 2^48. */
  readonly addresses: ReadonlySet<number>;
}

/** Whether every frame that passes `inner` passes `outer` too. */
export function covers(outer: FilterRule, inner: FilterRule): boolean {
  if (outer.all) return true;
  if (inner.all || (inner.group && !outer.group)) return false;
  for (const address of inner.addresses) if (!outer.addresses.has(address)) return false;
  return true;
}

/** The program for a rule: struct sock_filter after struct sock_filter, at most 255 of them. */
export function filterProgram(rule: FilterRule): Uint8Array {
  const program: Instruction[] = [
    { code: LOAD_BYTE, operand: PACKET_TYPE },
    { code: JUMP_EQUAL, operand: PACKET_OUTGOING, ifFalse: 1 },
    DROP,
  ];
  if (!rule.all) {
    program.push({ code: LOAD_BYTE, operand: 0 });
    program.push({
      code: JUMP_SET,
      operand: GROUP_BIT,
      ifTrue: rule.group ? 'accept' : 0,
      ifFalse: rule.group ? 0 : 1,
    });
    if (!rule.group) program.push(DROP);
    program.push({ code: LOAD_WORD, operand: 0 });
    for (const [high, lows] of byHigh(rule.addresses)) {
      program.push({ code: JUMP_EQUAL, operand: high, ifFalse: lows.length + 2 });
      program.push({ code: LOAD_HALF, operand: 4 });
      for (const low of lows) program.push({ code: JUMP_EQUAL, operand: low, ifTrue: 'accept' });
      program.push(DROP);
    }
    program.push(DROP);
  }
  program.push({ code: RETURN, operand: WHOLE_FRAME });
  return encode(program);
}

/** Addresses by their first 4 bytes, since a comparison takes 4 or 2 bytes. */
function byHigh(addresses: ReadonlySet<number>): Map<number, number[]> {
  const groups = new Map<number, number[]>();
  for (const address of addresses) {
    const high = Math.floor(address / 0x10000);
    const lows = groups.get(high);
    if (lows === undefined) groups.set(high, [address % 0x10000]);
    else lows.push(address % 0x10000);
  }
  return groups;
}

function encode(program: readonly Instruction[]): Uint8Array {
  const bytes = new Uint8Array(program.length * INSTRUCTION_SIZE);
  const codes = new Uint16Array(bytes.buffer);
  const operands = new Uint32Array(bytes.buffer);
  const accept = program.length - 1;
  for (const [i, { code, operand, ifTrue = 0, ifFalse = 0 }] of program.entries()) {
    codes[i * 4] = code;
    bytes[i * INSTRUCTION_SIZE + 2] = ifTrue === 'accept' ? accept - i - 1 : ifTrue;
    bytes[i * INSTRUCTION_SIZE + 3] = ifFalse === 'accept' ? accept - i - 1 : ifFalse;
    operands[i * 2 + 1] = operand;
  }
  return bytes;
}
