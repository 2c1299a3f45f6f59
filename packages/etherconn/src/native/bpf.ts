declare const bpfBrand: unique symbol;

/** A map, a program or a link of bpf(2), held open. */
export interface NativeBpf {
  readonly [bpfBrand]: true;
}

/** What an object of bpf(2) is. */
export interface BpfDescription {
  /** 'bpf-map', 'bpf-prog', 'bpf_link' (as /proc has them), or what else the descriptor is of. */
  readonly kind: string;
  /** The kernel's number of it, which no other object of its kind ever gets; 0 when it cannot be told. */
  readonly id: number;
  /** BPF_MAP_TYPE_* of linux/bpf.h; 0, as all below, for what is no map. */
  readonly type: number;
  /** Bytes. */
  readonly keySize: number;
  /** Bytes. */
  readonly valueSize: number;
  readonly maxEntries: number;
}

/** The addon's functions about bpf(2). They throw as its others do. */
export interface BpfFunctions {
  bpfMapCreate(type: number, keySize: number, valueSize: number, maxEntries: number, name: string): NativeBpf;
  /** For maps of type HASH, ARRAY, and XSKMAP, whose values are file descriptors. */
  bpfMapUpdate(map: NativeBpf, key: Uint8Array, value: Uint8Array): void;
  /** For the same maps, with values of at most 64 bytes. */
  bpfMapHas(map: NativeBpf, key: Uint8Array): boolean;
  /** Whether it was there. */
  bpfMapDelete(map: NativeBpf, key: Uint8Array): boolean;
  /** Of a per-CPU array of 64-bit numbers the first entries, each added up over all CPUs, into `totals` (8 bytes each). */
  bpfMapSum(map: NativeBpf, totals: Uint8Array): void;
  /**
   * An XDP program. `flags`: BPF_F_* of BPF_PROG_LOAD. The verifier writes into `log`, as text that ends with a zero,
   * unless it has length 0.
   */
  bpfProgramLoad(
    instructions: Uint8Array,
    license: string,
    name: string,
    flags: number,
    log: Uint8Array,
  ): NativeBpf;
  /** Attaches; detached when the link is closed, or the process ends. `flags`: XDP_FLAGS_*_MODE. */
  bpfLinkCreate(program: NativeBpf, interfaceIndex: number, flags: number, namespaceFd: number): NativeBpf;
  /**
   * The program's verdict (enum xdp_action) on a frame as if it had come from that queue; the index 0 means the
   * loopback interface and its only queue.
   */
  bpfTestRun(
    program: NativeBpf,
    frame: Uint8Array,
    interfaceIndex: number,
    queue: number,
    namespaceFd: number,
  ): number;
  /** A handle of its own on the object behind a descriptor, which stays the caller's. */
  bpfAdopt(fd: number): NativeBpf;
  /** The object that is pinned in a BPF file system. */
  bpfOpen(path: string): NativeBpf;
  bpfPin(object: NativeBpf, path: string): void;
  bpfDescribe(object: NativeBpf): BpfDescription;
  bpfFd(object: NativeBpf): number;
  /** Harmless when repeated. */
  bpfClose(object: NativeBpf): void;

  // The maps of the steering program (bpf/steer.h). Each call is one step for all threads of the process. `queues` is
  // a mask of 8 bytes, little endian.

  /**
   * Replaces what `queues` want of the endpoints `keys` (struct endpoint_key) by `wishes` (struct endpoint, as many;
   * zeros: nothing). `shared`: the map may hold wishes of other queues.
   */
  steeringMerge(
    endpoints: NativeBpf,
    keys: Uint8Array,
    wishes: Uint8Array,
    queues: Uint8Array,
    shared: boolean,
  ): void;
  /** Whether `queues` take datagrams for a struct service_key. */
  steeringService(
    services: NativeBpf,
    settings: NativeBpf,
    key: Uint8Array,
    queues: Uint8Array,
    wanted: boolean,
  ): void;
  /** Whether `queues` take every unicast frame. */
  steeringTakeAll(settings: NativeBpf, queues: Uint8Array, wanted: boolean): void;
}
