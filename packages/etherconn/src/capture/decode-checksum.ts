import { ChecksumState, checksumStateName } from '../wire/checksum.ts';
import type { FrameRecord } from '../wire/record.ts';
import { transportChecksumState } from '../wire/transport-checksum.ts';

/**
 * `good`: right. `bad`: wrong, also where a sender left it to be completed by hardware. `zero`: the field of
 * UDP is 0, the sender computed none. `unverified`: it cannot be computed, because bytes are missing, the frame
 * is a fragment, or the length is wrong. `absent`: IPv6 has no header checksum.
 */
export type DecodedChecksum = 'good' | 'bad' | 'zero' | 'unverified' | 'absent';

/** That of the transport header, which is there. */
export function decodedChecksum(u8: Uint8Array, record: FrameRecord): Exclude<DecodedChecksum, 'absent'> {
  const state = transportChecksumState(u8, record);
  return state === ChecksumState.PARTIAL
    ? 'bad'
    : (checksumStateName(state) as Exclude<DecodedChecksum, 'absent'>);
}
