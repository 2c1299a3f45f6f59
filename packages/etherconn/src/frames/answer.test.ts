import assert from 'node:assert/strict';
import { test } from 'node:test';
import { builtFrames } from '../test-support/built-frames.ts';
import {
  arp,
  build,
  dhcpv4,
  ether,
  type FrameParts,
  find,
  hopByHop,
  icmpv4,
  icmpv6,
  igmp,
  igmpV3Query,
  igmpV3Report,
  ipv4,
  ipv6,
  isAnswerTo,
  mldV2Query,
  mldV2Report,
  neighborAdvertisement,
  neighborSolicitation,
  parse,
  replace,
  reply,
  routerAdvertisement,
  routerSolicitation,
  tcp,
  udp,
  vlan,
} from './index.ts';

const A = '02:00:00:00:00:01';
const B = '02:00:00:00:00:02';
const to = ether({ source: A, destination: B });
const back = ether({ source: B, destination: A });
const to4 = ipv4({ source: '10.0.0.1', destination: '10.0.0.2' });
const back4 = ipv4({ source: '10.0.0.2', destination: '10.0.0.1', ttl: 7 });
const query = udp({ sourcePort: 1000, destinationPort: 53 });
const response = udp({ sourcePort: 53, destinationPort: 1000 });
const broadcast = ether({ source: A });

const ANSWERS: Readonly<Record<string, readonly [request: FrameParts, answer: FrameParts]>> = {
  UDP: [
    [to, to4, query, 'who'],
    [back, back4, response, 'me'],
  ],
  'without Ethernet': [
    [to4, query],
    [back4, response],
  ],
  'in a VLAN': [
    [to, vlan(5), to4, query],
    [back, vlan({ id: 5, pcp: 3 }), back4, response],
  ],
  ARP: [
    [broadcast, arp({ senderMac: A, senderIp: '10.0.0.1', targetIp: '10.0.0.2' })],
    [back, arp({ operation: 2, senderMac: B, senderIp: '10.0.0.2', targetMac: A, targetIp: '10.0.0.1' })],
  ],
  echo: [
    [to, to4, icmpv4({ id: 1, sequence: 2 }), 'x'],
    [back, back4, icmpv4({ type: 0, id: 1, sequence: 2 }), 'x'],
  ],
  'ICMP error': [
    [to, to4, query, 'who'],
    [back, ipv4({ source: '10.0.0.99', destination: '10.0.0.1' }), icmpv4({ type: 11 }), to4, query],
  ],
  'neighbor discovery': [
    [
      broadcast,
      ipv6({ source: 'fe80::1', destination: 'ff02::1:ff00:2' }),
      neighborSolicitation({ target: 'fe80::2' }),
    ],
    [back, ipv6({ source: 'fe80::2', destination: 'fe80::1' }), neighborAdvertisement({ target: 'fe80::2' })],
  ],
  'router discovery': [
    [broadcast, ipv6({ source: 'fe80::1', destination: 'ff02::2' }), routerSolicitation()],
    [
      ether({ source: B }),
      ipv6({ source: 'fe80::2', destination: 'ff02::1' }),
      routerAdvertisement({ routerLifetime: 30 }),
    ],
  ],
  IGMP: [
    [ether({ source: B }), ipv4({ source: '10.0.0.2', destination: '224.0.0.1' }), igmpV3Query()],
    [broadcast, ipv4({ source: '10.0.0.1', destination: '224.0.0.22' }), igmpV3Report()],
  ],
  IGMPv2: [
    [ether({ source: B }), ipv4({ source: '10.0.0.2', destination: '224.0.0.1' }), igmp({ type: 0x11 })],
    [broadcast, ipv4({ source: '10.0.0.1', destination: '239.1.2.3' }), igmp({ group: '239.1.2.3' })],
  ],
  MLD: [
    [ether({ source: B }), ipv6({ source: 'fe80::2', destination: 'ff02::1' }), hopByHop(), mldV2Query()],
    [broadcast, ipv6({ source: 'fe80::1', destination: 'ff02::16' }), hopByHop(), mldV2Report()],
  ],
  DHCP: [
    [broadcast, ipv4({ destination: '255.255.255.255' }), udp(), dhcpv4({ xid: 7, hardwareAddress: A })],
    [
      ether({ source: B }),
      ipv4({ source: '10.0.0.2', destination: '255.255.255.255' }),
      udp(),
      dhcpv4({ op: 2, xid: 7, hardwareAddress: A, yourAddress: '10.0.0.7' }),
    ],
  ],
};

