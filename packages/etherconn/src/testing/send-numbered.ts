import { setImmediate as immediate, setTimeout as sleep } from 'node:timers/promises';
import { workerData } from 'node:worker_threads';
import { openPacketLink } from '../link/packet/link.ts';
import { NUMBERED_LENGTH, STATION_A, STATION_B, sendFrame, testFrame } from './link-probe.ts';
import { type NumberedSending, Pace, Shared } from './numbered-sending.ts';

const AT_ONCE = 8;
/** Frames that may be on their way: no ring of a receiver overflows. */
const AHEAD = 1000;

/** A worker that sends test frames, numbered from 0, from STATION_A to STATION_B over an AF_PACKET link. */
const { netns, interfaceName, shared } = workerData as NumberedSending;
const link = openPacketLink(interfaceName, { netns });
const frame = testFrame(STATION_B, STATION_A, 0, NUMBERED_LENGTH);
const number = new DataView(frame.buffer);
let sent = 0;

function send(count: number): void {
  for (let i = 0; i < count && sent - Atomics.load(shared, Shared.RECEIVED) < AHEAD; i++) {
    number.setUint32(14, sent);
    if (!sendFrame(link, frame)) break;
    sent++;
  }
  link.tx.flush();
  Atomics.store(shared, Shared.SENT, sent);
}

for (;;) {
  const pace = Atomics.load(shared, Shared.PACE);
  if (pace === Pace.END) break;
  send(pace === Pace.DENSE ? AT_ONCE : 1);
  await (pace === Pace.DENSE ? immediate() : sleep(2));
}
await link.close();
