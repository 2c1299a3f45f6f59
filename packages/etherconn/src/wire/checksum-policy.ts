import { ChecksumState } from './checksum.ts';
import { ipv4ChecksumState } from './ipv4.ts';
import type { SummableMemory } from './memory-sum.ts';
import { plainUdpIsGood } from './plain-udp.ts';
import type { FrameRecord } from './record.ts';
import { transportChecksumStateIn } from './transport-checksum.ts';

/** What becomes of a packet for its checksums. */
export const ChecksumVerdict = {
  REFUSED: 0,
  ACCEPTED: 1,
  /** Accepted, although the checksum is only begun: its sender, on this machine, left the rest to hardware. */
  ACCEPTED_PARTIAL: 2,
} as const;

/**
 * The verdict on a packet's transport checksum. `isVerified`: the kernel or the hardware has verified it. `mayBePartial`:
 * the packet may come from this machine, whose kernel does not complete checksums of what never leaves it. Without a
 * checksum UDP over IPv4 is accepted (RFC 768), over IPv6 not (RFC 8200 §8.1).
 */
export function transportChecksumVerdict(
  memory: SummableMemory,
  record: FrameRecord,
  isVerified: boolean,
  mayBePartial: boolean,
): number {
  if (isVerified) return ChecksumVerdict.ACCEPTED;
  const state = transportChecksumStateIn(memory, record);
  if (state === ChecksumState.GOOD) return ChecksumVerdict.ACCEPTED;
  if (state === ChecksumState.ZERO && record.ipVersion === 4) return ChecksumVerdict.ACCEPTED;
  if (state === ChecksumState.PARTIAL && mayBePartial) return ChecksumVerdict.ACCEPTED_PARTIAL;
  return ChecksumVerdict.REFUSED;
}

/** As {@link transportChecksumVerdict} for a whole UDP datagram, with the checksum of its IPv4 header. */
export function udpChecksumVerdict(
  memory: SummableMemory,
  record: FrameRecord,
  isVerified: boolean,
  mayBePartial: boolean,
): number {
  if (plainUdpIsGood(memory, record)) return ChecksumVerdict.ACCEPTED;
  if (ipv4ChecksumState(memory.u8, record) === ChecksumState.BAD) return ChecksumVerdict.REFUSED;
  return transportChecksumVerdict(memory, record, isVerified, mayBePartial);
}
