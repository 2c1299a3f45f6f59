// Writes what two machines say into a file for Wireshark, and prints it:
//   node examples/capture.mjs first.pcapng
import { captureTo, Host, MemoryNetwork } from 'etherconn';
import { readCaptureFile } from 'etherconn/capture';
import { parse, summary } from 'etherconn/frames';

const [file = 'first.pcapng'] = process.argv.slice(2);
const network = new MemoryNetwork();
const relay = network.relay();
const capture = captureTo(relay, file);

const one = await Host.create(relay, { mac: '02:00:00:00:00:01', addresses: ['10.0.0.1/24'] });
await Host.create(network.relay(), { mac: '02:00:00:00:00:02', addresses: ['10.0.0.2/24'] });
await one.ping('10.0.0.2');

await capture.close(); // now the file is complete
await network.close();
for await (const { data } of readCaptureFile(file)) console.log(summary(parse(data)));
