/** What is behind the bridge: a DHCP server of ours on one interface. `node server.mjs INTERFACE` */
import { Relay } from 'etherconn';
import { Responder } from '../../packages/cli/dist/dhcp/responder.js';

const relay = await Relay.open(process.argv[2], { engine: 'packet', sendingMode: 'batch' });
relay.ref?.();
new Responder(relay, { leaseTime: 3600, vlans: [[]], address: '10.250.0.1', first: '10.64.0.1' });
setInterval(() => {}, 60_000);
console.log('ready');
