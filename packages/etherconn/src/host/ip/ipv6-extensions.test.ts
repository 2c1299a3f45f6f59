import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { hex } from '../../test-support/frames.ts';
import { HostNetwork, TestPort } from '../../test-support/hosts.ts';
import { ip6, PROBE, ProbeStation, summed, TARGET } from '../../test-support/probe-station.ts';

/** A datagram of one byte to the port that is open, and an echo request. */
const UDP = '15b31e61 0009 0000 78';
const PING = '8000 0000 0001 0002';
const ALL_NODES = 'ff020000000000000000000000000001';
const ALL_NODES_MAC = '333300000001';

function open(t: TestContext) {
  const net = new HostNetwork(t);
  const host = net.host(9);
  const server = new TestPort(host, { version: 6 }).bind('', 0x1e61);
  const station = new ProbeStation(net.relay());
  return {
    net,
    host,
    station,
    server,
    /** Sends packets, and says what has come back and how many datagrams have been delivered. */
    async probe(packets: Uint8Array | Uint8Array[], mac?: string): Promise<[string[], number]> {
      const before = server.user.taken.length;
      for (const packet of Array.isArray(packets) ? packets : [packets]) station.send(packet, mac);
      await net.advance(2000);
      return [station.take(), server.user.taken.length - before];
    },
  };
}

/** The Parameter Problem about a packet, byte by byte. */
function problem(code: number, pointer: number, about: Uint8Array, from: string = TARGET.ip6): string {
  const head = `04${digits(code, 2)} 0000 ${digits(pointer, 8)}`;
  const quote = Buffer.from(about.subarray(0, 1280 - 48)).toString('hex');
  return Buffer.from(ip6('3a', head + quote, PROBE.ip6, from)).toString('hex');
}

function digits(value: number, count: number): string {
  return value.toString(16).padStart(count, '0');
}

describe('unknown IPv6 options', () => {
  it('want problem 2 at 42: the packet that showed it', async (t) => {
    const { host, probe } = open(t);
    const packet = hex(
      `6000000000113c4020010db800000000000000000000000120010db8000000000000000000000009
       11009e040000000015b31e610009f84b78`,
    );
    const answer = hex(
      `6000000000413a4020010db800000000000000000000000920010db8000000000000000000000001
       040254a00000002a
       6000000000113c4020010db800000000000000000000000120010db8000000000000000000000009
       11009e040000000015b31e610009f84b78`,
    );
    assert.deepEqual(await probe(packet), [[Buffer.from(answer).toString('hex')], 0]);
    assert.deepEqual([host.stats().badOptions, host.stats().icmpErrorsSent], [1, 1]);
  });

  it('are what their two highest bits say, in both headers that have options', async (t) => {
    const { probe, host } = open(t);
    for (const header of ['00', '3c']) {
      const of = (type: string) => ip6(header, `1100 ${type}04 00000000 ${UDP}`);
      assert.deepEqual(await probe(of('1e')), [[], 1], 'skipped');
      assert.deepEqual(await probe(of('5e')), [[], 0], 'dropped');
      assert.deepEqual(await probe(of('9e')), [[problem(2, 42, of('9e'))], 0]);
      assert.deepEqual(await probe(of('de')), [[problem(2, 42, of('de'))], 0]);
    }
    assert.equal(host.stats().badOptions, 6);
  });

  it('to a group are answered by all with the bits 10, by none with 11', async (t) => {
    const { probe } = open(t);
    const of = (type: string) => ip6('3c', `3a00 ${type}04 00000000 ${PING}`, ALL_NODES);
    // From an address of the host, since a group sends nothing.
    assert.deepEqual(await probe(of('9e'), ALL_NODES_MAC), [[problem(2, 42, of('9e'))], 0]);
    assert.deepEqual(await probe(of('de'), ALL_NODES_MAC), [[], 0]);
    assert.deepEqual(await probe(of('5e'), ALL_NODES_MAC), [[], 0]);
    const [answers] = await probe(of('1e'), ALL_NODES_MAC);
    assert.match(answers[0], /^.{80}8100/, 'the ping in it is answered');
    // A frame to a group with a packet for one: only what all would be told.
    const one = (type: string) => ip6('3c', `3a00 ${type}04 00000000 ${PING}`);
    assert.equal((await probe(one('9e'), ALL_NODES_MAC))[0].length, 1);
    assert.equal((await probe(one('de'), ALL_NODES_MAC))[0].length, 0);
  });

  it('are found behind others, in any header, and the first counts', async (t) => {
    const { probe } = open(t);
    for (const [packet, pointer] of [
      // Pad1, PadN, router alert, then the unknown one.
      [ip6('00', `1101 00 0100 05020000 9e 03 000000 0000 ${UDP}`), 49],
      // Hop-by-hop with padding, destination options, routing without segments left, destination options.
      [ip6('00', `3c00 010400000000 2b00 010400000000 3c00 6300 00000000 1100 de0400000000 ${UDP}`), 66],
      [ip6('3c', `3c00 9e0400000000 1100 de0400000000 ${UDP}`), 42],
      // Its transport header is not whole, or there is none.
      [ip6('3c', '1100 9e0400000000 15b3'), 42],
      [ip6('3c', '3b00 9e0400000000'), 42],
    ] as const) {
      assert.deepEqual(await probe(packet), [[problem(2, pointer, packet)], 0]);
    }
    const second = ip6('3c', `3c00 1e0400000000 1100 de0400000000 ${UDP}`);
    assert.deepEqual(await probe(second), [[problem(2, 50, second)], 0]);
  });

  it('are not answered to who cannot be one sender, in an ICMP error, or too often', async (t) => {
    const { probe, station, net, host } = open(t);
    const unspecified = '00'.repeat(16);
    assert.deepEqual(await probe(ip6('3c', `1100 9e0400000000 ${UDP}`, ALL_NODES, unspecified)), [[], 0]);
    for (const type of ['01', '7f', '89'])
      assert.deepEqual(await probe(ip6('3c', `3a00 9e0400000000 ${type}00 0000 00000000`)), [[], 0]);
    const [answers] = await probe(ip6('3c', `3a00 9e0400000000 ${PING}`));
    assert.equal(answers.length, 1, 'about a question');
    const packet = ip6('3c', `1100 9e0400000000 ${UDP}`);
    for (let i = 0; i < 60; i++) station.send(packet);
    await net.settle();
    assert.equal(station.take().length, 50);
    assert.equal(host.stats().icmpLimited, 10);
  });

  it('that are no valid ones are dropped: padding that says something, too many, cut off', async (t) => {
    const { probe, host } = open(t);
    const bad = [
      `1100 0104 00000001 ${UDP}`,
      `1100 1e05 00000000 ${UDP}`,
      `1100 1e03 000000 1e ${UDP}`,
      `1102 ${'1e00'.repeat(9)} 01020000 ${UDP}`,
    ];
    for (const body of bad) assert.deepEqual(await probe(ip6('3c', body)), [[], 0], body);
    assert.deepEqual(await probe(ip6('00', `1100 0503 000000 00 ${UDP}`)), [[], 0], 'router alert');
    assert.equal(host.stats().badOptions, 5);
    for (const body of [
      `1101 010c ${'00'.repeat(12)} ${UDP}`,
      `1102 ${'1e00'.repeat(8)} 010400000000 ${UDP}`,
      `1100 00 0103 000000 ${UDP}`,
    ])
      assert.deepEqual(await probe(ip6('3c', body)), [[], 1], body);
  });
});

