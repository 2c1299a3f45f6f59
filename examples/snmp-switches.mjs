// Simulated switches with an SNMP agent each, and a manager that asks all of them for their name:
//   node examples/snmp-switches.mjs [HOW MANY]
import { Host, MemoryNetwork } from 'etherconn';
import snmp from 'net-snmp';

const count = Number(process.argv[2] ?? 20);
const SYS_NAME = '1.3.6.1.2.1.1.5';
const network = new MemoryNetwork();
const access = network.relay();
for (let i = 1; i <= count; i++) {
  const host = await Host.create(access, { addresses: [`10.0.${i >> 8}.${i & 255}/16`] });
  const agent = snmp.createAgent(
    { dgramModule: host.dgram, disableAuthorization: true, address: '0.0.0.0', port: 161 },
    () => {},
  );
  agent.registerProvider({
    name: 'sysName',
    type: snmp.MibProviderType.Scalar,
    oid: SYS_NAME,
    scalarType: snmp.ObjectType.OctetString,
    maxAccess: snmp.MaxAccess['read-only'],
  });
  agent.getMib().setScalarValue('sysName', `switch-${i}`);
}

const manager = await Host.create(network.relay(), { addresses: ['10.0.255.1/16'] });
const names = Array.from({ length: count }, (_, i) => {
  const target = `10.0.${(i + 1) >> 8}.${(i + 1) & 255}`;
  const session = snmp.createSession(target, 'public', { dgramModule: manager.dgram });
  return new Promise((resolve, reject) => {
    session.get([`${SYS_NAME}.0`], (error, [varbind] = []) => {
      session.close();
      if (error) reject(error);
      else resolve(varbind.value.toString());
    });
  });
});
const all = await Promise.all(names);
console.log(`${all.length} switches, from ${all[0]} to ${all.at(-1)}`);
process.exit();
