/**
 * `node privileged-host.mjs xdp|packet INTERFACE [drop]`: a host on an interface of this namespace. With `drop` the
 * process becomes an ordinary user's once the relay is open, before anything is registered. Says what it got, then
 * stays.
 */
import { readFileSync } from 'node:fs';
import { EtherConn, Host, RawSocketRelay, XDPRelay } from '../../packages/etherconn/dist/index.js';

const [engine, interfaceName, drop] = process.argv.slice(2);
try {
  const options = engine === 'xdp' ? { maxEndpoints: 1024, chunks: 256 } : {};
  const relay = await (engine === 'xdp' ? XDPRelay : RawSocketRelay).open(interfaceName, options);
  if (drop === 'drop') {
    process.setgroups?.([]);
    process.setgid?.(65_534);
    process.setuid?.(65_534);
  }
  const status = readFileSync('/proc/self/status', 'utf8');
  const capabilities = /^CapEff:\s*(\S+)/m.exec(status)?.[1];
  Host.createNow(relay, {
    mac: '02:00:00:00:00:05',
    addresses: ['10.0.0.5/24', '2001:db8::5/64'],
    detectDuplicates: 'off',
  });
  const conn = new EtherConn('02:00:00:00:00:06', relay, [0x88b5], { receiveMulticast: true });
  await new Promise((resolve) => setTimeout(resolve, 50));
  console.log(JSON.stringify({ kind: relay.info().kind, uid: process.getuid?.(), capabilities }));
  process.stdin.on('end', async () => {
    await conn.close();
    await relay.close();
    process.exit(0);
  });
  process.stdin.resume();
} catch (error) {
  console.log(JSON.stringify({ code: error.code, message: error.message }));
}
