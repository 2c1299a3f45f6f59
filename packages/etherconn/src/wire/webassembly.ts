/** JavaScript's interface to WebAssembly as far as it is used here: no type library of Node's declares it. */
export interface WasmMemory {
  /** The whole memory; another one after each `grow`, and the one before is detached then. */
  readonly buffer: ArrayBuffer;
  /** Returns the number of pages before. */
  grow(pages: number): number;
}

declare const moduleBrand: unique symbol;

/** A compiled module. */
export interface WasmModule {
  readonly [moduleBrand]: true;
}

/** The global object `WebAssembly`. */
export interface WebAssemblyApi {
  readonly Memory: new (limits: { initial: number; maximum: number }) => WasmMemory;
  readonly Module: new (bytes: Uint8Array) => WasmModule;
  readonly Instance: new (
    module: WasmModule,
    imports: Readonly<Record<string, Readonly<Record<string, WasmMemory>>>>,
  ) => { readonly exports: Readonly<Record<string, unknown>> };
}

/** Undefined where there is no WebAssembly, as under --jitless. */
export const webAssembly: WebAssemblyApi | undefined = (
  globalThis as unknown as { WebAssembly?: WebAssemblyApi }
).WebAssembly;

const PAGE = 64 << 10;

/**
 * A memory of at least `bytes` bytes, zeroed, that cannot grow, and so never moves. V8 reserves some 10 GiB of address
 * space for each, whatever its size, to do without checks of bounds. Throws a RangeError where it cannot.
 */
export function newWasmMemory(api: WebAssemblyApi, bytes: number): WasmMemory {
  const pages = Math.ceil(bytes / PAGE);
  return new api.Memory({ initial: pages, maximum: pages });
}
