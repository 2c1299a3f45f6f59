import { parentPort, workerData } from 'node:worker_threads';
import { copyFrame } from '../link/frame-memory.ts';
import type { FrameMemory, LinkWants } from '../link/link.ts';
import { openXdpLink } from '../link/xdp/link.ts';
import type { XdpLinkOptions } from '../link/xdp/options.ts';
import { STATION_A, STATION_B } from './link-probe.ts';
import { stationAt } from './xdp-bench.ts';

/**
 * A program that holds an XDP link open until it is ended from outside, and says 'open' when it has it: as a process
 * (`node hold-xdp-link.js INTERFACE NETNS OPTIONS`, an empty NETNS for its own), or as a worker thread with the same
 * arguments or the options as its data, which answers 'count' with the number of frames received so far, and 'close' by
 * closing the link.
 */

/** Options of the link and, beside them: */
export interface HoldOptions extends XdpLinkOptions {
  /** What it asks for beside its station's frames. Default neither. */
  wants?: LinkWants;
  /** Send every frame back. Default false. */
  echo?: boolean;
}

const [interfaceName, netns, text = '{}'] = process.argv.slice(2);
const data = (workerData ?? JSON.parse(text)) as HoldOptions;
const { wants = { all: false, group: false }, echo = false, ...options } = data;
const link = await openXdpLink(interfaceName, { ...options, ...(netns && { netns }) });
let frames = 0;
let memory: FrameMemory | undefined;
link.start({
  begin(given) {
    memory = given;
  },
  frame(offset, length) {
    frames++;
    if (!echo) return;
    const slot = link.tx.reserve(length);
    if (slot < 0) return;
    copyFrame(link.tx.memory, slot, memory!, offset, length);
    link.tx.memory.u8.set(STATION_A, slot);
    link.tx.commit(slot, length);
  },
  end() {
    if (echo) link.tx.flush();
  },
  error() {},
  state() {},
});
link.steer([stationAt(STATION_B)], [], wants);
if (parentPort === null) {
  console.log('open');
} else {
  const port = parentPort;
  port.on('message', (message) => {
    if (message === 'count') port.postMessage(frames);
    if (message === 'close') void link.close().then(() => port.close());
  });
  port.postMessage('open');
}
