// Announces a switch port by LLDP (IEEE 802.1AB), and prints the neighbors that announce themselves:
//   sudo node examples/lldp.mjs eth0 'port 7'
import { EtherConn, Relay } from 'etherconn';
import { EtherType, formatMac, parseMac } from 'etherconn/wire';

const [interfaceName, port] = process.argv.slice(2);
const mac = '02:00:00:00:00:70';
const relay = await Relay.open(interfaceName);
// One EtherType, and the frames to multicast addresses.
const conn = new EtherConn(mac, relay, [EtherType.LLDP], { receiveMulticast: true });

// A TLV: type in 7 bits, length in 9 bits. These are chassis ID, port ID, time to live and the end.
const tlv = (type, ...value) => [type << 1, value.length, ...value];
const announcement = Uint8Array.from([
  ...tlv(1, 4, ...parseMac(mac)),
  ...tlv(2, 7, ...Buffer.from(port)),
  ...tlv(3, 0, 120),
  ...tlv(0),
]);
const announce = () => conn.writePacketTo(announcement, EtherType.LLDP, '01:80:c2:00:00:0e');

conn.on('message', (data, { hwAddr }) => {
  for (let at = 0; at + 2 <= data.length; ) {
    const length = ((data[at] & 1) << 8) | data[at + 1];
    const value = data.subarray(at + 2, at + 2 + length);
    if (data[at] >> 1 === 2) console.log(`${formatMac(hwAddr)} is ${value.subarray(1)}`);
    at += 2 + length;
  }
});
await announce();
const timer = setInterval(announce, 1000);

process.once('SIGTERM', async () => {
  clearInterval(timer);
  await relay.close();
});
