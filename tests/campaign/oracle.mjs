/** The oracle: captures at the ports of the bridge, which know nothing of campaigns. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { spawnWithUs } from './children.mjs';

/** Source MAC addresses of the clients: the last three bytes are the client's number. */
export const MACS = { dhcp: '02:ec:10:00:00:00', udp: '02:ec:20:00:00:00' };
const PREFIX = 0x02ec;
const FILE_HEADER = 24;
const RECORD_HEADER = 16;

export class Capture {
  #parts;

  static async start(namespace, ports, folder) {
    const parts = [];
    for (const port of ports) {
      const file = join(folder, `${port}.pcap`);
      const child = spawnWithUs(
        namespace,
        'tcpdump',
        ...['-i', port, '-Q', 'in', '-s', '64', '-B', '16384', '-U', '-w', file, '-Z', 'root'],
        ...['--time-stamp-precision=nano', 'ether[0:2] != 0xffff or udp', 'and', 'ether[6:2] = 0x02ec'],
      );
      await listening(child, port);
      parts.push({ port, file, child });
    }
    const capture = new Capture();
    capture.#parts = parts;
    return capture;
  }

  /** Ends it; all frames of clients by time: {port, client, at}, milliseconds since the Unix epoch. */
  async end() {
    const frames = [];
    for (const { port, file, child } of this.#parts) {
      const exited = once(child, 'exit');
      child.kill('SIGINT');
      await exited;
      for (const frame of framesOf(readFileSync(file), port)) frames.push(frame);
    }
    return frames.sort((a, b) => a.at - b.at);
  }
}

async function listening(child, port) {
  let text = '';
  await new Promise((resolve, reject) => {
    child.stderr.on('data', (chunk) => {
      text += chunk;
      if (text.includes('listening on')) resolve();
    });
    child.once('exit', () => reject(new Error(`tcpdump on ${port}: ${text}`)));
  });
}

function* framesOf(file, port) {
  for (let at = FILE_HEADER; at + RECORD_HEADER <= file.length; ) {
    const seconds = file.readUInt32LE(at);
    const nanos = file.readUInt32LE(at + 4);
    const length = file.readUInt32LE(at + 8);
    const frame = at + RECORD_HEADER;
    if (frame + length > file.length) return;
    if (file.readUInt16BE(frame + 6) === PREFIX) {
      const isUdp = file.readUInt8(frame + 8) === 0x20;
      const client = file.readUIntBE(frame + 9, 3);
      yield { port, client, isUdp, at: seconds * 1000 + nanos / 1e6 };
    }
    at = frame + length;
  }
}

/** Milliseconds between the first frames of the ports. */
export function startSpread(frames, ports) {
  const firsts = ports.map((port) => frames.find((frame) => frame.port === port)?.at);
  return { firsts, spread: Math.max(...firsts) - Math.min(...firsts) };
}

/**
 * Frames that came from an agent after another one had begun with the same range: what fencing is to make impossible. By
 * range, since all clients of a range have the same owner.
 */
export function staleFrames(frames, clientsPerRange) {
  const owners = new Map();
  const stale = [];
  for (const frame of frames) {
    const range = Math.floor(frame.client / clientsPerRange);
    const known = owners.get(range) ?? { port: frame.port, former: new Set() };
    if (known.former.has(frame.port)) stale.push({ ...frame, range });
    else if (known.port !== frame.port) {
      known.former.add(known.port);
      known.port = frame.port;
    }
    owners.set(range, known);
  }
  return stale;
}

/** Ranges by the port that had them before, with the pause until another port had them. */
export function handovers(frames, clientsPerRange) {
  const last = new Map();
  const found = [];
  for (const frame of frames) {
    const range = Math.floor(frame.client / clientsPerRange);
    const before = last.get(range);
    if (before !== undefined && before.port !== frame.port)
      found.push({ range, from: before.port, to: frame.port, left: before.at, came: frame.at });
    last.set(range, frame);
  }
  return found;
}
