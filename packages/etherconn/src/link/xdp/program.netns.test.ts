import assert from 'node:assert/strict';
import { closeSync, openSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { loadAddon, type NativeSocket } from '../../native/addon.ts';
import { requireBpf } from '../../test-support/bpf.ts';
import { sampleFrames } from '../../test-support/sample-frames.ts';
import { verdictOf } from '../../test-support/steering-probe.ts';
import { NEAR, openVethBench, type VethBench } from '../../test-support/veth-links.ts';
import { parseIp } from '../../wire/ip.ts';
import { parseFrame } from '../../wire/parse.ts';
import { IpProtocol } from '../../wire/protocol.ts';
import { Fragment, FrameRecord } from '../../wire/record.ts';
import { vlanKey } from '../../wire/vlan.ts';
import { SOCK_RAW } from '../kernel/socket-numbers.ts';
import type { Station } from '../link.ts';
import { AF_XDP } from './if-xdp.ts';
import { queueMask, type SteeringCounters, SteeringProgram } from './program.ts';
import type { Service } from './steer-maps.ts';

/** The program's logic, as the kernel runs it (BPF_PROG_TEST_RUN). */

const skip = requireBpf();
const QUEUES = 4;
/** Of the four queues, two and no more have a socket. */
const SOCKETS = [0, 1];
const MINE = queueMask([0, 2, 3]);
const NONE: Station[] = [];

type Disposition = keyof SteeringCounters;

function station(macLow: number, etherTypes: readonly number[], ...vids: number[]): Station {
  return { macHigh: 0x02000000, macLow, vlanKey: vlanKey(vids), etherTypes };
}

/** A frame for 02:00:00:00:00:LOW; tags as 'tpid:tci' in hex, payload in hex. */
function frame(low: number, type: number, tags: readonly string[] = [], payload = ''): Uint8Array {
  const mac = `0200000000${low.toString(16).padStart(2, '0')}`;
  const stack = tags.map((tag) => tag.replace(':', '')).join('');
  const text = `${mac}020000000099${stack}${type.toString(16).padStart(4, '0')}${payload}`;
  return new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'));
}

const UDP = '03e8 1234 0008 0000';
const IPV4 = '4500 001c 0000 4000 4011 0000 0a000001 0a000002';
const IPV6 = `60000000 0008 11 40 ${'20010db8000000000000000000000001'} ${'20010db8000000000000000000000002'}`;
const SERVICE: Service = {
  macHigh: 0x02000000,
  macLow: 0x50,
  vlanKey: 0,
  address: parseIp('10.0.0.2'),
  port: 0x1234,
};
const SERVICE6: Service = { ...SERVICE, vlanKey: vlanKey([5]), address: parseIp('2001:db8::2') };

describe('steering program', { skip }, () => {
  const addon = loadAddonIf(!skip);
  let bench: VethBench;
  let namespaceFd: number;
  let interfaceIndex: number;
  let sockets: NativeSocket[];
  /** Enables XDP natively, so that frames of any queue can be tried on other programs. */
  let enabler: SteeringProgram;

  before(async () => {
    bench = await openVethBench({ queues: QUEUES });
    namespaceFd = openSync(bench.near.path, 'r');
    interfaceIndex = Number(bench.near.run('ip', '-o', 'link', 'show', NEAR).stdout.split(':')[0]);
    sockets = SOCKETS.map(() => addon.socketOpen(AF_XDP, SOCK_RAW, 0, namespaceFd));
    enabler = load();
    enabler.attach(interfaceIndex, namespaceFd, 'native');
  });
  after(async () => {
    enabler.close();
    for (const socket of sockets) addon.socketClose(socket);
    closeSync(namespaceFd);
    await bench.close();
  });

  function load(endpoints = 16, takeAll = false): SteeringProgram {
    const program = SteeringProgram.load(addon, { endpoints, queues: QUEUES, frags: false });
    if (takeAll) program.setTakeAll(true);
    for (const [i, queue] of SOCKETS.entries()) program.setSocket(queue, addon.socketFd(sockets[i]));
    return program;
  }

  /** The verdict, and which counter has counted. */
  function run(program: SteeringProgram, bytes: Uint8Array, queue = 0): Disposition {
    const earlier = program.counters()!;
    const verdict = verdictOf(program, bytes, { interfaceIndex, queue, namespaceFd });
    const later = program.counters()!;
    const changed = Object.keys(later).filter(
      (name) => later[name as Disposition] !== earlier[name as Disposition],
    );
    const total = (counters: SteeringCounters) => counters.redirected + counters.passed;
    assert.equal(total(later) - total(earlier), 1, 'exactly one disposition');
    if (verdict === 'redirect') {
      assert.deepEqual(changed, ['redirected']);
      return 'redirected';
    }
    assert.equal(verdict, 'pass');
    assert.deepEqual(changed.length, 2);
    return changed.find((name) => name !== 'passed') as Disposition;
  }

  test('verdicts', async (context) => {
    const program = load();
    program.update(
      [
        station(1, [0x0800, 0x0806]),
        station(2, [0x0800], 5),
        station(3, [0x86dd], 100, 5),
        station(4, [1500, 0x0600, 0x0601, 0x0602, 0x0603, 0x0604]),
        station(5, [0x0601, 0x0602, 0x0603, 0x0604, 0x0605, 0x0606, 0x0607]),
        station(6, [0x0800], 4094, 1),
      ],
      NONE,
      MINE,
    );
    const table: [string, Uint8Array, Disposition, queue?: number][] = [
      ['wanted', frame(1, 0x0800), 'redirected'],
      ['its other EtherType', frame(1, 0x0806), 'redirected'],
      ['another EtherType', frame(1, 0x86dd), 'otherType'],
      ['a queue that is not ours', frame(1, 0x0800), 'otherQueue', 1],
      ['a queue without a socket', frame(1, 0x0800), 'noSocket', 2],
      ['another EtherType at a queue that is not ours', frame(1, 0x86dd), 'otherType', 1],
      ['nobody', frame(9, 0x0800), 'noEndpoint'],
      ['broadcast', new Uint8Array(60).fill(255), 'group'],
      ['multicast', Uint8Array.of(1, 0, 0x5e, 0, 0, 1, 2, 0, 0, 0, 0, 9, 8, 0), 'group'],
      ['untagged, wanted in a VLAN', frame(2, 0x0800), 'noEndpoint'],
      ['tagged, wanted untagged', frame(1, 0x0800, ['8100:0005']), 'noEndpoint'],
      ['one tag', frame(2, 0x0800, ['8100:0005']), 'redirected'],
      ['one tag with priority and DEI', frame(2, 0x0800, ['8100:f005']), 'redirected'],
      ['one service tag', frame(2, 0x0800, ['88a8:0005']), 'redirected'],
      ['another VLAN', frame(2, 0x0800, ['8100:0006']), 'noEndpoint'],
      ['the wanted VLAN outside', frame(2, 0x0800, ['8100:0005', '8100:0006']), 'noEndpoint'],
      ['two tags', frame(3, 0x86dd, ['88a8:0064', '8100:0005']), 'redirected'],
      ['two tags of one kind', frame(3, 0x86dd, ['8100:0064', '8100:0005']), 'redirected'],
      ['two tags the other way round', frame(3, 0x86dd, ['8100:0005', '88a8:0064']), 'noEndpoint'],
      ['only the inner tag', frame(3, 0x86dd, ['8100:0005']), 'noEndpoint'],
      ['VIDs of 12 bits', frame(6, 0x0800, ['8100:0ffe', '8100:0001']), 'redirected'],
      ['two tags, another EtherType', frame(3, 0x0800, ['88a8:0064', '8100:0005']), 'otherType'],
      ['three tags', frame(3, 0x86dd, ['88a8:0064', '8100:0005', '8100:0001']), 'noEndpoint'],
      ['a priority tag', frame(1, 0x0800, ['8100:6000']), 'redirected'],
      ['two priority tags', frame(1, 0x0806, ['88a8:0000', '8100:e000']), 'redirected'],
      ['a priority tag outside', frame(2, 0x0800, ['8100:6000', '8100:0005']), 'redirected'],
      ['a priority tag between', frame(3, 0x86dd, ['88a8:0064', '8100:0000', '8100:0005']), 'redirected'],
      [
        'four tags, two count',
        frame(3, 0x86dd, ['8100:0000', '8100:0064', '8100:0000', '8100:0005']),
        'redirected',
      ],
      ['five tags', frame(1, 0x0800, Array(5).fill('8100:0000')), 'unreadable'],
      ['802.3 length frame', frame(1, 46), 'otherType'],
      ['a type that is a number of bytes', frame(4, 1500), 'redirected'],
      ['the sixth EtherType', frame(4, 0x0604), 'redirected'],
      ['not one of six', frame(4, 0x0605), 'otherType'],
      ['any EtherType of an endpoint with seven', frame(5, 0x9999), 'redirected'],
      ['any EtherType, at a queue that is not ours', frame(5, 0x9999), 'otherQueue', 1],
      ['EtherType 0 is no free slot', frame(1, 0), 'otherType'],
    ];
    for (const [name, bytes, expected, queue] of table) {
      await context.test(name, () => assert.equal(run(program, bytes, queue), expected));
    }
    program.close();
  });

  test('frames cut off at every length', () => {
    const program = load();
    program.update([station(3, [0x86dd], 100, 5)], NONE, MINE);
    const whole = frame(3, 0x86dd, ['88a8:0064', '8100:0005'], '00'.repeat(40));
    for (let length = 14; length <= whole.length; length++) {
      const expected = length >= 22 ? 'redirected' : 'unreadable';
      assert.equal(run(program, whole.subarray(0, length)), expected, `${length} bytes`);
    }
    program.close();
  });

  test('services', async (context) => {
    const program = load();
    program.update([station(0x51, [0x0806, 0x0800])], NONE, MINE);
    program.addService(SERVICE, MINE);
    program.addService(SERVICE6, MINE);
    const four = (payload: string, ...tags: string[]) => frame(0x50, 0x0800, tags, payload);
    const six = (payload: string, ...tags: string[]) => frame(0x50, 0x86dd, tags, payload);
    const table: [string, Uint8Array, Disposition, queue?: number][] = [
      ['IPv4', four(IPV4 + UDP), 'redirected'],
      ['IPv4 with a priority tag', four(IPV4 + UDP, '8100:e000'), 'redirected'],
      ['IPv4 with options', four(`46${IPV4.slice(2).replace('001c', '0020')}01010100${UDP}`), 'redirected'],
      [
        'IPv4 with the longest options',
        four(`4f${IPV4.slice(2).replace('001c', '0044')}${'01'.repeat(40)}${UDP}`),
        'redirected',
      ],
      [
        'IPv4 with a payload',
        four(`${IPV4.replace('001c', '05dc')}${UDP}${'00'.repeat(1472)}`),
        'redirected',
      ],
      ['padded', four(`${IPV4}${UDP}${'00'.repeat(18)}`), 'redirected'],
      ['a queue that is not ours', four(IPV4 + UDP), 'otherQueue', 1],
      ['a queue without a socket', four(IPV4 + UDP), 'noSocket', 3],
      ['another VLAN', four(IPV4 + UDP, '8100:0005'), 'noEndpoint'],
      ['another port', four(`${IPV4} 03e8 1235 0008 0000`), 'noEndpoint'],
      ['the port as source', four(`${IPV4} 1234 03e8 0008 0000`), 'noEndpoint'],
      ['another address', four(IPV4.replace('0a000002', '0a000003') + UDP), 'noEndpoint'],
      ['another MAC address', frame(0x52, 0x0800, [], IPV4 + UDP), 'noEndpoint'],
      ['another EtherType', frame(0x50, 0x0806, [], IPV4 + UDP), 'noEndpoint'],
      ['TCP', four(IPV4.replace('4011', '4006') + UDP), 'noEndpoint'],
      ['first fragment', four(IPV4.replace('4000', '2000') + UDP), 'noEndpoint'],
      ['later fragment', four(IPV4.replace('4000', '0001') + UDP), 'noEndpoint'],
      ['fragment at 32,768', four(IPV4.replace('4000', '1000') + UDP), 'noEndpoint'],
      ['last fragment', four(IPV4.replace('4000', '1fff') + UDP), 'noEndpoint'],
      ['wrong version', four(`6${IPV4.slice(1)}${UDP}`), 'noEndpoint'],
      ['header length under 20', four(`44${IPV4.slice(2)}${UDP}`), 'noEndpoint'],
      ['options that are not there', four(`4f${IPV4.slice(2)}${UDP}`), 'noEndpoint'],
      ['ports in the padding', four(IPV4.replace('001c', '001b') + UDP), 'noEndpoint'],
      ['IPv6', six(IPV6 + UDP, '8100:0005'), 'redirected'],
      ['IPv6 in no VLAN', six(IPV6 + UDP), 'noEndpoint'],
      ['IPv6, another address', six(IPV6.replace(/2$/, '3') + UDP, '8100:0005'), 'noEndpoint'],
      ['IPv6, ports in the padding', six(IPV6.replace('0008', '0007') + UDP, '8100:0005'), 'noEndpoint'],
      [
        'IPv6, a fragment',
        six(`${IPV6.replace(' 11 ', ' 2c ')}1100000000000001${UDP}`, '8100:0005'),
        'noEndpoint',
      ],
      ['IPv6, TCP', six(IPV6.replace(' 11 ', ' 06 ') + UDP, '8100:0005'), 'noEndpoint'],
      ['IPv6, wrong version', six(`4${IPV6.slice(1)}${UDP}`, '8100:0005'), 'noEndpoint'],
      ['IPv4 under the EtherType of IPv6', six(IPV4 + UDP, '8100:0005'), 'noEndpoint'],
    ];
    for (const [name, bytes, expected, queue] of table) {
      await context.test(name, () => assert.equal(run(program, bytes, queue), expected));
    }
    await context.test('cut off at every length', () => {
      for (const whole of [four(IPV4 + UDP), six(IPV6 + UDP, '8100:0005')]) {
        for (let length = 14; length < whole.length; length++) {
          assert.notEqual(run(program, whole.subarray(0, length)), 'redirected', `${length} bytes`);
        }
      }
    });
    await context.test('an endpoint without that EtherType hides no service', () => {
      program.update([station(0x50, [0x0806])], NONE, MINE);
      assert.equal(run(program, four(IPV4 + UDP)), 'redirected');
      assert.equal(run(program, four(IPV4.replace('4011', '4006') + UDP)), 'otherType');
    });
    await context.test('removed', () => {
      program.removeService(SERVICE, MINE);
      program.removeService(SERVICE, MINE);
      assert.equal(run(program, four(IPV4 + UDP)), 'otherType');
      assert.equal(run(program, six(IPV6 + UDP, '8100:0005')), 'redirected');
      program.addService(SERVICE, queueMask([0]));
      program.addService(SERVICE, queueMask([1]));
      program.removeService(SERVICE, queueMask([0]));
      assert.equal(run(program, four(IPV4 + UDP)), 'otherQueue');
      assert.equal(run(program, four(IPV4 + UDP), 1), 'redirected');
    });
    await context.test('too many', () => {
      const many = (i: number): Service => ({ ...SERVICE, port: i + 1 });
      assert.throws(
        () => {
          for (let i = 0; i < 2000; i++) program.addService(many(i), MINE);
        },
        { code: 'ERR_ETHERCONN_LIMIT', message: /at most 1024 services/ },
      );
    });
    program.close();
  });

  test('takes all', () => {
    const program = load(16, true);
    assert.equal(run(program, frame(9, 0x1234)), 'redirected');
    assert.equal(run(program, frame(9, 0x1234), 1), 'redirected');
    assert.equal(run(program, frame(9, 0x1234), 3), 'noSocket');
    assert.equal(run(program, frame(9, 0x0800, Array(6).fill('8100:0001'))), 'redirected');
    assert.equal(run(program, new Uint8Array(60).fill(255)), 'group');
    program.setTakeAll(false, queueMask([1]));
    assert.equal(run(program, frame(9, 0x1234)), 'redirected');
    assert.equal(run(program, frame(9, 0x1234), 1), 'noEndpoint');
    program.setTakeAll(false);
    assert.equal(run(program, frame(9, 0x1234)), 'noEndpoint');
    program.setTakeAll(true, queueMask([1]));
    assert.equal(run(program, frame(9, 0x1234)), 'noEndpoint');
    assert.equal(run(program, frame(9, 0x1234), 1), 'redirected');
    program.close();
  });

  test('without an interface the queue is 0, and what is too short for Ethernet cannot be tried', () => {
    const program = load();
    program.update([station(1, [0x0800])], NONE, 1n);
    assert.equal(verdictOf(program, frame(1, 0x0800)), 'redirect');
    assert.throws(() => verdictOf(program, new Uint8Array(13)), { code: 'EINVAL' });
    program.close();
  });

  test('a socket that is closed or taken out leaves its queue to the kernel', () => {
    const program = load();
    program.update([station(1, [0x0800])], NONE, MINE);
    const socket = addon.socketOpen(AF_XDP, SOCK_RAW, 0, namespaceFd);
    program.setSocket(3, addon.socketFd(socket));
    assert.equal(run(program, frame(1, 0x0800), 3), 'redirected');
    addon.socketClose(socket);
    assert.equal(run(program, frame(1, 0x0800), 3), 'noSocket');
    program.clearSocket(0);
    program.clearSocket(0);
    assert.equal(run(program, frame(1, 0x0800)), 'noSocket');
    assert.throws(() => program.setSocket(QUEUES, addon.socketFd(sockets[0])), /places for 4 queues only/);
    assert.throws(() => program.setSocket(0, 0), { name: 'SystemError' });
    program.close();
  });

  test('property: agrees with the parser of received frames', () => {
    const samples = sampleFrames();
    const record = new FrameRecord();
    const address = samples[0].bytes;
    const view = new DataView(address.buffer, address.byteOffset);
    const [macHigh, macLow] = [view.getUint32(0), view.getUint16(4)];
    const steered = new Map([
      [0, [0x0806, 0x0800]],
      [vlanKey([100, 5]), [0x0800]],
      [vlanKey([1, 2, 3, 4]), [0x86dd]],
    ]);
    const services = [0, vlanKey([5]), vlanKey([100, 5])].flatMap((key) =>
      ['10.9.8.7', 'fe80::1234:0:0:1'].flatMap((ip) =>
        [2, 53, 65_535].map((port) => ({ macHigh, macLow, vlanKey: key, address: parseIp(ip), port })),
      ),
    );
    const program = load();
    for (const [key, etherTypes] of steered) {
      program.update([{ macHigh, macLow, vlanKey: key, etherTypes }], NONE, 1n);
    }
    for (const service of services) program.addService(service, 1n);

    const isService = (u8: Uint8Array) => {
      const { protocol, fragment, destinationPort, ipVersion, l3, l4, ipDestination } = record;
      if (protocol !== IpProtocol.UDP || fragment !== Fragment.NONE || destinationPort < 0) return false;
      if (ipVersion === 6 && l4 !== l3 + 40) return false;
      const size = ipVersion === 4 ? 4 : 16;
      const destination = Buffer.from(u8.subarray(ipDestination, ipDestination + size));
      return services.some(
        (s) => s.vlanKey === record.vlanKey && s.port === destinationPort && destination.equals(s.address),
      );
    };
    const isOurs = (u8: Uint8Array) => {
      parseFrame(u8, 0, u8.length, record);
      if (record.l3 === 0 || record.vlanCount > 4 || (u8[0] & 1) === 1) return false;
      const view8 = new DataView(u8.buffer, u8.byteOffset);
      if (view8.getUint32(0) !== macHigh || view8.getUint16(4) !== macLow) return false;
      return (steered.get(record.vlanKey)?.includes(record.etherType) ?? false) || isService(u8);
    };
    let redirected = 0;
    const change = fc.tuple(fc.nat(80), fc.nat(255));
    fc.assert(
      fc.property(
        fc.constantFrom(...samples),
        fc.option(fc.nat(200)),
        fc.array(change, { maxLength: 2 }),
        (sample, cut, changes) => {
          const bytes = sample.bytes.slice(0, Math.max(14, cut ?? sample.bytes.length));
          for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
          const ours = isOurs(bytes);
          if (ours) redirected++;
          assert.equal(run(program, bytes) === 'redirected', ours, sample.name);
        },
      ),
      { numRuns: 5000 },
    );
    assert.ok(redirected > 500, `only ${redirected} of the frames were ours`);
    program.close();
  });

  describe('endpoints', () => {
    test('ten thousand at once', () => {
      const program = load(10_000);
      const all = Array.from({ length: 10_000 }, (_, i) => station(i, [0x0800], (i % 4000) + 1));
      const shows = (i: number) => frameOf(all[i]);
      program.update(all, NONE, MINE);
      assert.equal(program.size, 10_000);
      for (let i = 0; i < 10_000; i += 97) assert.equal(run(program, shows(i)), 'redirected');
      program.update(NONE, all.slice(0, 5000), MINE);
      for (let i = 0; i < 10_000; i += 97) {
        assert.equal(run(program, shows(i)), i < 5000 ? 'noEndpoint' : 'redirected');
      }
      // There is room again for exactly as many.
      program.update(all.slice(0, 5000), NONE, MINE);
      assert.throws(() => program.update([station(1, [0x0806])], NONE, MINE), {
        code: 'ERR_ETHERCONN_LIMIT',
      });
      program.close();
    });

    test('several registrations of one (MAC address, VLANs)', () => {
      const program = load();
      program.update([station(1, [0x0800]), station(1, [0x0806])], NONE, MINE);
      program.update([station(1, [0x0800])], NONE, MINE);
      program.update(NONE, [station(1, [0x0800])], MINE);
      assert.equal(run(program, frame(1, 0x0800)), 'redirected');
      program.update(NONE, [station(1, [0x0800])], MINE);
      assert.equal(run(program, frame(1, 0x0800)), 'otherType');
      assert.equal(run(program, frame(1, 0x0806)), 'redirected');
      // The next owner comes before the last one goes.
      program.update([station(1, [0x0806])], [station(1, [0x0806])], MINE);
      assert.equal(run(program, frame(1, 0x0806)), 'redirected');
      program.update(NONE, [station(1, [0x0806])], MINE);
      assert.equal(run(program, frame(1, 0x0806)), 'noEndpoint');
      program.close();
    });

    test('full: a clear error, and what was there stays', () => {
      const program = load(3);
      program.update([station(1, [0x0800]), station(2, [0x0800]), station(3, [0x0800])], NONE, MINE);
      const refused = {
        code: 'ERR_ETHERCONN_LIMIT',
        message: /no room for 2 more.*2 of at most 3.*maxEndpoints/,
      };
      assert.throws(
        () => program.update([station(4, [0x0800]), station(5, [0x0800])], [station(3, [0x0800])], MINE),
        refused,
      );
      const seen = [1, 2, 3, 4, 5].map((low) => run(program, frame(low, 0x0800)));
      assert.deepEqual(seen, ['redirected', 'redirected', 'noEndpoint', 'noEndpoint', 'noEndpoint']);
      // One that is there already needs no room, nor does one for which another goes.
      program.update([station(6, [0x0800])], NONE, MINE);
      program.update([station(1, [0x0806]), station(7, [0x0800])], [station(6, [0x0800])], MINE);
      assert.deepEqual(
        [frame(1, 0x0806), frame(6, 0x0800), frame(7, 0x0800)].map((bytes) => run(program, bytes)),
        ['redirected', 'noEndpoint', 'redirected'],
      );
      program.close();
    });
  });

  test('room is kept for what was admitted, until the next update', () => {
    const program = SteeringProgram.load(addon, { endpoints: 3, queues: 1, frags: false });
    const [a, b, c, d] = [1, 2, 3, 4].map((low) => station(low, [0x0800]));
    program.update([a], NONE, 1n);
    program.admit([b, a], 1n);
    program.admit([c], 1n);
    const refused = {
      code: 'ERR_ETHERCONN_LIMIT',
      message: /another endpoint, 3 of at most 3.*maxEndpoints/,
    };
    assert.throws(() => program.admit([d], 1n), refused);
    assert.throws(() => program.admit([a, d], 1n), { code: 'ERR_ETHERCONN_LIMIT' });
    // What was refused changed nothing, nor do further ones of those that are there.
    program.admit([station(1, [0x0806])], 1n);
    program.update([a, b], NONE, 1n);
    assert.equal(program.size, 2);
    program.admit([d], 1n);
    program.update([d], [b], 1n);
    assert.equal(program.size, 2);
    program.close();
  });

  test('a program for frames in several buffers steers alike', () => {
    const program = SteeringProgram.load(addon, { endpoints: 4, queues: 1, frags: true });
    program.setSocket(0, addon.socketFd(sockets[0]));
    program.update([station(1, [0x0800])], NONE, 1n);
    assert.equal(run(program, frame(1, 0x0800)), 'redirected');
    assert.equal(run(program, frame(2, 0x0800)), 'noEndpoint');
    program.close();
  });
});

function frameOf({ macLow, vlanKey: key }: Station): Uint8Array {
  const bytes = frame(0, 0x0800, [`8100:${(key & 0xfff).toString(16).padStart(4, '0')}`]);
  bytes[4] = macLow >> 8;
  bytes[5] = macLow;
  return bytes;
}

function loadAddonIf(wanted: boolean): ReturnType<typeof loadAddon> {
  return wanted ? loadAddon() : ({} as ReturnType<typeof loadAddon>);
}
