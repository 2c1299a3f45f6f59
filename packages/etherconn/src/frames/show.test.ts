import assert from 'node:assert/strict';
import { test } from 'node:test';
import { builtFrames } from '../test-support/built-frames.ts';
import { printFrame } from '../wire/print.ts';
import {
  build,
  ipv4,
  LAYER_NAMES,
  neighborSolicitation,
  parse,
  replace,
  show,
  summary,
  udp,
} from './index.ts';

const packet = [ipv4({ source: '10.0.0.1', destination: '10.0.0.2' }), udp({ destinationPort: 53 }), 'hello'];

test('in one line', () => {
  assert.equal(summary(packet), '10.0.0.1 > 10.0.0.2: UDP, ttl 64, id 0, length 33: UDP 0 > 53, length 5');
  for (const parts of Object.values(builtFrames)) assert.equal(summary(parts), printFrame(build(parts)));
  assert.equal(summary([udp(), 'x']), 'udp / payload');
  assert.equal(summary([]), '');
});

test('in many lines; a star is at what has been filled', () => {
  assert.equal(
    show(replace(packet, 'udp', { length: 9 })),
    `ipv4
  version          4 *
  headerLength     20 *
  tos              0
  length           33 *
  identification   0
  reserved         0 *
  dontFragment     false
  moreFragments    false
  fragmentOffset   0
  ttl              64
  protocol         17 *
  checksum         0x66ca *
  source           10.0.0.1
  destination      10.0.0.2
udp
  sourcePort       0
  destinationPort  53
  length           9
  checksum         0x83a4 *
payload
  bytes            5 bytes: 68 65 6c 6c 6f`,
  );
});

test('lists and long bytes', () => {
  const text = show([neighborSolicitation({ options: [{ type: 5, mtu: 1500 }] }), new Uint8Array(40)]);
  assert.match(text, /^ {2}options {10}\[\{ type: 5, mtu: 1500 \}\]$/m);
  assert.match(text, /^ {2}bytes {12}40 bytes: (00 ){32}…$/m);
});

test('every layer is shown with all its fields, built and parsed alike', () => {
  const shown = Object.values(builtFrames).map((parts) => {
    assert.equal(show(parse(build(parts))), show(parts));
    return show(parts);
  });
  for (const name of LAYER_NAMES)
    assert.ok(
      shown.some((text) => text.split('\n').includes(name)),
      name,
    );
});
