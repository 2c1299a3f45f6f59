/**
 * Run by Node of another machine's architecture, under an emulator: the addon loads as in any program, its system calls
 * and its event loop work, and so does the library without it. Takes the folder of a package.
 */
import assert from 'node:assert/strict';
import { pathToFileURL } from 'node:url';

const folder = pathToFileURL(`${process.argv[2]}/dist/`);
const { loadAddon } = await import(new URL('native/addon.js', folder).href);
const { Host, MemoryNetwork } = await import(new URL('index.js', folder).href);

const addon = loadAddon();
const timer = addon.timerOpen();
await new Promise((resolve) => {
  const poll = addon.pollOpen(timer, (events) => {
    assert.ok(events > 0);
    addon.pollClose(poll);
    resolve();
  });
  addon.pollStart(poll);
  addon.timerSet(timer, 1000);
});
addon.socketClose(timer);

const AF_INET = 2;
const SOCK_DGRAM = 2;
const ARPHRD_LOOPBACK = 772;
const socket = addon.socketOpen(AF_INET, SOCK_DGRAM, 0, -1);
assert.equal(addon.interfaceQuery(socket, 'lo').type, ARPHRD_LOOPBACK);
assert.throws(() => addon.interfaceQuery(socket, 'none'), { code: 'ENODEV' });
addon.socketClose(socket);

const network = new MemoryNetwork();
const server = await Host.create(network.relay(), { mac: '02:00:00:00:00:01', addresses: ['10.0.0.1/24'] });
const client = await Host.create(network.relay(), { mac: '02:00:00:00:00:02', addresses: ['10.0.0.2/24'] });
const received = server.dgram.createSocket('udp4');
received.bind(7);
const sender = client.dgram.createSocket('udp4');
const message = new Promise((resolve) => received.on('message', resolve));
sender.send('hello', 7, '10.0.0.1');
assert.equal(String(await message), 'hello');
await network.close();
console.log(`${Object.keys(addon).length} functions, Node ${process.version} on ${process.arch}`);
