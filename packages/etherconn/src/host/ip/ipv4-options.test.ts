import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { hex } from '../../test-support/frames.ts';
import { HostNetwork, TestPort } from '../../test-support/hosts.ts';
import { ip4, PROBE, ProbeStation, TARGET } from '../../test-support/probe-station.ts';
import { fillIpv4Checksum } from '../../wire/ipv4.ts';

const UDP = '15b31e61 0009 0000 78';
const PING = '0800 0000 0001 0002 70696e67';
const PONG = '0000 0000 0001 0002 70696e67';
const ME = TARGET.ip4;

function open(t: TestContext) {
  const net = new HostNetwork(t);
  const host = net.host(9);
  const server = new TestPort(host).bind('', 0x1e61);
  const station = new ProbeStation(net.relay());
  return {
    net,
    host,
    station,
    /** Sends a packet, and says what has come back, identification blanked, and how many datagrams were delivered. */
    async probe(packet: Uint8Array, mac?: string): Promise<[string[], number]> {
      const before = server.user.taken.length;
      station.send(packet, mac);
      await net.advance(1000);
      return [station.take().map(blank), server.user.taken.length - before];
    },
  };
}

/** An answer of the host as it should be: options, ICMP message. Identification and header checksum are blanked. */
function answer(options: string, body: string): string {
  return blank(Buffer.from(ip4(options, '01', body, PROBE.ip4, TARGET.ip4)).toString('hex'));
}

function problem(pointer: number, about: Uint8Array): string {
  const quote = Buffer.from(about).toString('hex');
  return answer('', `0c00 0000 ${pointer.toString(16).padStart(2, '0')}000000 ${quote}`);
}

function blank(packet: string): string {
  return `${packet.slice(0, 8)}....${packet.slice(12, 20)}....${packet.slice(24)}`;
}

describe('IPv4 options of pings', () => {
  it('Record Route comes back with our address twice, as it came and as it goes', async (t) => {
    const { probe } = open(t);
    const room = (count: number) => '00000000'.repeat(count);
    for (const [options, expected] of [
      [`07 0f 04 ${room(3)} 00`, `07 0f 0c ${ME} ${ME} ${room(1)} 00`],
      [`07 0f 08 ${PROBE.ip4} ${room(2)} 00`, `07 0f 10 ${PROBE.ip4} ${ME} ${ME} 00`],
      [`01 07 0b 08 ${PROBE.ip4} ${room(1)}`, `07 0b 0c ${PROBE.ip4} ${ME} 00`],
      [`07 07 08 ${PROBE.ip4} 00`, `07 07 08 ${PROBE.ip4} 00`],
    ])
      assert.deepEqual(await probe(ip4(options, '01', PING)), [[answer(expected, PONG)], 0], options);
  });

  it('Timestamp comes back with the time of the day, and with our address where it is asked for', async (t) => {
    const { net, probe } = open(t);
    const ask = async (options: string) => {
      const before = net.network.virtualClock.wallTime();
      const [[got]] = await probe(ip4(options, '01', PING));
      return [got, (before % 86_400_000).toString(16).padStart(8, '0')];
    };
    let [got, at] = await ask('44 0c 05 00 00000000 00000000');
    assert.equal(got, answer(`44 0c 0d 00 ${at} ${at}`, PONG));
    [got, at] = await ask(`44 14 05 01 ${'00000000'.repeat(4)}`);
    assert.equal(got, answer(`44 14 15 01 ${ME} ${at} ${ME} ${at}`, PONG));
    [got, at] = await ask(`44 14 05 03 ${ME} 00000000 ${PROBE.ip4} 00000000`);
    assert.equal(got, answer(`44 14 0d 03 ${ME} ${at} ${PROBE.ip4} 00000000`, PONG));
    [got] = await ask(`44 0c 05 03 ${PROBE.ip4} 00000000`);
    assert.equal(got, answer(`44 0c 05 03 ${PROBE.ip4} 00000000`, PONG), 'somebody else is asked');
    [got] = await ask(`44 08 09 20 ${PROBE.ip4}`);
    assert.equal(got, answer(`44 08 09 30 ${PROBE.ip4}`, PONG), 'who finds no room is counted');
    [got, at] = await ask(`07 07 04 00000000 44 08 05 00 00000000 00`);
    assert.equal(got, answer(`07 07 08 ${ME} 44 08 09 00 ${at} 00`, PONG), 'both');
  });

  it('others are not given back, and none are where there were none', async (t) => {
    const { probe } = open(t);
    assert.deepEqual(await probe(ip4('94040000', '01', PING)), [[answer('', PONG)], 0]);
    assert.deepEqual(await probe(ip4('88040001', '01', PING)), [[answer('', PONG)], 0]);
    assert.deepEqual(await probe(ip4('', '01', PING)), [[answer('', PONG)], 0]);
  });
});

