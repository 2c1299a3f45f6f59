// Frames from layers, and back.
import assert from 'node:assert/strict';
import {
  build,
  dhcpv4,
  ether,
  type Frame,
  find,
  ipv4,
  isAnswerTo,
  type Layer,
  parse,
  replace,
  reply,
  summary,
  type UdpLayer,
  udp,
  vlan,
} from 'etherconn/frames';

const ports: UdpLayer = udp({ sourcePort: 1000, destinationPort: 53 });
const bytes: Uint8Array = build([
  ether(),
  vlan(5),
  ipv4({ destination: '10.0.0.2', ttl: 3 }),
  ports,
  'hello',
]);
const frame: Frame = parse(bytes);
const ttl: number | undefined = find(frame, 'ipv4')?.ttl;
assert.equal(ttl, 3);
assert.deepEqual(build(frame), bytes);
assert.ok(isAnswerTo(reply(frame), frame));
assert.match(summary(replace(frame, 'udp', { sourcePort: 7, checksum: undefined })), /UDP 7 > 53/);

// A layer is told by its name.
const names = frame.map((layer: Layer) => (layer.layer === 'udp' ? layer.destinationPort : layer.layer));
assert.deepEqual(names, ['ether', 'vlan', 'ipv4', 53, 'payload']);
const discover = dhcpv4({ xid: 1, options: { messageType: 1, parameterList: Uint8Array.of(1, 3) } });
assert.equal(discover.options?.messageType, 1);

// @ts-expect-error: there is no such field.
assert.throws(() => udp({ port: 1 }), { code: 'ERR_ETHERCONN_OPTION' });
// @ts-expect-error: there is no such layer.
assert.throws(() => find(frame, 'ip'), { code: 'ERR_ETHERCONN_OPTION' });
