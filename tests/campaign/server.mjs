/** What is behind the bridge: a DHCP server of ours on one interface. `node server.mjs INTERFACE` */
import { Relay } from 'etherconn';
import { DhcpResponder, memoryServerPlan } from '../../packages/cli/dist/dhcp/server/dhcp-responder.js';
import { DhcpServer } from '../../packages/cli/dist/dhcp/server/dhcp-server.js';

/** Addresses for all clients, and for those whose leases a lost agent has left behind. */
const ADDRESSES = 30_000;

const relay = await Relay.open(process.argv[2], { engine: 'packet', sendingMode: 'batch' });
relay.ref?.();
new DhcpResponder(relay, new DhcpServer(memoryServerPlan(ADDRESSES, 3600), () => relay.clock.now()));
setInterval(() => {}, 60_000);
console.log('ready');
