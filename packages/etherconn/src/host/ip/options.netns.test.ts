import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { RawSocketRelay } from '../../relay/raw-socket-relay.ts';
import { HostNetwork } from '../../test-support/hosts.ts';
import { ip4, ip6, ProbeStation, TARGET } from '../../test-support/probe-station.ts';
import { addVethPair, type Namespace, openNamespace, requireNamespaces } from '../../testing/namespaces.ts';

const skip = requireNamespaces();

const PING4 = '0800 0000 0001 0002 70696e67';
const PING6 = '8000 0000 0001 0002 70696e67';
const UDP = '15b31e61 0009 0000 78';
const PAD = '010400000000';

/** Options of pings. */
const OPTIONS4 = [
  '070f0400 00000000 00000000 00000000',
  '070f0c0a 0000010a 00000200 00000000',
  '070b080a 00000100 00000000',
  '07070800 00000000',
  '01010101',
  '07010000',
  '07000000',
  '01010107',
  '07080400',
  '1e050000',
  '07020000',
  '07070300 00000000',
  '07080600 00000000',
  '07030407 03040000',
  '44030000',
  '44080400 00000000',
  '44080700 00000000',
  '44080501 00000000',
  '44080920 00000000',
  '440809f0 00000000',
  '440809f3 00000000',
  '44080902 00000000',
  '440c0503 0a000001 00000000',
  '44080500 00000000',
  '440c0500 00000000 00000000',
  '44140501 00000000 00000000 00000000 00000000',
  '44140503 0a000009 00000000 0a000001 00000000',
  '44140503 0a000009 00000000 0a000009 00000000',
  '07070400 00000044 08050000 00000000',
  '94030000',
  '94040000',
  '88040001',
  '83020000',
  '83030300',
  '83030489 03040000',
  '83070400 00000000',
  '8307080a 00000100',
  '89070800 00000000',
  '00ffffff',
];

const PACKETS6 = [
  ...['00', '3c'].flatMap((header) =>
    ['1e', '5e', '9e', 'de', '05', '01'].flatMap((type) => [
      ip6(header, `3a00 ${type}04 00000000 ${PING6}`),
      ip6(header, `3a00 ${type}02 0000 0000 ${PING6}`),
      ip6(header, `3a00 ${type}05 00000000 ${PING6}`),
    ]),
  ),
  ip6('00', `1101 00 0100 05020000 9e 03 000000 0000 ${UDP}`),
  ip6('3c', `3a00 0104 00000001 ${PING6}`),
  ip6('3c', `3a00 00 0103 000000 ${PING6}`),
  ip6('3c', `3a00 1e03 000000 1e ${PING6}`),
  ip6('3c', `3a02 ${'1e00'.repeat(8)} ${PAD} ${PING6}`),
  ip6('3c', `3a02 ${'1e00'.repeat(9)} 01020000 ${PING6}`),
  ip6('3c', '1100 9e0400000000 15b3'),
  ip6('3c', '3b00 9e0400000000'),
  ip6('00', `3c00${PAD} 2b00${PAD} 3c00 6300 00000000 3a00 de0400000000 ${PING6}`),
  ...['01', '7f'].map((type) => ip6('3c', `3a00 9e0400000000 ${type}00 0000 00000000`)),
  ...['00', '63', 'fe'].flatMap((type) =>
    ['00', '01'].map((left) => ip6('2b', `3a02 ${type}${left} 00000000 ${TARGET.ip6} ${PING6}`)),
  ),
  ip6('3c', `2b00${PAD} 3a02 0001 00000000 ${TARGET.ip6} ${PING6}`),
  ip6('fd', '00000000'),
  ip6('3c', `fd00${PAD} 00000000`),
  ip6('00', `3c00${PAD} fd00${PAD}`),
  ip6('3b', 'ffff'),
  ip6('3c', `3b00${PAD} ffff`),
  ip6('00', `0000${PAD} 3a00${PAD} ${PING6}`),
  ip6('3c', `0000${PAD} 3a00${PAD} ${PING6}`),
  ip6('3c', `3cff ${PAD}`),
  ip6('2c', `3a00 0001 00000007 ${PING6} 00`),
  ip6('2c', `3a00 0011 00000008 ${PING6} 00`),
  ip6('2c', `3a00 fff8 00000009 0000000000000000`),
  ip6('3c', `2c00${PAD} 3a00 fff8 0000000a 0000000000000000`),
  ip6('2c', `3c00 0001 0000000b 1101 ${PAD}`),
  ip6('2c', `3c00 0001 0000000c 1100 ${PAD}`),
  ip6('3c', `2c00 9e0400000000 3a00 0008 0000000d 0000000000000000`),
  ip6('3c', `2c00${PAD} 3c00 0001 0000000e 3a00 9e0400000000 8000 0000 0001 0002`),
  ip6('3c', `2c00${PAD} 3c00 0010 0000000e 70696e67`),
  ip6('2c', `3a00 0000 0000000f ${PING6}`),
];

