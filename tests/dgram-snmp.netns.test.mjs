/** net-snmp on a simulated host against the system's snmpd, over veth with its default offloads. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Host, RawSocketRelay } from 'etherconn';
import { addVethPair, openNamespace, requireCommand, requireNamespaces } from 'etherconn/testing';
import snmp from 'net-snmp';

const skip = requireNamespaces() || requireCommand('snmpd');

test('net-snmp reads from snmpd', { skip }, async (t) => {
  const [ours, kernel] = await Promise.all([openNamespace(), openNamespace()]);
  t.after(() => Promise.all([ours.close(), kernel.close()]));
  addVethPair(
    { namespace: ours, name: 'near0' },
    { namespace: kernel, name: 'far0', addresses: ['10.8.0.1/24'] },
  );
  const folder = mkdtempSync(join(tmpdir(), 'etherconn-snmpd-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const config = join(folder, 'snmpd.conf');
  writeFileSync(config, 'rocommunity public\nsysName simulated-peer\nagentaddress udp:10.8.0.1:161\n');
  const daemon = kernel.spawn('snmpd', '-f', '-Lo', '-C', '-c', config, '-p', join(folder, 'pid'));
  let log = '';
  daemon.stdout.on('data', (data) => {
    log += data;
  });

  const relay = await RawSocketRelay.open('near0', { netns: ours.path });
  t.after(() => relay.close());
  const host = await Host.create(relay, { mac: '02:00:00:00:08:05', addresses: ['10.8.0.5/24'] });
  t.after(() => host.close());
  // The daemon takes a moment to listen; the session asks again until it does.
  const session = snmp.createSession('10.8.0.1', 'public', {
    dgramModule: host.dgram,
    retries: 40,
    timeout: 250,
    backoff: 1,
    version: snmp.Version2c,
  });
  const walk = await new Promise((resolve, reject) => {
    const found = [];
    session.subtree(
      '1.3.6.1.2.1.1',
      10,
      (varbinds) => found.push(...varbinds),
      (error) => (error ? reject(new Error(`${error.message}: ${log}`)) : resolve(found)),
    );
  });
  session.close();
  const name = walk.find(({ oid }) => oid === '1.3.6.1.2.1.1.5.0');
  assert.equal(name?.value.toString(), 'simulated-peer', log);
  assert.ok(walk.length > 5);
});
