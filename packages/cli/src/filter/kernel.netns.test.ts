import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { RawSocketRelay } from 'etherconn';
import { type FrameMemory, openPacketTap, type PacketTap } from 'etherconn/link';
import { addVethPair, type Namespace, openNamespace, requireNamespaces } from 'etherconn/testing';
import { Dice, filterFrames } from '../test-support/filter-frames.ts';
import { randomExpression } from '../test-support/random-expression.ts';
import { compileFilter, type Filter } from './filter.ts';

/** The kernel takes the programs, and gives frames the same verdicts: also those whose tag it has taken out. */

const skip = requireNamespaces();
let near: Namespace;
let far: Namespace;

before(async () => {
  if (skip !== false) return;
  [near, far] = [await openNamespace(), await openNamespace()];
  addVethPair({ namespace: near, name: 'eth0' }, { namespace: far, name: 'eth1' });
});
after(async () => {
  await near?.close();
  await far?.close();
});

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** Frames that a tap has delivered, as text. */
function collect(tap: PacketTap): string[] {
  const frames: string[] = [];
  let bytes: Uint8Array;
  tap.start({
    begin(memory: FrameMemory) {
      bytes = memory.u8;
    },
    frame(offset, length) {
      frames.push(hex(bytes.subarray(offset, offset + length)));
    },
    end() {},
    error(error) {
      throw error;
    },
    state() {},
  });
  return frames;
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 5));
}

/** A frame of an EtherType for experiments. */
function marker(number: number): Uint8Array {
  const u8 = new Uint8Array(60).fill(number);
  u8.set([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5]);
  return u8;
}

/** A frame may be lost when the interface has just been made. */
async function sendUntilSeen(
  relay: RawSocketRelay,
  frame: Uint8Array,
  received: readonly string[],
): Promise<void> {
  for (let i = 0; i < 2000 && !received.includes(hex(frame)); i++) {
    if (i % 20 === 0) relay.trySendFrame(frame);
    await pause();
  }
  assert.ok(received.includes(hex(frame)), 'no frame has come');
}

const EXPRESSIONS = [
  ...[
    '',
    'ip',
    'not ip',
    'tcp port 80',
    'udp or arp',
    'host 10.0.0.1',
    'net 2001:db8::/32',
    'ip6',
    'multicast',
  ],
  ...['vlan', 'not vlan', 'vlan 100', 'vlan 100 and ip', 'vlan and vlan', 'vlan 100 and vlan 200 and udp'],
  ...['vlan and tcp port 80', 'ip or vlan and ip', 'vlan and ip6 host fe80::1', 'vlan and ip[8] = 64'],
  ...[
    'ether[12:2] = 0x8100',
    'ether[12:4] & 0xff = 100',
    'ether[10:4] & 0xffff = 0x8100',
    'ether[13] = 0',
    'ether[14] & 15 = 0',
  ],
  ...[
    'ether[11:2] = 0x0181',
    'ether[15] = 100',
    'ether[16:2] = 0x0800',
    'len > 90',
    'greater 60 and less 62',
    'ether proto 0x88a8',
  ],
  ...[
    'tcp[((tcp[12] & 0xf0) >> 2):1] < 128',
    'vlan and tcp[tcpflags] & tcp-syn != 0',
    'ether[len - 1] & 1 = 1',
  ],
];

test('frames from the wire', { skip }, async () => {
  const dice = new Dice(77);
  const random = Array.from({ length: 30 }, () => randomExpression(dice, 2));
  const frames = filterFrames(400, 5).map(({ bytes }) => bytes);
  const taps: { filter: Filter; tap: PacketTap; received: string[] }[] = [];
  const relay = await RawSocketRelay.open('eth1', { netns: far.path });
  try {
    for (const expression of [...EXPRESSIONS, ...random]) {
      const filter = compileFilter(expression);
      const { kernelProgram } = filter;
      if (kernelProgram === null) continue;
      const options = {
        netns: near.path,
        direction: 'in',
        filter: kernelProgram,
        receiveRing: 1024,
      } as const;
      const tap = openPacketTap('eth0', options);
      taps.push({ filter, tap, received: collect(tap) });
    }
    assert.ok(taps.length > 50);
    const [all] = taps;
    await sendUntilSeen(relay, marker(1), all!.received);
    for (const [i, frame] of frames.entries()) {
      while (relay.trySendFrame(frame) === 0) await pause();
      if (i % 50 === 0) await pause();
    }
    await sendUntilSeen(relay, marker(2), all!.received);
    for (const { tap } of taps) await tap.close();
    // The kernel drops frames that end within a tag, and machines of its own talk, too.
    const sent = new Set(frames.map(hex));
    const arrived = all!.received.filter((frame) => sent.has(frame));
    assert.ok(arrived.length > 0.9 * frames.length);
    for (const { filter, received } of taps) {
      const expected = arrived.filter((frame) => {
        const bytes = Buffer.from(frame, 'hex');
        return filter.matches(bytes, 0, bytes.length);
      });
      assert.deepEqual(
        received.filter((frame) => sent.has(frame)),
        expected,
        filter.expression,
      );
    }
  } finally {
    for (const { tap } of taps) await tap.close();
    await relay.close();
  }
});
