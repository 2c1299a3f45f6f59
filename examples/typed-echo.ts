// An echo server and a client in TypeScript. Node 22.18 and later run it as it is:
//   node examples/typed-echo.ts
import type { RemoteInfo, Socket } from 'node:dgram';
import { once } from 'node:events';
import { type Batch, Host, type HostOptions, MemoryNetwork } from 'etherconn';

const network = new MemoryNetwork();
const options = (n: number): HostOptions => ({
  mac: `02:00:00:00:00:0${n}`,
  addresses: [`10.0.0.${n}/24`, `2001:db8::${n}/64`],
});
const server = await Host.create(network.relay(), options(1));
const client = await Host.create(network.relay(), options(2));

// The short way to answer: a cursor over all datagrams that have arrived.
const echo = server.dgram.createSocket('udp6');
echo.bind(7);
echo.onBatch((batch: Batch) => {
  while (batch.next()) batch.reply(batch.copyPayload());
});

// A socket of a host is a node:dgram socket, also for the compiler.
const socket: Socket = client.dgram.createSocket('udp6');
socket.send('hello', 7, '2001:db8::1');
const [message, { address, port }] = (await once(socket, 'message')) as [Buffer, RemoteInfo];
console.log(`${message} from ${address} port ${port}`);
await network.close();
