/** `npm run bench`: the list of benches. The suite itself, with its rivals, comes with the performance work. */
const PLANNED = [
  ['wire', 'parse, build, checksum, demux; no kernel'],
  ['user-space', 'the whole path up and down against simulated rings'],
  ['tx, rx', 'packets per second over veth, beside C and node:dgram'],
  ['echo', 'request and response latency'],
  ['scale', 'up to 100,000 conns: opening time, memory, rate'],
  ['app', 'a DNS responder and a DHCP fleet'],
];

console.log('Planned benches; none is built yet, so no figure is printed:');
for (const [name, what] of PLANNED) console.log(`  ${name.padEnd(12)} ${what}`);
