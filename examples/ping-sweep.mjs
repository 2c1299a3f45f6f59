// Finds the machines of a subnet, from a machine that does not exist:
//   sudo node examples/ping-sweep.mjs eth0 10.0.0.77/24
import { Host, Relay } from 'etherconn';

const [interfaceName, prefix] = process.argv.slice(2);
const relay = await Relay.open(interfaceName);
const host = await Host.create(relay, { addresses: [prefix] });

const [address, length] = prefix.split('/');
const number = address.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0);
const size = 2 ** (32 - Number(length));
const first = number - (number % size);
const text = (n) => [24, 16, 8, 0].map((shift) => (n >>> shift) & 255).join('.');

const found = [];
const sweep = Array.from({ length: size - 2 }, async (_, i) => {
  const target = text(first + 1 + i);
  if (target === address) return;
  try {
    const { rtt } = await host.ping(target, { timeout: 2000 });
    found.push(target);
    console.log(`${target} answers after ${rtt.toFixed(1)} ms`);
  } catch {
    // Nobody has this address, or it does not answer.
  }
});
await Promise.all(sweep);
console.log(`${found.length} of ${size - 3} addresses answer`);
await relay.close();
