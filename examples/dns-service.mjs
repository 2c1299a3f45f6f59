// Answers DNS questions on an address of this machine, past the kernel's network stack. All other traffic stays with the
// kernel:
//   sudo node examples/dns-service.mjs eth0 192.0.2.10 www.example.test 192.0.2.80
import dnsPacket from 'dns-packet';
import { Relay, UdpService } from 'etherconn';

const [interfaceName, address, name, data] = process.argv.slice(2);
const relay = await Relay.open(interfaceName);
const service = await UdpService.open(relay, { address, port: 53 });

service.onBatch((batch) => {
  while (batch.next()) {
    let query;
    try {
      query = dnsPacket.decode(batch.copyPayload());
    } catch {
      continue; // no DNS
    }
    const known = query.questions.some((question) => question.type === 'A' && question.name === name);
    const answer = dnsPacket.encode({
      type: 'response',
      id: query.id,
      flags: dnsPacket.AUTHORITATIVE_ANSWER | (known ? 0 : 3), // 3: there is no such name
      questions: query.questions,
      answers: known ? [{ type: 'A', name, ttl: 60, data }] : [],
    });
    batch.reply(answer);
  }
});
console.log(`${name} is served on ${address} by ${relay}`);

process.once('SIGTERM', () => relay.close());
