import { createSocket } from 'node:dgram';

/**
 * A plain UDP echo server, with nothing of etherconn in it: run as a process of its own in the other
 * namespace, on the kernel's stack. Says 'ready' when it listens, and ends when its standard input closes.
 *
 *   node echo-server.js ADDRESS PORT
 */
const [address, port] = process.argv.slice(2);
const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 });
socket.on('message', (message, sender) => socket.send(message, sender.port, sender.address));
socket.bind(Number(port), address, () => console.log('ready'));
process.stdin.on('end', () => process.exit()).resume();
