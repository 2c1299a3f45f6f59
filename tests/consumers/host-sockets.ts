// Machines with sockets; libraries that take Node's types get them.
import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { type DgramSocket, Host, MemoryNetwork, type ReceivedMessageInfo, type Relay } from 'etherconn';

/** As libraries do it: a factory, a socket, or something with `createSocket`, in the types of Node. */
class Library {
  readonly socket: dgram.Socket;

  constructor(options: {
    createSocket?: typeof dgram.createSocket;
    dgram?: Pick<typeof dgram, 'createSocket'>;
  }) {
    this.socket = (options.createSocket ?? options.dgram?.createSocket ?? dgram.createSocket)('udp4');
  }
}

const network = new MemoryNetwork();
const host = (n: number): Promise<Host> =>
  Host.create(network.relay(), { mac: `02:00:00:00:00:0${n}`, addresses: [`10.0.0.${n}/24`] });
const server = await host(1);
const client = await host(2);

const first = new Library({ createSocket: server.dgram.createSocket });
const second = new Library({ dgram: server.dgram });
first.socket.close();
second.socket.close();

const informed = server.dgram.createSocket({ type: 'udp4', receiveInfo: true }, (message, rinfo) => {
  const info: ReceivedMessageInfo = rinfo;
  const { mac, vlans, localAddress, localPort } = rinfo;
  assert.deepEqual(
    [`${message}`, mac, vlans.length, localAddress, localPort],
    ['hello', client.mac, 0, '10.0.0.1', 7],
  );
  informed.send(`hello ${info.address}`, rinfo.port, rinfo.address);
});
informed.once('message', (_message, { mac }) => assert.equal(mac.length, 17));
informed.on('error', (error) => assert.fail(error.message));
const asNodes: dgram.Socket = informed;
asNodes.bind(7);
await once(informed, 'listening');

const socket: DgramSocket = client.dgram.createSocket('udp4', (message, rinfo) => {
  assert.equal(`${message} ${rinfo.address}:${rinfo.port}`, 'hello 10.0.0.2 10.0.0.1:7');
});
socket.on('message', (_message, rinfo) => {
  // @ts-expect-error: only sockets with receiveInfo tell it.
  assert.equal(rinfo.mac, undefined);
});
socket.send('hello', 7, '10.0.0.1');
await once(socket, 'message');
socket.close();
informed.close();

/** Only compiled: a lease, right after it was taken. */
export async function address(relay: Relay): Promise<string> {
  const machine = await Host.create(relay);
  const dhcp = await machine.dhcp({ timeout: 5000 });
  const { address, prefixLength, routers } = dhcp.lease;
  dhcp.on('expired', (lease, reason) => console.log(lease.address, reason));
  return `${address}/${prefixLength} via ${routers[0]}`;
}

await network.close();
