import { OpenTable } from '../../open-table.ts';
import { readI32 } from '../../wire/bytes.ts';

const WORDS4 = 4;
const WORDS6 = 10;
const tuple4 = new Int32Array(WORDS4);
const tuple6 = new Int32Array(WORDS6);

/**
 * A station, and the local and the remote end of a connection of it, as words; the same array for every call, so good
 * until the next one. The addresses have 4 or 16 bytes, both.
 */
export function tupleOf(
  station: number,
  local: Uint8Array,
  localAt: number,
  localPort: number,
  remote: Uint8Array,
  remoteAt: number,
  remotePort: number,
  version: number,
): Int32Array {
  const words = version === 4 ? 1 : 4;
  const tuple = version === 4 ? tuple4 : tuple6;
  for (let i = 0; i < words; i++) {
    tuple[i] = readI32(local, localAt + 4 * i);
    tuple[words + i] = readI32(remote, remoteAt + 4 * i);
  }
  tuple[2 * words] = (localPort << 16) | remotePort;
  tuple[2 * words + 1] = station;
  return tuple;
}

/** The IP version of a tuple. */
export function versionOf(tuple: Int32Array): 4 | 6 {
  return tuple.length === WORDS4 ? 4 : 6;
}

/** Connections by station, addresses and ports of both ends, of one IP version. */
export class TupleTable extends OpenTable {
  constructor(version: 4 | 6) {
    super(version === 4 ? WORDS4 : WORDS6, version === 4 ? 3 : 4);
  }

  /** The value of a tuple, or -1. */
  get(tuple: Int32Array): number {
    return this.lookUp(tuple);
  }

  set(tuple: Int32Array, value: number): void {
    this.put(tuple, value);
  }

  delete(tuple: Int32Array): void {
    this.remove(tuple);
  }
}
