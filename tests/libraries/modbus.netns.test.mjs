/** modbus-serial on a simulated host, against its server in another process. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { requireCommand, requireNamespaces } from 'etherconn/testing';
import Modbus from 'modbus-serial';
import { openStage, SERVER, startServer } from './stage.mjs';

const skip = requireNamespaces() || requireCommand('ss');

test('modbus-serial: registers and coils', { skip }, async (t) => {
  const { kernel, host } = await openStage(t);
  await startServer(
    kernel,
    502,
    process.execPath,
    fileURLToPath(new URL('servers/modbus.cjs', import.meta.url)),
  );
  const client = new Modbus();
  await client.linkTCP(host.net.connect(502, SERVER), {});
  client.setID(1);
  client.setTimeout(5000);
  assert.deepEqual((await client.readHoldingRegisters(100, 3)).data, [100, 101, 102]);
  await client.writeRegisters(101, [7, 8]);
  assert.deepEqual((await client.readHoldingRegisters(100, 4)).data, [100, 7, 8, 103]);
  assert.deepEqual((await client.readCoils(0, 8)).data, [false, true, false, true, false, true, false, true]);
  for (let i = 0; i < 200; i++)
    assert.deepEqual((await client.readHoldingRegisters(i + 200, 1)).data, [i + 200]);
  await new Promise((resolve) => client.close(resolve));
});
