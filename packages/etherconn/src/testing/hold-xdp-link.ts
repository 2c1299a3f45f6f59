import { parentPort, workerData } from 'node:worker_threads';
import { openXdpLink } from '../link/xdp/link.ts';
import type { XdpLinkOptions } from '../link/xdp/options.ts';

/**
 * A program that holds an XDP link open until it is ended from outside, and says 'open' when it has it: as a process
 * (`node hold-xdp-link.js INTERFACE NETNS`), or as a worker thread with the same arguments, which takes more options as
 * its data, answers 'count' with the number of test frames received so far, and 'close' by closing the link.
 */
const [interfaceName, netns] = process.argv.slice(2);
const link = await openXdpLink(interfaceName, { netns, ...(workerData as XdpLinkOptions | null) });
let frames = 0;
link.start({
  begin() {},
  frame() {
    frames++;
  },
  end() {},
  error() {},
  state() {},
});
const stations = [{ macHigh: 0x02ec0000, macLow: 0x0b, vlanKey: 0, etherTypes: [0x88b5] }];
link.steer(stations, [], { all: false, group: false });
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
