import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { EtherConn } from '../conn/ether-conn.ts';
import { RawSocketRelay } from '../relay/raw-socket-relay.ts';
import { addVethPair, type Namespace, openNamespace, requireNamespaces } from '../testing/namespaces.ts';
import { EtherType } from '../wire/ethertype.ts';
import { TcpFlag } from '../wire/tcp.ts';
import {
  arp,
  build,
  destinationOptions,
  type Frame,
  type FrameParts,
  find,
  icmpv4,
  icmpv6,
  ipv4,
  ipv6,
  isAnswerTo,
  type Layer,
  neighborSolicitation,
  parse,
  tcp,
  udp,
} from './index.ts';

const MAC = '02:00:00:00:01:05';
const OURS = { source: '10.9.0.5', destination: '10.9.0.1' };
const OURS6 = { source: '2001:db8:9::5', destination: '2001:db8:9::1' };
const ETHER_TYPES = { arp: EtherType.ARP, ipv4: EtherType.IPV4, ipv6: EtherType.IPV6 } as const;
type First = keyof typeof ETHER_TYPES;

describe('the kernel answers what is built by hand', { skip: requireNamespaces() }, () => {
  let kernel: Namespace;
  let ours: Namespace;
  let relay: RawSocketRelay;
  let conn: EtherConn;
  /** MAC address of the kernel, once it has told. */
  let far = 'ff:ff:ff:ff:ff:ff';

  before(async () => {
    [kernel, ours] = await Promise.all([openNamespace(), openNamespace()]);
    addVethPair(
      { namespace: ours, name: 'near0' },
      { namespace: kernel, name: 'far0', addresses: [`${OURS.destination}/24`, `${OURS6.destination}/64`] },
      { ipv6: true },
    );
    kernel.run('sh', '-c', 'while ip -6 address show dev far0 | grep -q tentative; do sleep 0.05; done');
    relay = await RawSocketRelay.open('near0', { netns: ours.path });
    conn = new EtherConn(MAC, relay, Object.values(ETHER_TYPES));
  });

  after(async () => {
    await relay?.close();
    await Promise.all([kernel?.[Symbol.asyncDispose](), ours?.[Symbol.asyncDispose]()]);
  });

  const send = (request: FrameParts, to = far): Promise<number> =>
    conn.writePacketTo(build(request), ETHER_TYPES[(request[0] as Layer).layer as First], to);

  /** The first packet that answers the request. */
  async function ask(request: FrameParts, to = far): Promise<Frame> {
    await send(request, to);
    const { layer } = request[0] as Layer;
    for await (const { data } of conn.packets({ timeout: 5000 })) {
      const answer = parse(data, data[0] === 0 ? 'arp' : 'ip');
      if (answer[0]?.layer === layer && isAnswerTo(answer, request)) return answer;
    }
    throw new Error('closed');
  }

  it('ARP', async () => {
    const who = arp({ senderMac: MAC, senderIp: OURS.source, targetIp: OURS.destination });
    far = find(await ask([who]), 'arp')?.senderMac ?? '';
    assert.match(kernel.run('ip', 'link', 'show', 'far0').stdout, new RegExp(far));
  });

  it('an echo request, and none with a bad checksum', async () => {
    const ping = (sequence: number, checksum?: number) => [
      ipv4(OURS),
      icmpv4({ id: 7, sequence, ...(checksum === undefined ? {} : { checksum }) }),
      'ping',
    ];
    await send(ping(1, 0xdead));
    const answer = await ask(ping(2));
    assert.deepEqual(find(answer, 'payload')?.bytes, Uint8Array.from(Buffer.from('ping')));
    assert.match(
      kernel.run('sh', '-c', 'grep ^Icmp: /proc/net/snmp').stdout,
      // Messages, errors, checksum errors.
      /Icmp: InMsgs InErrors InCsumErrors .*\nIcmp: 2 1 1 /,
    );
  });

  it('a datagram to a closed port: the error quotes it', async () => {
    const answer = await ask([ipv4(OURS), udp({ sourcePort: 1000, destinationPort: 7999 }), 'hello']);
    assert.deepEqual([find(answer, 'icmpv4')?.type, find(answer, 'icmpv4')?.code], [3, 3]);
    assert.deepEqual(find(answer, 'ipv4', 1)?.source, OURS.source);
    assert.equal(find(answer, 'udp')?.destinationPort, 7999);
  });

  it('a SYN to a closed port', async () => {
    const answer = await ask([ipv4(OURS), tcp({ sourcePort: 1000, destinationPort: 7999, sequence: 41 })]);
    const header = find(answer, 'tcp');
    assert.deepEqual([header?.flags, header?.acknowledgment], [TcpFlag.RST | TcpFlag.ACK, 42]);
    assert.equal(header?.checksum, undefined, 'it is right');
  });

  it('a neighbor solicitation and an echo request of IPv6', async () => {
    const solicitation = neighborSolicitation({
      target: OURS6.destination,
      options: [{ type: 1, mac: MAC }],
    });
    const group = ipv6({ ...OURS6, destination: 'ff02::1:ff00:1' });
    const answered = await ask([group, solicitation], '33:33:ff:00:00:01');
    const advertisement = find(answered, 'neighborAdvertisement');
    assert.deepEqual(advertisement?.options, [{ type: 2, mac: far }]);
    const answer = await ask([ipv6(OURS6), icmpv6({ id: 7, sequence: 1 }), 'ping']);
    assert.deepEqual(find(answer, 'icmpv6')?.type, 129);
  });

  it('an extension header with an option that nobody knows', async () => {
    const unknown = destinationOptions({ options: Uint8Array.of(0x9e, 0) });
    const answer = await ask([ipv6(OURS6), unknown, icmpv6({ id: 7, sequence: 2 })]);
    assert.deepEqual([find(answer, 'icmpv6')?.type, find(answer, 'icmpv6')?.code], [4, 2]);
    assert.equal(find(answer, 'icmpv6')?.rest, 42, 'where it stands');
  });
});