/**
 * What is left when that is blanked which is the sender's own business: flow label, identification, times to live, times of
 * the day, the checksums that cover them; and the options that Linux gives back with ICMP errors, too.
 */
function essence(packet: string): string {
  if (packet.startsWith('6')) return `${packet.slice(0, 3)}.....${packet.slice(8, 14)}..${packet.slice(16)}`;
  const header = 8 * Number.parseInt(packet[1], 16);
  const message = packet.slice(header);
  const isError = message.startsWith('0c');
  const options = isError ? '' : packet.slice(40, header);
  return `${packet.slice(18, 20)} ${packet.slice(24, 40)} ${withoutTimes(options)} ${message}`;
}

/** Our clocks differ: what is filled in of the times in a Timestamp option is blanked, also behind a Record Route. */
function withoutTimes(options: string): string {
  const start = options.startsWith('07') ? 2 * Number.parseInt(options.slice(2, 4), 16) : 0;
  const timestamp = options.slice(start);
  if (!timestamp.startsWith('44')) return options;
  const filled = Number.parseInt(timestamp.slice(4, 6), 16) - 1;
  const isPaired = timestamp[7] === '1' || timestamp[7] === '3';
  const words = timestamp.match(/.{8}|.+$/g)!.map((word, index) => {
    const isTime = index > 0 && 4 * index + 4 <= filled && !(isPaired && index % 2 === 1);
    return isTime ? '........' : word;
  });
  return options.slice(0, start) + words.join('');
}

describe('options and extension headers, beside the kernel', { skip }, () => {
  let kernel: Namespace;
  let near: Namespace;
  let relay: RawSocketRelay;
  let beside: ProbeStation;

  before(async () => {
    [kernel, near] = await Promise.all([openNamespace(), openNamespace()]);
    addVethPair(
      { namespace: near, name: 'near0' },
      {
        namespace: kernel,
        name: 'far0',
        mac: '02:00:00:00:00:09',
        addresses: ['10.0.0.9/24', '2001:db8::9/64'],
      },
      { ipv6: true },
    );
    kernel.run('sysctl', '-qw', 'net.ipv4.icmp_ratelimit=0', 'net.ipv6.icmp.ratelimit=0');
    kernel.run('sh', '-c', 'while ip -6 address show dev far0 | grep -q tentative; do sleep 0.05; done');
    relay = await RawSocketRelay.open('near0', { netns: near.path });
    beside = new ProbeStation(relay);
  });

  after(async () => {
    await relay?.close();
    await kernel?.close();
    await near?.close();
  });

  /** What the kernel answers to packets. */
  async function ofKernel(packets: readonly Uint8Array[]): Promise<string[][]> {
    const answers: string[][] = [];
    for (const packet of packets) {
      beside.send(packet);
      // A ping behind it ends the wait: the kernel answers in order.
      const isV4 = packet[0] >> 4 === 4;
      const mark = '0bad0bad';
      beside.send(isV4 ? ip4('', '01', `0800 0000 ${mark}`) : ip6('3a', `8000 0000 ${mark}`));
      const came: string[] = [];
      for (let tries = 0; tries < 1000; tries++) {
        came.push(...beside.take());
        if (came.some((one) => one.endsWith(mark))) break;
        await pause(2);
      }
      answers.push(came.filter((one) => !one.endsWith(mark)));
    }
    return answers;
  }

  for (const [title, packets] of [
    ['IPv4 options', OPTIONS4.map((options) => ip4(options, '01', PING4))],
    ['IPv6 extension headers', PACKETS6],
  ] as const) {
    it(`${title}: the same answers`, async (t) => {
      const net = new HostNetwork(t);
      net.host(9);
      const station = new ProbeStation(net.relay());
      const theirs = await ofKernel(packets);
      assert.ok(theirs.flat().length > packets.length / 2);
      for (const [index, packet] of packets.entries()) {
        station.send(packet);
        await net.advance(1000);
        const text = Buffer.from(packet).toString('hex');
        assert.deepEqual(station.take().map(essence), theirs[index].map(essence), text);
      }
    });
  }
});
