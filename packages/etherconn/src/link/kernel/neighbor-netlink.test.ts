import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  neighborRequest,
  parseNeighbor,
  parseRoute,
  routeRequest,
  useNeighborRequest,
} from './neighbor-netlink.ts';
import { parseAcknowledgement } from './netlink.ts';

/** Bytes from hexadecimal text. */
function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'));
}

const GATEWAY = Uint8Array.of(10, 0, 0, 1);

test('requests, as rtnetlink(7) lays them out', () => {
  assert.deepEqual(
    routeRequest(0x0102, Uint8Array.of(192, 0, 2, 1)),
    hex(`2c000000 1a00 0100 00000000 00000000  02 20 00 00 00 00 00 00 00000000
         0800 0100 c0000201  0800 0400 02010000`),
  );
  assert.deepEqual(
    routeRequest(0, Uint8Array.of(192, 0, 2, 1)),
    hex('24000000 1a00 0100 00000000 00000000  02 20 00 00 00 00 00 00 00000000  0800 0100 c0000201'),
  );
  assert.deepEqual(
    neighborRequest(7, GATEWAY),
    hex('24000000 1e00 0100 00000000 00000000  02 00 0000 07000000 0000 00 00  0800 0100 0a000001'),
  );
  // NLM_F_ACK and NLM_F_CREATE; NTF_USE.
  assert.deepEqual(
    useNeighborRequest(7, GATEWAY),
    hex('24000000 1c00 0504 00000000 00000000  02 00 0000 07000000 0000 01 00  0800 0100 0a000001'),
  );
  const address6 = hex('fd000000000000000000000000000001');
  assert.deepEqual(
    neighborRequest(7, address6),
    hex(`30000000 1e00 0100 00000000 00000000  0a 00 0000 07000000 0000 00 00
         1400 0100 fd000000000000000000000000000001`),
  );
});

/** An answer of that type: header, the type's own header, attributes. */
function answer(type: string, header: string, attributes: string): Uint8Array {
  const body = hex(header + attributes);
  const bytes = new Uint8Array(16 + body.length);
  bytes[0] = bytes.length;
  bytes.set(hex(type), 4);
  bytes.set(body, 16);
  return bytes;
}

test('routes', () => {
  const header = (type: string) => `02 20 00 00 fe 00 00 ${type} 00000000`;
  assert.deepEqual(parseRoute(answer('1800', header('01'), '0800 0400 07000000 0800 0500 0a000001')), {
    value: { kind: 'unicast', gateway: GATEWAY, interfaceIndex: 7 },
  });
  assert.deepEqual(parseRoute(answer('1800', header('01'), '0800 0400 07000000')), {
    value: { kind: 'unicast', gateway: undefined, interfaceIndex: 7 },
  });
  const via = '1600 1200 0a00 fd000000000000000000000000000001 0000';
  assert.deepEqual(parseRoute(answer('1800', header('01'), via)), {
    value: { kind: 'unicast', gateway: hex('fd000000000000000000000000000001'), interfaceIndex: 0 },
  });
  for (const [type, kind] of [
    ['02', 'local'],
    ['03', 'broadcast'],
    ['05', 'multicast'],
    ['07', 'other'],
  ]) {
    const route = parseRoute(answer('1800', header(type!), ''));
    assert.equal('value' in route && route.value.kind, kind);
  }
  // -ENETUNREACH
  assert.deepEqual(parseRoute(answer('0200', '9bffffff', '')), { errno: 101 });
});

test('neighbors by their state', () => {
  const neighbor = (state: string, attributes = '0a00 0200 020000000001 0000') =>
    parseNeighbor(answer('1c00', `02 00 0000 07000000 ${state} 00 01`, attributes));
  const mac = hex('020000000001');
  for (const [state, expected] of [
    ['0200', { mac, pending: false, stale: false }], // REACHABLE
    ['0400', { mac, pending: false, stale: true }], // STALE
    ['0800', { mac, pending: false, stale: false }], // DELAY
    ['1000', { mac, pending: false, stale: false }], // PROBE
    ['8000', { mac, pending: false, stale: false }], // PERMANENT
    ['0100', { mac: undefined, pending: true, stale: false }], // INCOMPLETE
    ['2000', { mac: undefined, pending: false, stale: false }], // FAILED
  ] as const) {
    assert.deepEqual(neighbor(state), { value: expected }, state);
  }
  assert.deepEqual(neighbor('0200', ''), { value: { mac: undefined, pending: false, stale: false } });
  assert.deepEqual(parseNeighbor(answer('0200', 'feffffff', '')), { errno: 2 });
});

test('acknowledgements', () => {
  assert.equal(parseAcknowledgement(answer('0200', '00000000', '')), 0);
  assert.equal(parseAcknowledgement(answer('0200', 'ffffffff', '')), 1);
});

test('an answer that is no whole message is an error, whatever its bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      for (const parse of [parseRoute, parseNeighbor]) parse(bytes);
      parseAcknowledgement(bytes);
    }),
  );
  assert.deepEqual(parseRoute(new Uint8Array(3)), { errno: 74 });
  assert.deepEqual(parseNeighbor(answer('1800', '', '00000000')), { errno: 74 });
});
