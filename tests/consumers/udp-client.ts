// A UDP client and an echo server on a network in memory.
import assert from 'node:assert/strict';
import {
  EtherConn,
  MemoryNetwork,
  type NextHopResolver,
  OptionError,
  RUDPConn,
  type UdpRemote,
} from 'etherconn';

const network = new MemoryNetwork({ impair: { delay: 1 } });
const mac = (n: number): string => `02:00:00:00:00:0${n}`;
const resolveNextHop: NextHopResolver = () => mac(1);

const server = new RUDPConn({ address: '10.0.0.1', port: 7 }, new EtherConn(mac(1), network.relay()));
server.onBatch((batch) => {
  while (batch.next()) batch.reply(batch.copyPayload());
});

const conn = new EtherConn(mac(2), network.relay());
const client = new RUDPConn({ address: '10.0.0.2', port: 9000 }, conn, { resolveNextHop });
const written: number = await client.writeTo(Buffer.from('hello'), { address: '10.0.0.1', port: 7 });
const { data, remote }: { data: Uint8Array; remote: UdpRemote } = await client.readFrom({ timeout: 5000 });
assert.equal(
  `${data} ${written} ${remote.address} ${remote.port} ${remote.mac}`,
  `hello 5 10.0.0.1 7 ${mac(1)}`,
);
assert.throws(() => new MemoryNetwork({ impair: { delay: -1 } }), OptionError);
await network.close();
