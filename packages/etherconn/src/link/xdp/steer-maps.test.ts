import assert from 'node:assert/strict';
import { test } from 'node:test';
import { vlanKey } from '../../wire/vlan.ts';
import {
  ENDPOINT_KEY_SIZE,
  ENDPOINT_SIZE,
  encodeMask,
  encodeService,
  SERVICE_KEY_SIZE,
  writeEndpoint,
  writeEndpointKey,
} from './steer-maps.ts';

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

test('struct endpoint_key', () => {
  const bytes = new Uint8Array(ENDPOINT_KEY_SIZE + 1);
  writeEndpointKey(new DataView(bytes.buffer), 1, 0xfe_01_02_03, 0x0405, vlanKey([0x123, 5]));
  assert.equal(hex(bytes), `00fe0102030405${'0000'}05301202`);
});

test('struct endpoint', () => {
  const bytes = new Uint8Array(ENDPOINT_SIZE);
  writeEndpoint(new DataView(bytes.buffer), 0, Uint16Array.of(0x0800, 0x86dd, 9), 2, 2, 0x80000000);
  const queues = '0200000000000080';
  assert.equal(hex(bytes), `${'00'.repeat(8)}${queues}${queues}${'00'.repeat(32)}0008dd86${'00'.repeat(12)}`);
  bytes.fill(0);
  writeEndpoint(new DataView(bytes.buffer), 0, null, 0, 1, 0);
  assert.equal(hex(bytes), `01${'00'.repeat(71)}`);
});

test('struct service_key', () => {
  const common = { macHigh: 0x02000000, macLow: 7, vlanKey: vlanKey([9]), port: 0x1234 };
  const service4 = encodeService({ ...common, address: Uint8Array.of(10, 0, 0, 1) });
  assert.equal(service4.length, SERVICE_KEY_SIZE);
  assert.equal(hex(service4), `020000000007123409000001040000000a000001${'00'.repeat(12)}`);
  const address = new Uint8Array(16).fill(0xab);
  assert.equal(
    hex(encodeService({ ...common, address })),
    `02000000000712340900000106000000${'ab'.repeat(16)}`,
  );
});

test('masks', () => {
  assert.equal(hex(encodeMask(1n)), '0100000000000000');
  assert.equal(hex(encodeMask(1n << 63n)), '0000000000000080');
});
