import type { FrameSender } from '../relay/transmit.ts';
import type { UdpTemplate } from '../wire/udp-template.ts';

/** Datagrams that are sent in one go: as many as the kernel takes at once, and as gather otherwise. */
const GROUP = 32;
// The slots of one go; of all senders of the thread, for nothing else runs meanwhile.
const offsets = new Int32Array(GROUP);
const lengths = new Int32Array(GROUP);

/**
 * Sends payloads from `first` on to one destination, in one go: up to 32, up to the first that is no Uint8Array or over
 * `maxPayload` bytes, and as many as there is room for. Returns how many. The first has the identification `id`, and each
 * other one more.
 */
export function sendGroup(
  sender: FrameSender,
  template: UdpTemplate,
  payloads: readonly unknown[],
  first: number,
  maxPayload: number,
  id: number,
): number {
  const { headerLength } = template;
  const most = Math.min(GROUP, payloads.length - first);
  let longest = 0;
  let count = 0;
  for (; count < most; count++) {
    const payload = payloads[first + count];
    if (!(payload instanceof Uint8Array) || payload.length > maxPayload) break;
    const length = headerLength + payload.length;
    lengths[count] = length;
    if (length > longest) longest = length;
  }
  const taken = count === 0 ? 0 : sender.reserveMany(offsets, count, longest);
  const { memory } = sender;
  let written = 0;
  try {
    for (; written < taken; written++) {
      const payload = payloads[first + written] as Uint8Array;
      const length = lengths[written] - headerLength;
      template.write(memory, offsets[written], payload, 0, length, (id + written) & 0xffff);
    }
  } finally {
    // Less than all only when something has thrown.
    for (let i = written; i < taken; i++) sender.cancel(offsets[i]);
    if (written > 0) sender.commitMany(offsets, lengths, written);
  }
  return written;
}
