import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Dhcpv4Option, emitDhcpv4, parseDhcpv4 } from 'etherconn/wire';
import { addressNumber } from './address-number.ts';
import { ServerMessage } from './server-message.ts';

const OPTIONS = 240;
const MAC = Uint8Array.of(2, 0, 0, 0, 0, 1);

function reply(options: readonly (readonly [number, readonly number[]])[], length?: number): Uint8Array {
  const bytes = emitDhcpv4(
    {
      op: 2,
      xid: 0xfedcba98,
      hardwareAddress: MAC,
      yourAddress: Uint8Array.of(10, 0, 0, 200),
      options: new Map(options.map(([code, value]) => [code, Uint8Array.from(value)])),
    },
    1472,
  );
  return length === undefined ? bytes : bytes.subarray(0, length);
}

test('what a client heeds is read, wherever the message lies, and nothing of the one before stays', () => {
  const message = new ServerMessage();
  const whole = reply([
    [53, [2]],
    [54, [192, 168, 0, 1]],
    [3, [10, 0, 0, 1]],
    [51, [0, 0, 0x0e, 0x10]],
    [58, [0, 0, 1, 0]],
    [59, [255, 255, 255, 255]],
  ]);
  const memory = new Uint8Array(whole.length + 200).fill(53);
  memory.set(whole, 101);
  assert.ok(message.read(memory, 101, 101 + whole.length));
  const { type, xid, yourAddress, serverId, leaseTime, renewalTime, rebindingTime } = message;
  assert.deepEqual([type, xid, yourAddress, serverId], [2, 0xfedcba98, 0x0a0000c8, 0xc0a80001]);
  assert.deepEqual([leaseTime, renewalTime, rebindingTime], [3600, 256, Number.POSITIVE_INFINITY]);
  assert.deepEqual(memory.subarray(message.hardwareAddress, message.hardwareAddress + 6), MAC);
  assert.ok(message.read(reply([[53, [6]]]), 0, 300));
  assert.deepEqual([message.type, message.serverId, message.leaseTime], [6, 0, Number.NaN]);
});

test('no message of a server to an Ethernet client is none; options in parts and overloaded ones are read', () => {
  const message = new ServerMessage();
  const good = reply([[53, [2]]]);
  for (const [at, value] of [
    [0, 1],
    [2, 16],
    [236, 0],
  ])
    assert.equal(message.read(good.with(at, value), 0, good.length), false);
  assert.equal(message.read(good, 0, 239), false);
  const parts = good.slice();
  parts.set([53, 1, 5, 54, 2, 10, 0, 54, 2, 0, 7, 255], OPTIONS);
  assert.ok(message.read(parts, 0, parts.length));
  assert.deepEqual([message.type, message.serverId], [5, 0x0a000007]);
  const overloaded = good.slice();
  overloaded.set([52, 1, 1, 53, 1, 5, 255], OPTIONS);
  overloaded.set([54, 4, 10, 0, 0, 8, 255], 108);
  assert.ok(message.read(overloaded, 0, overloaded.length));
  assert.deepEqual([message.type, message.serverId], [5, 0x0a000008]);
});

test('of any bytes it reads what the thorough parser reads', () => {
  const message = new ServerMessage();
  const codes = [0, 12, 50, 51, 52, 53, 54, 55, 58, 59, 255];
  let seed = 7;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  let read = 0;
  for (let i = 0; i < 20_000; i++) {
    const bytes = reply([[53, [2]]]).slice(0, 241 + random(59));
    for (let at = OPTIONS; at < bytes.length; )
      for (const byte of [
        codes[random(codes.length)],
        random(3) === 0 ? random(20) : 4,
        ...[1, 2, 3, 4].map(random, 256),
      ])
        if (at < bytes.length) bytes[at++] = byte;
    const thorough = parseDhcpv4(bytes);
    assert.equal(message.read(bytes, 0, bytes.length), thorough !== null);
    if (thorough === null) continue;
    read++;
    const number = (code: number): number => {
      const value = thorough.options.get(code);
      return value?.length === 4 ? addressNumber(value) : Number.NaN;
    };
    assert.equal(message.type, thorough.options.get(Dhcpv4Option.MESSAGE_TYPE)?.[0] ?? 0);
    assert.equal(message.serverId, number(Dhcpv4Option.SERVER_ID) || 0);
    assert.equal(message.leaseTime, number(Dhcpv4Option.LEASE_TIME));
    assert.equal(message.rebindingTime, number(Dhcpv4Option.REBINDING_TIME));
  }
  assert.ok(read > 1000, `${read}`);
});
