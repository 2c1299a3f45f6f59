import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatIp, parseIp } from '../../wire/ip.ts';
import { parseMac } from '../../wire/mac.ts';
import { addressInPrefix, type IdentifierScheme } from './slaac-identifier.ts';

const PREFIX = parseIp('2001:db8:1:2::');
const OTHER = parseIp('2001:db8:1:3::');
const MAC = parseMac('34:56:78:9a:bc:de');
const STABLE: IdentifierScheme = { kind: 'stable', secret: new Uint8Array(16) };

test('EUI-64: RFC 4291, appendix A', () => {
  const scheme: IdentifierScheme = { kind: 'eui64', secret: new Uint8Array(16) };
  const address = addressInPrefix(PREFIX, MAC, 'eth0', scheme, 0);
  assert.equal(formatIp(address), '2001:db8:1:2:3656:78ff:fe9a:bcde');
});

test('stable identifiers: the same for the same, others for everything else', () => {
  const of = (prefix = PREFIX, mac = MAC, name = 'eth0', scheme = STABLE, attempt = 0) =>
    formatIp(addressInPrefix(prefix, mac, name, scheme, attempt));
  assert.equal(of(), of());
  assert.ok(of().startsWith('2001:db8:1:2:'));
  const secret = new Uint8Array(16).fill(1);
  const all = [
    of(),
    of(OTHER),
    of(PREFIX, parseMac('34:56:78:9a:bc:df')),
    of(PREFIX, MAC, 'eth1'),
    of(PREFIX, MAC, 'eth0', { kind: 'stable', secret }),
    of(PREFIX, MAC, 'eth0', STABLE, 1),
  ].map((text) => Buffer.from(parseIp(text).subarray(8)).toString('hex'));
  assert.equal(new Set(all).size, all.length);
});
