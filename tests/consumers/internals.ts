// What is internal is neither completed by editors nor accepted by the compiler.
import { EtherConn, Host, MemoryNetwork, RUDPConn } from 'etherconn';

const network = new MemoryNetwork();
const relay = network.relay();
const ether = new EtherConn('02:00:00:00:00:01', relay);
const conn = new RUDPConn({ address: '10.0.0.1', port: 7 }, ether);
const host = Host.createNow(relay, { addresses: ['10.0.0.5/24'] });

// @ts-expect-error
console.log(relay.addEndpoint);
// @ts-expect-error
console.log(relay.lists);
// @ts-expect-error
console.log(ether.writer);
// @ts-expect-error
console.log(ether.macLow);
// @ts-expect-error
console.log(conn.makeItem);
// @ts-expect-error
console.log(conn.carrier);
// @ts-expect-error
console.log(host.claim);
// @ts-expect-error
console.log(host.carrier);
await host.close();
await network.close();
