import { parentPort } from 'node:worker_threads';
import { openPacketLink } from '../link/packet/link.ts';

/**
 * A program that holds a link open until it is ended from outside: as a process (`node hold-packet-link.js INTERFACE
 * NETNS`), or as a worker thread with the same arguments. It says 'open' when it has it.
 */
const [interfaceName, netns] = process.argv.slice(2);
const link = openPacketLink(interfaceName, { netns });
link.start({ begin() {}, frame() {}, end() {}, error() {}, state() {} });
if (parentPort === null) console.log('open');
else parentPort.postMessage('open');