describe('IPv6 routing headers', () => {
  it('with segments left want problem 0 at their type, whatever it is; without they are passed over', async (t) => {
    const { probe } = open(t);
    for (const type of ['00', '02', '03', '04', 'fe']) {
      const of = (left: string) => ip6('2b', `1102 ${type}${left} 00000000 ${TARGET.ip6} ${UDP}`);
      assert.deepEqual(await probe(of('01')), [[problem(0, 42, of('01'))], 0], type);
      assert.deepEqual(await probe(of('00')), [[], 1], type);
    }
    const behind = ip6('3c', `2b00 010400000000 1102 0001 00000000 ${TARGET.ip6} ${UDP}`);
    assert.deepEqual(await probe(behind), [[problem(0, 50, behind)], 0]);
    const toAll = ip6('2b', `1102 0001 00000000 ${TARGET.ip6} ${UDP}`, ALL_NODES);
    assert.deepEqual(await probe(toAll, ALL_NODES_MAC), [[], 0]);
  });
});

describe('IPv6 next headers', () => {
  it('that nobody knows want problem 1 at what names them', async (t) => {
    const { probe } = open(t);
    for (const [packet, pointer] of [
      [ip6('fd', '00000000'), 6],
      [ip6('3c', `fd00 010400000000 00000000`), 40],
      [ip6('00', `3c00 010400000000 fd00 010400000000`), 48],
      [ip6('33', '3b04000000000000'), 6],
    ] as const) {
      assert.deepEqual(await probe(packet), [[problem(1, pointer, packet)], 0]);
    }
    assert.deepEqual(await probe(ip6('3b', 'ffff')), [[], 0], 'no next header: nothing is said');
    assert.deepEqual(await probe(ip6('3c', '3b00 010400000000 ffff')), [[], 0]);
  });

  it('may come in any order, as often as they want, hop-by-hop only first', async (t) => {
    const { probe } = open(t);
    const pad = '010400000000';
    const many = ip6('00', `3c00${pad} 2b00${pad} 3c00 00000000 0000 3c00${pad} 1100${pad} ${UDP}`);
    assert.deepEqual(await probe(many), [[], 1]);
    const twice = ip6('00', `0000${pad} 1100${pad} ${UDP}`);
    assert.deepEqual(await probe(twice), [[problem(1, 40, twice)], 0]);
    const late = ip6('3c', `0000${pad} 1100${pad} ${UDP}`);
    assert.deepEqual(await probe(late), [[problem(1, 40, late)], 0]);
  });
});

