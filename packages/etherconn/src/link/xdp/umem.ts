import { EtherconnError } from '../../errors.ts';
import { newWasmMemory, type WasmMemory, webAssembly } from '../../wire/webassembly.ts';
import { viewsOver, viewsOverWasm } from '../frame-memory.ts';
import type { FrameMemory } from '../link.ts';

/**
 * Where a chunk is. Every chunk is in exactly one place; each change is checked where it happens, and `audit.ts`
 * checks the whole.
 */
export const ChunkState = {
  /** On the stack of slots to send from. */
  FREE: 0,
  /** Reserved by a writer. */
  RESERVED: 1,
  /** In the TX ring, in the kernel's hands, or in the completion ring. */
  SENDING: 2,
  /** In the fill ring, in the kernel's hands, or in the RX ring. */
  FILLING: 3,
  /** In the batch that is being received. */
  RECEIVED: 4,
  /** Belongs to the slot of several chunks that begins before it. */
  PART: 5,
  /** Not used: what is left over where slots have several chunks. */
  SPARE: 6,
} as const;

/**
 * Packet memory: chunks of equal size that all queues of a link share. It lies in a WebAssembly.Memory, which starts
 * on a page and never moves, as the kernel needs it, and can be detached and left to the garbage collector: the
 * kernel holds the pages for itself.
 */
export class Umem {
  readonly memory: FrameMemory;
  readonly chunkSize: number;
  /** Binary logarithm of the chunk size. */
  readonly shift: number;
  readonly chunks: number;
  /** Bytes of chunks, from the start of the memory. Behind them is scratch that the kernel does not know of. */
  readonly bytes: number;
  /** One of {@link ChunkState} for each chunk. */
  readonly state: Uint8Array;
  #wasm: WasmMemory | undefined;

  /**
   * `chunkSize` is a power of two, `scratch` a number of bytes that are put behind the chunks (default 0). Throws an
   * EtherconnError where there is not that much memory.
   */
  constructor(chunks: number, chunkSize: number, scratch = 0) {
    this.chunks = chunks;
    this.bytes = chunks * chunkSize;
    this.chunkSize = chunkSize;
    this.shift = 31 - Math.clz32(chunkSize);
    this.state = new Uint8Array(chunks);
    const wasm = allocate(this.bytes + scratch);
    this.#wasm = wasm;
    this.memory = viewsOverWasm(wasm);
  }

  /** Views that were kept read as detached from here on. Harmless when repeated. */
  detach(): void {
    this.#wasm?.grow(0);
    this.#wasm = undefined;
    // A detached buffer still holds on to its WebAssembly.Memory, as does what sums over it, and so to gigabytes of
    // address space: a closed link that is kept for its statistics is not to keep those as well.
    Object.assign(this.memory, viewsOver(new ArrayBuffer(0)));
  }
}

function allocate(bytes: number): WasmMemory {
  if (webAssembly === undefined) {
    throw new EtherconnError('ERR_ETHERCONN_MEMORY', 'XDP links need WebAssembly, which --jitless disables');
  }
  try {
    return newWasmMemory(webAssembly, bytes);
  } catch (cause) {
    throw new EtherconnError(
      'ERR_ETHERCONN_MEMORY',
      `no ${bytes} bytes of memory for packets: lower 'chunks', or raise the limit of address space (ulimit -v)`,
      { cause },
    );
  }
}
