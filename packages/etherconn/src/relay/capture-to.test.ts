import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import { decodeFrame } from '../capture/decode.ts';
import type { CapturePacket } from '../capture/packet.ts';
import { readCaptureFile } from '../capture/read.ts';
import { EtherConn } from '../conn/ether-conn.ts';
import { RUDPConn } from '../conn/rudp-conn.ts';
import { FakeLink } from '../test-support/fake-link.ts';
import { frames } from '../test-support/frames.ts';
import { captureTo, type RelayCapture } from './capture-to.ts';
import { MemoryNetwork } from './memory-relay.ts';
import { Relay } from './relay.ts';

const YEAR_2000 = 946_684_800_000_000_000n;

function fileIn(t: TestContext, name = 'all.pcapng'): string {
  const folder = mkdtempSync(join(tmpdir(), 'etherconn-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return join(folder, name);
}

async function read(path: string): Promise<CapturePacket[]> {
  const packets: CapturePacket[] = [];
  for await (const packet of readCaptureFile(path)) packets.push(packet);
  return packets;
}

/** Which way each packet went, its UDP destination port, and when, in ns since 2000. */
function told(packets: readonly CapturePacket[]): unknown[] {
  return packets.map(({ direction, data, timestamp }) => [
    direction,
    decodeFrame(data)['udp.dstport'],
    timestamp! - YEAR_2000,
  ]);
}

function mac(n: number): string {
  return `02:00:00:00:00:0${n}`;
}

function udp(relay: Relay, n: number, port: number): RUDPConn {
  const resolveNextHop = (): string => mac(3 - n);
  return new RUDPConn({ address: `10.0.0.${n}`, port }, new EtherConn(mac(n), relay), { resolveNextHop });
}

describe('captureTo', () => {
  it('writes both directions, with the time of the clock, and is complete when the relay is closed', async (t) => {
    const path = fileIn(t);
    const network = new MemoryNetwork({ time: 'virtual' });
    t.after(() => network.close());
    const clock = network.virtualClock;
    const relay = network.relay({ name: 'client0' });
    const client = udp(relay, 1, 1000);
    const server = udp(network.relay(), 2, 7);
    server.onBatch((batch) => {
      while (batch.next()) batch.reply(batch.copyPayload());
    });
    client.onBatch(() => {});
    const peer = { address: '10.0.0.2', port: 7 };
    // What was sent before is not in it: peers that are in use already are captured all the same.
    client.trySendTo(Buffer.from('before'), peer);
    await clock.settle();
    const capture = captureTo(relay, path);
    await clock.advance(5.25);
    client.trySendTo(Buffer.from('one'), peer);
    await clock.advance(1);
    client.trySendMany([Buffer.from('two'), Buffer.from('three')], peer);
    await clock.settle();
    await relay.close();
    assert.equal(capture.closed, true);
    const first = 5_250_000n;
    const second = 6_250_000n;
    const packets = await read(path);
    assert.deepEqual(told(packets), [
      ['out', 7, first],
      ['in', 1000, first],
      ['out', 7, second],
      ['out', 7, second],
      ['in', 1000, second],
      ['in', 1000, second],
    ]);
    assert.equal(capture.frames, 6);
    assert.deepEqual([...new Set(packets.map((packet) => packet.interfaceName))], ['client0']);
  });

  it('shows what passes and changes nothing: the ledger, and what is steered', async (t) => {
    const path = fileIn(t);
    const link = new FakeLink();
    const relay = new Relay(link);
    const conn = new EtherConn('02:00:00:00:00:02', relay);
    const got: number[] = [];
    conn.onBatch((batch) => {
      while (batch.next()) got.push(batch.payloadLength);
    });
    const steered = link.steered.length;
    const before = relay.stats();
    const capture = captureTo(relay, pathToFileURL(path), { direction: 'in', snapLength: 40 });
    // Two for a conn, and what is for nobody.
    link.deliver([frames.udp4, frames.udp6, Buffer.alloc(14)]);
    relay.trySendFrame(frames.udp4);
    await capture.close();
    link.deliver([frames.udp4]);
    const { received, delivered } = relay.stats();
    assert.deepEqual([received - before.received, delivered - before.delivered, got.length], [4, 3, 3]);
    assert.equal(link.steered.length, steered);
    assert.deepEqual(
      (await read(path)).map(({ data, originalLength, queue }) => [data.length, originalLength, queue]),
      [frames.udp4, frames.udp6, Buffer.alloc(14)].map(({ length }) => [Math.min(length, 40), length, 0]),
    );
    await relay.close();
  });

  it('two captures of one relay end by themselves; frames between its own conns pass no interface', async (t) => {
    const [long, short] = [fileIn(t), fileIn(t)];
    const network = new MemoryNetwork({ time: 'virtual' });
    t.after(() => network.close());
    const relay = network.relay({ hairpin: true });
    const client = udp(relay, 1, 1000);
    const server = udp(relay, 2, 7);
    const captures = [captureTo(relay, long), captureTo(relay, short)];
    relay.trySendFrame(frames.arpRequest);
    await captures[1].close();
    relay.trySendFrame(frames.arpRequest);
    client.trySendTo(Buffer.from('local'), { address: '10.0.0.2', port: 7 });
    assert.equal(`${(await server.readFrom()).data}`, 'local');
    await relay.close();
    assert.deepEqual([(await read(long)).length, (await read(short)).length], [2, 1]);
  });

  it('gathers many frames, and writes long ones', async (t) => {
    const path = fileIn(t);
    const link = new FakeLink({ mtu: 100_000 });
    const relay = new Relay(link);
    captureTo(relay, path);
    const lengths = [90_000, ...Array.from({ length: 200 }, (_, i) => 1000 + i), 70_000];
    const sent = lengths.map((length) => Buffer.alloc(length, length & 0xff));
    for (const frame of sent) link.deliver([frame]);
    await relay.close();
    assert.deepEqual(
      (await read(path)).map(({ data }) => Buffer.from(data)),
      sent,
    );
  });

  it('a file that cannot be written ends the capture, not the relay', {
    skip: !existsSync('/dev/full'),
  }, async () => {
    const link = new FakeLink();
    const relay = new Relay(link);
    const warned = new Promise<Error & { code?: string }>((resolve) => process.once('warning', resolve));
    const capture: RelayCapture = captureTo(relay, '/dev/full');
    link.deliver([frames.udp4]);
    assert.equal((await warned).code, 'ENOSPC');
    assert.deepEqual([capture.closed, (capture.error as NodeJS.ErrnoException).code], [true, 'ENOSPC']);
    assert.equal(relay.closed, false);
    link.deliver([frames.udp4]);
    await capture.close();
    await relay.close();
  });

  it('wrong arguments are refused before a file is made', async (t) => {
    const path = fileIn(t);
    const relay = new Relay(new FakeLink());
    const wrong: [unknown, unknown, unknown][] = [
      [null, path, {}],
      [{}, path, {}],
      [relay, undefined, {}],
      [relay, 7, {}],
      [relay, path, { snapLength: 0 }],
      [relay, path, { direction: 'up' }],
      [relay, path, { snaplen: 96 }],
      [relay, path, null],
    ];
    for (const [one, file, options] of wrong) {
      assert.throws(() => captureTo(one as Relay, file as string, options as object), {
        code: 'ERR_ETHERCONN_OPTION',
      });
    }
    assert.throws(() => captureTo(relay, join(path, 'no', 'folder')), { code: 'ENOENT' });
    await relay.close();
    assert.throws(() => captureTo(relay, path), { code: 'ERR_ETHERCONN_RELAY_STOPPED' });
    assert.equal(existsSync(path), false);
    if (process.platform !== 'linux') return;
    const open = readdirSync('/proc/self/fd').filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).startsWith(path);
      } catch {
        return false;
      }
    });
    assert.deepEqual(open, []);
  });
});
