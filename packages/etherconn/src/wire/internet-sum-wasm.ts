// Made by scripts/build-wasm.mjs from wasm/internet-sum.wat; not to be changed by hand.

/** The WebAssembly module that sums: 446 bytes. */
export const INTERNET_SUM_WASM: {
  /** Base64. */
  readonly module: string;
  /** SHA-256 of the source. */
  readonly sourceHash: string;
  readonly assembler: string;
} = {
  module: [
    'AGFzbQEAAAABBwFgAn9/AX8CEgEGZnJhbWVzBm1lbW9yeQIAAAMCAQAHBwEDc3VtAAAKiQMBhgMDAX8CewJ+IAEgAGshAiAC',
    'QcAATwRAA0AgAyAA/QAAAP1//a4BIQMgBCAA/QAAEP1//a4BIQQgAyAA/QAAIP1//a4BIQMgBCAA/QAAMP1//a4BIQQgAEHA',
    'AGohACACQcAAayECIAJBwABPDQALCyACQRBPBEADQCADIAD9AAAA/X/9rgEhAyAAQRBqIQAgAkEQayECIAJBEE8NAAsLIAP9',
    'yQEgA/3KAf3OASAE/ckBIAT9ygH9zgH9zgEhAyAD/R0AIAP9HQF8IQYgAkEIcQRAIAApAAAhBSAGIAVC/////w+DIAVCIIh8',
    'fCEGIABBCGohAAsgAkEEcQRAIAYgADUAAHwhBiAAQQRqIQALIAJBAnEEQCAGIAAzAAB8IQYgAEECaiEACyACQQFxBEAgBiAA',
    'MQAAfCEGCyAGQv////8PgyAGQiCIfCEGIAZC//8DgyAGQhCIfCEGIAZC//8DgyAGQhCIfCEGIAZC//8DgyAGQhCIfCEGIAZC',
    '/wGDQgiGIAZCCIiEpws=',
  ].join(''),
  sourceHash: '855431d887ff6fc6b0ffec5c8dadf096c5ba9771fe654476ee3757da2a2e010c',
  assembler: 'wabt 1.0.39',
};
