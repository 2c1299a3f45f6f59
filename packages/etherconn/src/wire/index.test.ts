import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import * as wire from './index.ts';

test('nothing of Node and no floor above is imported, so it loads in a browser', () => {
  const files = readdirSync(new URL('.', import.meta.url)).filter((name) => /^[a-z0-9-]+\.js$/.test(name));
  assert.ok(files.length > 20);
  for (const name of files) {
    const text = readFileSync(new URL(name, import.meta.url), 'utf8');
    for (const [, from] of text.matchAll(/ from '([^']+)'/g)) {
      assert.match(from!, /^(\.\/[a-z0-9-]+|\.\.\/(errors|options))\.js$/, `${name} imports ${from}`);
    }
    assert.doesNotMatch(text, /\b(Buffer|process|require)\b\s*[.(]/, name);
  }
});

test('every protocol has its parser, writer and printer in the public door', () => {
  const names = Object.keys(wire);
  for (const protocol of ['Ethernet', 'Arp', 'Ipv4', 'Ipv6', 'Udp', 'Tcp', 'Sctp', 'Icmpv4', 'Icmpv6']) {
    for (const verb of ['parse', 'emit', 'print'])
      assert.ok(names.includes(verb + protocol), verb + protocol);
  }
  for (const name of [
    'parseFrame',
    'parsePacket',
    'printFrame',
    'parseNd',
    'printNd',
    'parseVlans',
    'emitVlan',
    'printVlan',
  ]) {
    assert.ok(names.includes(name), name);
  }
});
