import { closeSync, openSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { SteeringProgram } from '../link/xdp/program.ts';
import type { SharedProgram } from '../link/xdp/shared-program.ts';
import { loadAddon } from '../native/addon.ts';

/**
 * Programs that hold the steering program until they are ended from outside, and say 'open' when they have it (or, the
 * process, what the kernel has refused). As a process (`node hold-steering.js INTERFACE-INDEX NETNS MODE`) it attaches
 * its own; without arguments it only loads it. As a worker thread it joins the one of `workerData`, and steers some
 * stations again and again so that its changes and those of other threads meet.
 */

/** Data of a worker. */
export interface SteeringWorker {
  readonly program: SharedProgram;
  readonly queue: number;
  readonly etherType: number;
  /** Stations 02:00:00:00:xx:xx from 0. */
  readonly stations: number;
  readonly rounds: number;
}

if (parentPort === null) hold();
else join(workerData as SteeringWorker);

function hold(): void {
  const [index, netns, mode] = process.argv.slice(2);
  try {
    const options = { endpoints: 16, queues: 1, frags: false };
    const program = SteeringProgram.load(loadAddon(), options);
    if (netns !== undefined) {
      const namespaceFd = openSync(netns, 'r');
      program.attach(Number(index), namespaceFd, mode === 'native' ? 'native' : 'generic');
      closeSync(namespaceFd);
    }
    console.log('open');
    process.stdin.resume();
  } catch (error) {
    console.log((error as Error).message);
  }
}

function join(data: SteeringWorker): void {
  const program = SteeringProgram.share(loadAddon(), data.program);
  const mask = 1n << BigInt(data.queue);
  const stations = Array.from({ length: data.stations }, (_, macLow) => {
    return { macHigh: 0x02000000, macLow, vlanKey: 0, etherTypes: [data.etherType] };
  });
  for (let round = 0; round < data.rounds; round++) {
    program.update(stations, [], mask);
    if (round < data.rounds - 1) program.update([], stations, mask);
  }
  parentPort!.postMessage('open');
  // Until it is told to close, or terminated.
  parentPort!.on('message', () => {
    program.close();
    parentPort!.close();
  });
}