test('answers are known, as built and as parsed; requests are none, and nothing answers another request', () => {
  const all = Object.entries(ANSWERS);
  for (const [name, [request, answer]] of all) {
    assert.ok(isAnswerTo(answer, request), name);
    if (name !== 'without Ethernet') assert.ok(isAnswerTo(parse(build(answer)), parse(build(request))), name);
    assert.ok(!isAnswerTo(request, request), name);
    assert.ok(!isAnswerTo(request, answer) || /UDP|Ethernet|VLAN/.test(name), name);
    const answered = all.filter(([, [other]]) => isAnswerTo(answer, other)).map(([other]) => other);
    const same = ['UDP', 'ICMP error'];
    assert.deepEqual(answered, same.includes(name) ? same : [name], name);
  }
});

test('one difference, and it is no answer', () => {
  const other = (name: string, ...changes: Parameters<typeof replace>[]) => {
    for (const [frame, layer, fields] of changes)
      assert.ok(!isAnswerTo(replace(frame, layer, fields), ANSWERS[name]![0]), `${name} ${layer}`);
  };
  const [, answer] = ANSWERS.UDP!;
  other(
    'UDP',
    [answer, 'ether', { destination: '02:00:00:00:00:09' }],
    [answer, 'ipv4', { source: '10.0.0.3' }],
    [answer, 'ipv4', { destination: '10.0.0.3' }],
    [answer, 'udp', { sourcePort: 54 }],
    [answer, 'udp', { destinationPort: 1001 }],
  );
  other('in a VLAN', [ANSWERS['in a VLAN']![1], 'vlan', { id: 6 }]);
  other('ARP', [ANSWERS.ARP![1], 'arp', { senderIp: '10.0.0.3' }]);
  other('echo', [ANSWERS.echo![1], 'icmpv4', { sequence: 3 }], [ANSWERS.echo![1], 'icmpv4', { id: 3 }]);
  other('DHCP', [ANSWERS.DHCP![1], 'dhcpv4', { xid: 8 }]);
  const quoting = (source: string, port: number): FrameParts => [
    back,
    back4,
    icmpv4({ type: 3, code: 3 }),
    ipv4({ source, destination: '10.0.0.2' }),
    udp({ sourcePort: port, destinationPort: 53 }),
  ];
  assert.ok(isAnswerTo(quoting('10.0.0.1', 1000), [to, to4, query]));
  assert.ok(!isAnswerTo(quoting('10.0.0.5', 1000), [to, to4, query]));
  assert.ok(!isAnswerTo(quoting('10.0.0.1', 1001), [to, to4, query]));
  assert.ok(!isAnswerTo([], []));
  assert.ok(!isAnswerTo([back], [to, to4]));
});

test('the skeleton of an answer is one', () => {
  for (const name of ['UDP', 'in a VLAN', 'ARP', 'echo', 'neighbor discovery', 'router discovery', 'DHCP']) {
    const [request] = ANSWERS[name]!;
    const skeleton = reply(parse(build(request)));
    assert.ok(isAnswerTo(skeleton, request), name);
    build(skeleton);
  }
  for (const parts of Object.values(builtFrames)) build(reply(parts));
});

test('what a skeleton has', () => {
  assert.deepEqual(
    build([...reply([to, vlan(5), to4, query, 'who']), 'me']),
    build([back, vlan(5), ipv4({ source: '10.0.0.2', destination: '10.0.0.1' }), response, 'me']),
  );
  const echo = reply([to, to4, icmpv4({ id: 1, sequence: 2, checksum: 7 }), 'same']);
  assert.deepEqual(
    build(echo),
    build([
      back,
      ipv4({ source: '10.0.0.2', destination: '10.0.0.1' }),
      icmpv4({ type: 0, id: 1, sequence: 2 }),
      'same',
    ]),
  );
  const syn = find(reply([to4, tcp({ sourcePort: 1, destinationPort: 2, sequence: 2 ** 32 - 1 })]), 'tcp');
  assert.deepEqual([syn?.sourcePort, syn?.acknowledgment, syn?.flags], [2, 0, 0x12]);
  const data = find(reply([to4, tcp({ sequence: 10, acknowledgment: 20, flags: 0x18 }), 'four']), 'tcp');
  assert.deepEqual([data?.sequence, data?.acknowledgment, data?.flags], [20, 14, 0x10]);
  const shared = find(reply([ipv6({ source: 'fe80::1', destination: 'ff02::1' }), icmpv6()]), 'ipv6');
  assert.equal(shared?.source, undefined);
  assert.equal(find(reply([broadcast]), 'ether')?.source, undefined);
});
