/** Sends datagrams at a pace: `node pace.mjs INTERFACE NETNS PER_SECOND`. Ends with its standard input. */
import { L2EndpointKey, RawSocketRelay } from 'etherconn';
import { buildUdpFrame } from 'etherconn/wire';

const [interfaceName, netns, perSecond] = process.argv.slice(2);
const relay = await RawSocketRelay.open(interfaceName, { netns, sendingMode: 'batch' });
const registration = relay.register([L2EndpointKey.of('02:ee:00:00:00:01', 0x9999)]);
const frame = buildUdpFrame({
  sourceMac: '02:ee:00:00:00:01',
  destinationMac: '02:00:00:00:00:05',
  source: '10.9.0.250',
  sourcePort: 9,
  destination: '10.9.0.5',
  destinationPort: 4000,
  payload: new Uint8Array(100),
});
const began = performance.now();
let sent = 0;
setInterval(() => {
  const due = ((performance.now() - began) * Number(perSecond)) / 1000;
  while (sent < due && registration.trySend(frame) === 1) sent++;
  relay.flush();
}, 2);
process.stdin.resume().on('end', () => process.exit(0));
console.log('open');
