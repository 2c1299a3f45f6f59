import { Buffer } from 'node:buffer';
import type { FrameMemory } from '../link/link.ts';

/** Bytes of a slab. A message that somebody keeps holds its slab, so it is not made larger than that. */
const SLAB = 64 * 1024;
/** Longer messages have memory of their own. */
const LONGEST = 4096;
/** Up to here a loop over words is quicker than a view and a `set`. */
const LOOP = 128;

type MakeBuffer = new (memory: ArrayBufferLike, offset: number, length: number) => Buffer;

/**
 * The class whose instances all Buffers are. `Buffer.from` comes to the same, after half as much time again for checks;
 * the name under which Node gives the class out is the one that methods of typed arrays make copies by.
 */
const NodeBuffer: MakeBuffer = findBufferClass();

/** Memory for received messages: Buffers that the receiver may keep, cut from slabs. */
class MessageSlab {
  // An ArrayBuffer is kept beside its view, for getting it from there is a call out of the compiled code.
  #slab = new ArrayBuffer(0);
  #words = new Uint32Array(0);
  /** Past the end, so that the first message has a slab made. */
  #at = SLAB + 1;

  /** A copy of `[start, end)` of a frame's memory. */
  copy(memory: FrameMemory, start: number, end: number): Buffer {
    const length = end - start;
    if (length > LONGEST) return copyOf(memory.u8, start, end);
    if (this.#at + length > SLAB) this.#renew();
    const at = this.#at;
    const message = new NodeBuffer(this.#slab, at, length);
    this.#at = (at + length + 7) & ~7;
    if (length > LOOP) {
      message.set(memory.u8.subarray(start, end));
    } else if ((start & 3) === 0) {
      const words = this.#words;
      const from = memory.u32;
      const whole = start >> 2;
      const to = at >> 2;
      const count = length >> 2;
      for (let i = 0; i < count; i++) words[to + i] = from[whole + i]!;
      for (let i = count << 2; i < length; i++) message[i] = memory.u8[start + i]!;
    } else {
      for (let i = 0; i < length; i++) message[i] = memory.u8[start + i]!;
    }
    return message;
  }

  #renew(): void {
    this.#slab = Buffer.allocUnsafeSlow(SLAB).buffer;
    this.#words = new Uint32Array(this.#slab);
    this.#at = 0;
  }
}

function findBufferClass(): MakeBuffer {
  const found = (Buffer as unknown as { readonly [Symbol.species]?: MakeBuffer })[Symbol.species];
  if (found !== undefined && found.prototype === Buffer.prototype) return found;
  return function make(memory: ArrayBufferLike, offset: number, length: number) {
    return Buffer.from(memory, offset, length);
  } as unknown as MakeBuffer;
}

function copyOf(u8: Uint8Array, start: number, end: number): Buffer {
  const message = Buffer.allocUnsafeSlow(end - start);
  message.set(u8.subarray(start, end));
  return message;
}

/** One for all sockets of the thread. */
export const messages: MessageSlab = new MessageSlab();
