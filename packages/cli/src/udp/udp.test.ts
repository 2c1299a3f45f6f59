import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryNetwork, SharedRUDPConn, type UdpPeer, VirtualClock } from 'etherconn';
import type { Impairments } from 'etherconn/link';
import { Delta } from '../metrics/delta.ts';
import { Runner } from '../runner/runner.ts';
import { Stations } from '../runner/stations.ts';
import { epochOf } from '../runner/wall-clock.ts';
import { FlowPlan } from '../scenario/flow-plan.ts';
import type { Rate } from '../scenario/quantity.ts';
import { parseAddressRange, parsePortRange, parseVlanRange } from '../scenario/range.ts';
import { Schedule } from '../scenario/schedule.ts';
import { findNextHops } from './next-hops.ts';
import { Kind, microsecondsBetween, PayloadReader, PayloadWriter, timeField } from './payload.ts';
import { UdpReceiver } from './receiver.ts';
import { UdpSender } from './sender.ts';

interface Outcome {
  readonly total: Delta;
  readonly receiver: UdpReceiver;
  readonly plan: FlowPlan;
}

/** Sends over a memory network in virtual time, and measures at the other side. */
async function play(options: {
  flows?: number;
  vlan?: string;
  rate?: Rate;
  duration?: number;
  impair?: Impairments;
  version?: 4 | 6;
}): Promise<Outcome> {
  const network = new MemoryNetwork({ time: 'virtual', seed: 3, impair: options.impair ?? {} });
  const clock = network.virtualClock;
  clock.autoAdvance = true;
  const [near, far] = [network.relay(), network.relay({ rxFrames: 65_536 })];
  const is6 = options.version === 6;
  const plan = new FlowPlan(
    {
      from: parseAddressRange('--from', is6 ? 'fd00::10+100' : '10.0.0.10+100'),
      fromPort: parsePortRange('--from-port', '1000-1009'),
      to: parseAddressRange('--to', is6 ? 'fd00::2' : '10.0.0.2'),
      toPort: parsePortRange('--to-port', '7000-7001'),
      vlan: options.vlan === undefined ? undefined : parseVlanRange('--vlan', options.vlan),
    },
    options.flows ?? 10,
  );
  const prefix = is6 ? 64 : 24;
  const flows = plan.flows();
  const receiver = new UdpReceiver(clock, epochOf(clock));
  const vlans = [...new Map(flows.map((flow) => [flow.vlans.join('.'), flow.vlans])).values()];
  const targets = vlans.map((each) => ({
    mac: '02:00:00:00:00:02',
    vlans: each,
    address: flows[0]!.toAddress,
  }));
  const sinks = new Stations(far, [{ stations: targets, prefix }]);
  for (const target of targets) {
    for (const port of [7000, 7001]) {
      const socket = sinks.host(target).dgram.createSocket(is6 ? 'udp6' : 'udp4');
      socket.onBatch(receiver.onBatch);
      socket.bind(port);
    }
  }
  const macOf = await findNextHops(near, flows, { version: plan.version, prefix });
  const stations = new Stations(near, [{ stations: flows, prefix }]);
  const conns = new Map<string, SharedRUDPConn>();
  const peers = flows.map((flow): UdpPeer => {
    const key = `${flow.mac} ${flow.vlans} ${flow.port}`;
    const conn =
      conns.get(key) ??
      new SharedRUDPConn({ address: flow.address, port: flow.port }, stations.host(flow), {
        resolveNextHop: () => macOf(flow),
      });
    conns.set(key, conn);
    return conn.peer({ address: flow.toAddress, port: flow.toPort });
  });
  const startAt = clock.now();
  const sender = new UdpSender({
    peers,
    firstFlow: plan.first,
    schedule: new Schedule({
      rate: options.rate ?? { value: 1000, unit: 'pps' },
      frameSize: 64,
      duration: options.duration ?? 2000,
    }),
    frames: [{ size: 64, payload: 18 }],
    run: 77,
    epoch: epochOf(clock) + startAt,
  });
  const total = new Delta();
  const runner = new Runner({
    clock,
    clients: [sender, receiver],
    startAt,
    drain: 500,
    onSecond: ({ delta }) => total.merge(delta),
  });
  await runner.run();
  await Promise.all([stations.close(), sinks.close()]);
  await network.close();
  return { total, receiver, plan };
}

