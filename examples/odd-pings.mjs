// Sends right and wrong pings to a machine, as one would with scapy, and prints which of them it answers:
//   sudo node examples/odd-pings.mjs eth0 10.0.0.77 10.0.0.1
import { EtherConn, Relay } from 'etherconn';
import { arp, build, find, icmpv4, ipv4, isAnswerTo, parse, summary } from 'etherconn/frames';
import { EtherType } from 'etherconn/wire';

const [interfaceName, source, destination] = process.argv.slice(2);
const mac = '02:00:00:00:00:79';
const relay = await Relay.open(interfaceName);
const conn = new EtherConn(mac, relay, [EtherType.ARP, EtherType.IPV4]);

/** The first answer to a packet, or undefined. The conn writes the Ethernet header. */
async function ask(packet, to) {
  const [{ layer }] = packet;
  await conn.writePacketTo(build(packet), layer === 'arp' ? EtherType.ARP : EtherType.IPV4, to);
  const until = Date.now() + 500;
  try {
    while (true) {
      const { data } = await conn.readPacket({ timeout: Math.max(1, until - Date.now()) });
      const answer = parse(data, layer);
      if (isAnswerTo(answer, packet)) return answer;
    }
  } catch {
    return undefined;
  }
}

const who = [arp({ senderMac: mac, senderIp: source, targetIp: destination })];
const { senderMac } = find(await ask(who, 'ff:ff:ff:ff:ff:ff'), 'arp');
const ip = { source, destination };
const packets = {
  'a ping': [ipv4(ip), icmpv4({ id: 1 }), 'ping'],
  'wrong ICMP checksum': [ipv4(ip), icmpv4({ id: 2, checksum: 0xbad }), 'ping'],
  'wrong IP checksum': [ipv4({ ...ip, checksum: 0xbad }), icmpv4({ id: 3 }), 'ping'],
  'IP version 5': [ipv4({ ...ip, version: 5 }), icmpv4({ id: 4 }), 'ping'],
  'length beyond the packet': [ipv4({ ...ip, length: 1000 }), icmpv4({ id: 5 }), 'ping'],
  'another ping': [ipv4(ip), icmpv4({ id: 6 }), 'ping'],
};
for (const [name, packet] of Object.entries(packets)) {
  const answer = await ask(packet, senderMac);
  console.log(`${name}: ${answer === undefined ? 'no answer' : summary(answer)}`);
}
await relay.close();
