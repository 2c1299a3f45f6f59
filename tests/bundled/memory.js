// A program over the memory network, to be bundled into one file.
import assert from 'node:assert/strict';
import { addonStatus, Host, MemoryNetwork, Relay } from 'etherconn';

async function main() {
  const network = new MemoryNetwork();
  const host = (n) =>
    Host.create(network.relay(), { mac: `02:00:00:00:00:0${n}`, addresses: [`10.0.0.${n}/24`] });
  const [one] = [await host(1), await host(2)];
  assert.equal((await one.ping('10.0.0.2')).address, '10.0.0.2');
  await network.close();
  if (process.platform !== 'linux') return;
  if (process.env.EXPECT_ADDON) {
    // The package is there as it was installed.
    assert.deepEqual(addonStatus(), { available: true, reason: '' });
    return;
  }
  assert.match(addonStatus().reason, /--external:etherconn/);
  await assert.rejects(Relay.open('lo'), { code: 'ERR_ETHERCONN_ADDON' });
}

main();