test('what is sent arrives, in each flow, at the scheduled time', async () => {
  const { total, receiver, plan } = await play({ flows: 100, impair: { delay: 5 } });
  assert.equal(total.get('sent'), 2000);
  assert.equal(total.get('received'), 2000);
  assert.equal(total.get('expected'), 2000);
  assert.equal(total.get('sentBytes'), 2000 * 64);
  assert.equal(total.get('receivedBytes'), 2000 * 64);
  assert.equal(receiver.flows.size, 100);
  for (let row = 0; row < 100; row++) {
    const flow = receiver.flows.summary(row);
    const { address, port, toAddress, toPort } = plan.flow(flow.flow);
    assert.equal(receiver.names[row], `${address}:${port} > ${toAddress}:${toPort}`);
    assert.equal(flow.received, 20);
    assert.equal(flow.run, 77);
  }
  const latency = total.histogram('latency');
  assert.equal(latency.count, 2000);
  assert.ok(latency.min >= 4990 && latency.max <= 5100, `${latency.min} to ${latency.max}`);
});

test('loss is told to the last packet, also when the last ones are lost', async () => {
  const { total } = await play({ impair: { loss: 0.1 } });
  assert.equal(total.get('sent'), 2000);
  assert.ok(total.get('received') < 1900 && total.get('received') > 1700, `${total.get('received')}`);
  // Each flow says its end twice; with this seed one of them arrives for all.
  assert.equal(total.get('expected'), 2000);
});

test('duplicates and reordering', async () => {
  const { total } = await play({ flows: 3, impair: { duplicate: 0.05, reorder: 0.05, reorderDelay: 30 } });
  assert.equal(total.get('received'), 2000);
  assert.ok(total.get('duplicates') > 50, `${total.get('duplicates')}`);
  assert.ok(total.get('reordered') > 50, `${total.get('reordered')}`);
});

test('VLANs of two tags, IPv6', async () => {
  const tagged = await play({ flows: 20, vlan: '100.200-203' });
  assert.equal(tagged.total.get('received'), 2000);
  assert.match(tagged.receiver.names[0]!, / vlan .*100.*200/);
  const six = await play({ flows: 20, version: 6 });
  assert.equal(six.total.get('received'), 2000);
});

/** Runs a sender against peers that take `perTick` datagrams whenever it is called. */
async function playAgainst(perTick: number, rate: number, duration: number): Promise<[Delta, number[]]> {
  const clock = new VirtualClock({ autoAdvance: true });
  const times: number[] = [];
  let room = perTick;
  const peer = {
    trySend(payload: Uint8Array): number {
      if (room === 0) {
        // More room a millisecond later.
        clock.setTimer(() => {
          room = perTick;
        }, 1);
        room = -1;
      }
      if (room < 0) return 0;
      room--;
      const view = new DataView(payload.buffer);
      if (view.getUint16(0) === Kind.DATA) times.push(PayloadReader.time(view, 0));
      return 1;
    },
  } as unknown as UdpPeer;
  const schedule = new Schedule({ rate: { value: rate, unit: 'pps' }, frameSize: 64, duration });
  const frames = [{ size: 64, payload: 18 }];
  const epoch = epochOf(clock);
  const sender = new UdpSender({ peers: [peer, peer, peer], firstFlow: 0, schedule, frames, run: 1, epoch });
  const total = new Delta();
  await new Runner({ clock, clients: [sender], onSecond: ({ delta }) => total.merge(delta) }).run();
  return [total, times.map((time) => microsecondsBetween(timeField(epoch), time))];
}

test('a packet that found no room still says when it was due', async () => {
  const [total, times] = await playAgainst(10, 9000, 100);
  assert.ok(total.get('noRoom') > 0);
  assert.equal(total.get('sent'), 900);
  assert.equal(total.get('unsent'), 0);
  for (const [n, time] of times.entries()) assert.ok(Math.abs(time - (n * 1000) / 9) <= 0.1, `${n}: ${time}`);
  assert.ok(total.histogram('behind').count > 0);
});

test('what cannot be sent in time is counted', async () => {
  const [total, times] = await playAgainst(10, 100_000, 100);
  assert.equal(total.get('sent') + total.get('unsent'), 10_000);
  assert.equal(total.get('sent'), times.length);
  assert.ok(total.get('unsent') > 8000 && total.get('sent') > 900, `${total.get('sent')}`);
});

test('time fields go round', () => {
  const wall = Date.UTC(2030, 1, 1);
  assert.equal(microsecondsBetween(timeField(wall), timeField(wall + 1.5)), 1500);
  assert.equal(microsecondsBetween(timeField(wall + 1.5), timeField(wall)), -1500);
  assert.equal(microsecondsBetween(2 ** 48 - 10, 10), 2);
  const writer = new PayloadWriter(0xabcd, 18);
  writer.write(0xec01, 7, 0xffff_ffff, 2 ** 48 - 1);
  assert.equal(Buffer.from(writer.bytes).toString('hex'), 'ec01abcd00000007ffffffffffffffffffff');
});