describe('IPv4 options that are wrong', () => {
  it('want Parameter Problem at what is wrong, as Linux has it', async (t) => {
    const { probe, host } = open(t);
    for (const [options, pointer] of [
      ['07010000', 20], // a length under 2
      ['07000000', 20],
      ['01010107', 23], // no room for a length
      ['07080400', 20], // over what is left
      ['1e050000', 20], // of an option that is not known, too
      ['07020000', 21], // too short for its pointer
      ['07070300 00000000', 22], // a pointer before the first place
      ['07080600 00000000', 22], // room for part of an address
      ['07070400 00000007 07040000 00000000', 27], // twice
      ['44030000', 21],
      ['44080400 00000000', 22],
      ['44080700 00000000', 22],
      ['44080501 00000000', 22], // no room for address and time
      ['440809f0 00000000', 23], // the counter of who found no room is full
      ['94030000', 21],
      ['83020000', 21],
      ['83030300', 22],
      ['83030489 03040000', 23], // two routes
    ] as const) {
      const packet = ip4(options, '11', UDP);
      assert.deepEqual(await probe(packet), [[problem(pointer, packet)], 0], options);
    }
    assert.equal(host.stats().badOptions, 18);
  });

  it('source routes are refused without an answer, as Linux does it', async (t) => {
    const { probe, host } = open(t);
    for (const options of [
      '83070400 00000000',
      '89070400 00000000',
      '830704 0a000001 00',
      '830708 0a000001 00',
    ])
      assert.deepEqual(await probe(ip4(options, '11', UDP)), [[], 0], options);
    assert.equal(host.stats().badOptions, 4);
  });

  it('others let the datagram pass: unknown ones are not looked at, nor what is behind the end', async (t) => {
    const { probe } = open(t);
    for (const options of [
      '1e040000',
      '01010101',
      '00010203',
      '00ffffff',
      '94040000',
      '07070400 00000000',
      '44080500 00000000',
    ])
      assert.deepEqual(await probe(ip4(options, '11', UDP)), [[], 1], options);
  });

  it('are not answered in later fragments, to groups, and about ICMP errors', async (t) => {
    const { probe } = open(t);
    const group = ip4('07010000', '11', UDP, 'e0000001');
    assert.deepEqual(await probe(group, '01005e000001'), [[], 0]);
    assert.deepEqual(await probe(ip4('07010000', '11', UDP, '0a0000ff'), 'ffffffffffff'), [[], 0]);
    assert.deepEqual(await probe(ip4('07010000', '11', UDP), 'ffffffffffff'), [[], 0]);
    assert.deepEqual(await probe(ip4('07010000', '01', `0300 0000 00000000 ${'00'.repeat(28)}`)), [[], 0]);
    const later = hex(`46000020 00070001 40110000 ${PROBE.ip4} ${TARGET.ip4} 07010000 7878787878787878`);
    fillIpv4Checksum(later, 0);
    assert.deepEqual(await probe(later), [[], 0]);
  });
});

describe('ICMP timestamp requests', () => {
  it('are answered with the time of the day', async (t) => {
    const { net, probe } = open(t);
    const now = (net.network.virtualClock.wallTime() % 86_400_000).toString(16).padStart(8, '0');
    const times = '00000007 00000000 00000000';
    const [[got]] = await probe(ip4('', '01', `0d00 0000 0001 0002 ${times}`));
    assert.equal(got, answer('', `0e00 0000 0001 0002 00000007 ${now} ${now}`));
    assert.deepEqual(await probe(ip4('', '01', `0d00 0000 0001 0002 ${times}`, '0a0000ff'), 'ffffffffffff'), [
      [],
      0,
    ]);
    assert.deepEqual(await probe(ip4('', '01', '0d00 0000 0001 0002 00000007')), [[], 0], 'too short');
  });
});
