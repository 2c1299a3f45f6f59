/**
 * Answers one ARP request (RFC 826) in the name of an address that nobody has, and ends: then frames to it cross the
 * wire to no one, and no socket of ours is left there to cost anything. Takes { interfaceName, address, mac }.
 */
import { EtherConn, L2EndpointKey, RawSocketRelay } from 'etherconn';
import { EtherType, parseIp, parseMac } from 'etherconn/wire';
import { readArguments, sayReady } from './timing.mjs';

const { interfaceName, address, mac } = readArguments();
const own = parseMac(mac);
const target = parseIp(address);
const TARGET = 24;
const SENDER = 8;
const PAIR = 10;

const relay = await RawSocketRelay.open(interfaceName);
const conn = new EtherConn(mac, relay, [EtherType.ARP], { receiveMulticast: true });
const sending = relay.register([L2EndpointKey.of(mac, EtherType.IPV4)]);
conn.on('message', async (request) => {
  if (request[7] !== 1 || !target.every((byte, i) => request[TARGET + i] === byte)) return;
  const asker = request.subarray(SENDER, SENDER + PAIR);
  const reply = Buffer.concat([request.subarray(0, SENDER), own, target, asker]);
  reply[7] = 2;
  const header = Buffer.concat([asker.subarray(0, 6), own, Buffer.from([0x08, 0x06])]);
  sending.trySend(Buffer.concat([header, reply]));
  await relay.close();
  process.stdout.write('{"answered":1}\n');
  process.exit(0);
});
await new Promise((resolve) => setImmediate(resolve));
sayReady();
