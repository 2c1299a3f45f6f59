/**
 * Holds a relay with a host until it is ended from outside: `node hold.mjs ENGINE INTERFACE NETNS`. Says 'open', or the
 * code of the error; on a line of standard input does what it says.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { EtherConn, Host } from 'etherconn';
import { HOST_ADDRESS, HOST_MAC } from '../lib/scene.mjs';
import { openRelay } from '../lib/wire.mjs';

const [engine, interfaceName, netns] = workerData ?? process.argv.slice(2);
const say = (text) => (parentPort === null ? console.log(text) : parentPort.postMessage(text));

try {
  const relay = await openRelay(engine, { interfaceName, netns });
  Host.createNow(relay, { mac: HOST_MAC, addresses: [`${HOST_ADDRESS}/24`], detectDuplicates: 'off' });
  new EtherConn('02:00:00:00:00:08', relay, [], { role: 'mirror' });
  say('open');
} catch (error) {
  say(error.code ?? error.stack);
}
process.stdin.on('data', (text) => {
  if (String(text).trim() === 'exit') process.exit(0);
  if (String(text).trim() === 'throw') throw new Error('as told');
});
