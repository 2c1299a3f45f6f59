import type { FrameSizes } from '../scenario/frame-sizes.ts';
import { ScenarioError } from '../scenario/scenario-error.ts';
import { PAYLOAD_LENGTH } from './payload.ts';

const ETHERNET_AND_FCS = 18;
const TAG = 4;
const UDP = 8;

/** Bytes of a frame around the payload of its datagram, FCS included. */
export function overhead(version: 4 | 6, tags: number): number {
  return ETHERNET_AND_FCS + TAG * tags + (version === 4 ? 20 : 40) + UDP;
}

/**
 * The payloads of frames of these sizes. The smallest frame has room for our header. Smaller sizes of a mix grow to it;
 * any other size that is too small throws a ScenarioError.
 */
export function payloadsOf(
  sizes: FrameSizes | undefined,
  version: 4 | 6,
  tags: number,
  option = '--size',
): { readonly size: number; readonly payload: number }[] {
  const around = overhead(version, tags);
  const least = around + PAYLOAD_LENGTH;
  if (sizes === undefined) return [{ size: least, payload: PAYLOAD_LENGTH }];
  return sizes.sizes.map((size) => {
    if (size < least && sizes.text !== 'imix') {
      const with_ = tags === 0 ? '' : ` with ${tags} VLAN ${tags === 1 ? 'tag' : 'tags'}`;
      throw new ScenarioError(
        option,
        `must be at least ${least} over IPv${version}${with_}, so that the measurement's ${PAYLOAD_LENGTH} bytes fit, got '${sizes.text}'`,
      );
    }
    const fitting = Math.max(size, least);
    return { size: fitting, payload: fitting - around };
  });
}