describe('IPv6 fragments', () => {
  /** A fragment header before `body`: next header, offset in bytes, more to come. */
  const fragment = (next: string, offset: number, more: boolean, body: string) =>
    `${next}00 ${digits(offset | (more ? 1 : 0), 4)} 00000007 ${body}`;
  /** The UDP datagram with 8 bytes of payload, in two parts. */
  const whole = summed(
    hex(`60000000 0010 1140 ${PROBE.ip6} ${TARGET.ip6} 15b31e61 0010 0000 7878787878787878`),
  );
  const [first, second] = [whole.subarray(40, 48), whole.subarray(48)].map((part) =>
    Buffer.from(part).toString('hex'),
  );

  it('of a length that is no multiple of 8, with more to come, want problem 0 at the payload length', async (t) => {
    const { probe } = open(t);
    for (const [offset, header] of [
      [0, ''],
      [16, ''],
      [16, '2c00 010400000000'],
    ] as const) {
      const next = header === '' ? '2c' : '3c';
      const packet = ip6(next, header + fragment('11', offset, true, `${first} 00`));
      assert.deepEqual(await probe(packet), [[problem(0, 4, packet)], 0]);
    }
  });

  it('that make the packet too long want problem 0 at their offset', async (t) => {
    const { probe } = open(t);
    const over = ip6('2c', fragment('11', 0xfff8, false, '0000000000000000'));
    assert.deepEqual(await probe(over), [[problem(0, 42, over)], 0]);
    const pad = '010400000000';
    // With the header before it, not without it.
    const behind = ip6('3c', `2c00${pad} ${fragment('11', 0xfff0, false, '0000000000000000')}`);
    assert.deepEqual(await probe(behind), [[problem(0, 50, behind)], 0]);
    assert.deepEqual(await probe(ip6('2c', fragment('11', 0xfff0, false, '0000000000000000'))), [[], 0]);
  });

  it('that do not have all headers in the first want problem 3 at 0', async (t) => {
    const { probe } = open(t);
    for (const body of ['1101 010400000000', `3c00 010400000000`])
      for (const packet of [ip6('2c', fragment('3c', 0, true, body))])
        assert.deepEqual(await probe(packet), [[problem(3, 0, packet)], 0]);
  });

  it('have their headers looked at: those before at once, those behind when the packet is whole', async (t) => {
    const { probe, host } = open(t);
    const pad = '010400000000';
    const before = ip6('3c', `2c00 9e0400000000 ${fragment('11', 8, false, second)}`);
    assert.deepEqual(await probe(before), [[problem(2, 42, before)], 0], 'in a later fragment, too');
    const behind = [
      ip6('3c', `2c00${pad} ${fragment('3c', 0, true, `1100 9e0400000000 ${first}`)}`),
      ip6('3c', `2c00${pad} ${fragment('3c', 16, false, second)}`),
    ];
    const joined = ip6('3c', `3c00${pad} 1100 9e0400000000 ${first} ${second}`);
    assert.deepEqual(await probe(behind), [[problem(2, 50, joined)], 0]);
    const good = [
      ip6('3c', `2c00${pad} ${fragment('3c', 0, true, `1100 ${pad} ${first}`)}`),
      ip6('3c', `2c00${pad} ${fragment('3c', 16, false, second)}`),
    ];
    assert.deepEqual(await probe(good), [[], 1]);
    assert.equal(host.stats().badOptions, 2);
  });

  it('that overlap are all dropped, and nobody is told; a whole packet in one is taken for itself', async (t) => {
    const { probe } = open(t);
    const overlapping = [
      ip6('2c', fragment('11', 0, true, `${first} ${second}`)),
      ip6('2c', fragment('11', 8, false, `${second} ${second}`)),
      ip6('2c', fragment('11', 16, false, second)),
    ];
    assert.deepEqual(await probe(overlapping), [[], 0]);
    assert.deepEqual(await probe(ip6('2c', fragment('11', 0, false, `${first} ${second}`))), [[], 1]);
  });

  it('that wait a minute in vain are given up, and who sent the first is told', async (t) => {
    const { net, station } = open(t);
    const packet = ip6('2c', fragment('11', 0, true, first));
    station.send(packet);
    await net.advance(59_999);
    assert.deepEqual(station.take(), []);
    await net.advance(2);
    const told = Buffer.from(
      ip6('3a', `0301 0000 00000000 ${Buffer.from(packet).toString('hex')}`, PROBE.ip6, TARGET.ip6),
    );
    assert.deepEqual(station.take(), [told.toString('hex')]);
    station.send(ip6('2c', fragment('11', 8, false, second)));
    await net.advance(61_000);
    assert.deepEqual(station.take(), [], 'without the first nobody is');
  });
});
