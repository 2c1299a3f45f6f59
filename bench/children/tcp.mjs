/**
 * One side of a measurement of TCP over veth: { role, side, engine, polling, ms, connections, address }. Roles: 'sink'
 * and 'source' of bulk, which count bytes between commands; 'server', which answers requests of 100 bytes with as many;
 * 'client', which has one request under way on each connection; 'opener', which makes a connection for each request.
 */
import { PORT } from '../lib/plan.mjs';
import { RoundTrips } from './round-trips.mjs';
import { openEnds } from './tcp-ends.mjs';
import { answer, countBetweenCommands, onCommand, readArguments, sayReady } from './timing.mjs';

const options = readArguments();
const { role, ms = 400, connections = 1, address } = options;
const REQUEST = 100;
const BLOCK = 64 * 1024;
/** Openers under way at once. */
const OPENING = 16;
/** Ports that it connects to in turn: an ended connection keeps its local port from the next one to the same port. */
const PORTS = 16;
const ends = await openEnds(options);
const request = new Uint8Array(REQUEST).fill(0x5a);
let bytes = 0;

/** @param {import('./tcp-ends.mjs').End} end */
function pour(end) {
  const block = new Uint8Array(BLOCK).fill(0x5a);
  end.onRoom = () => {
    while (end.write(block)) bytes += BLOCK;
    bytes += BLOCK;
  };
  end.onRoom();
}

/** @param {import('./tcp-ends.mjs').End} end */
function drain(end) {
  end.onData = (_, length) => {
    bytes += length;
  };
}

/**
 * Calls back for each whole message.
 * @param {import('./tcp-ends.mjs').End} end
 * @param {() => void} message
 */
function onMessages(end, message) {
  let missing = REQUEST;
  end.onData = (_, length) => {
    let rest = length;
    while (rest >= missing) {
      rest -= missing;
      missing = REQUEST;
      message();
    }
    missing -= rest;
  };
}

switch (role) {
  case 'sink':
    ends.listen(PORT, drain);
    // The other way: this side connects, and the other one pours.
    if (address !== undefined) drain(ends.connect(address, PORT));
    countBetweenCommands(() => ({ bytes }));
    break;
  case 'source': {
    ends.listen(PORT, pour);
    if (address !== undefined) {
      const end = ends.connect(address, PORT);
      end.onOpen = () => pour(end);
    }
    onCommand(() => process.exit(0));
    break;
  }
  case 'server':
    for (let n = 0; n < PORTS; n++)
      ends.listen(PORT + n, (end) => onMessages(end, () => void end.write(request)));
    break;
  case 'client': {
    const all = Array.from({ length: connections }, () => ends.connect(address, PORT));
    const trips = new RoundTrips(connections, ms, (slot) => void all[slot].write(request));
    for (const [slot, end] of all.entries()) onMessages(end, () => trips.answered(slot));
    await Promise.all(all.map((end) => new Promise((resolve) => (end.onOpen = () => resolve(undefined)))));
    onCommand(() => trips.begin());
    break;
  }
  case 'opener': {
    let done = 0;
    let opened = 0;
    const open = () => {
      const end = ends.connect(address, PORT + (opened++ % PORTS));
      end.onOpen = () => void end.write(request);
      onMessages(end, () => {
        done++;
        end.end();
        open();
      });
    };
    onCommand(() => {
      for (let i = 0; i < OPENING; i++) open();
      setTimeout(() => {
        const before = done;
        const start = performance.now();
        setTimeout(() => {
          answer({ perSecond: ((done - before) * 1000) / (performance.now() - start) });
          process.exit(0);
        }, ms);
      }, ms / 2);
    });
    break;
  }
  default:
    throw new Error(`role: ${role}`);
}
sayReady();
