import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EtherConn, MemoryNetwork, VirtualClock } from 'etherconn';
import { ArpOperation, Dhcpv4Type, EtherType, emitArp } from 'etherconn/wire';
import { Delta } from '../metrics/delta.ts';
import { fleetResultOf } from '../metrics/fleet-result.ts';
import { Runner } from '../runner/runner.ts';
import { parseMacRange, parseVlanRange } from '../scenario/range.ts';
import { ScenarioError } from '../scenario/scenario-error.ts';
import { type Faults, ObservedDhcpServer } from '../test-support/observed-dhcp-server.ts';
import { parseClientOption } from './client-options.ts';
import { State } from './client-state.ts';
import { Fleet } from './fleet.ts';
import type { FleetPlan } from './fleet-plan.ts';
import { DhcpResponder, memoryServerPlan } from './server/dhcp-responder.ts';
import type { DhcpServerPlan } from './server/dhcp-server.ts';

/** The life of clients, in virtual time, against a server of ours. */

const PLAN: FleetPlan = {
  clients: 20,
  rate: 100,
  inFlight: Number.POSITIVE_INFINITY,
  mac: parseMacRange('', '02:00:00:00:01:00+1000'),
  options: [],
  broadcast: false,
  renew: false,
  release: false,
  decline: 0,
  timeout: 4000,
  retries: 4,
  seed: 1,
};

async function run(
  plan: Partial<FleetPlan>,
  { decide, same, ...serverPlan }: Partial<DhcpServerPlan> & Faults = {},
  during?: During,
) {
  const clock = new VirtualClock({ autoAdvance: true });
  const network = new MemoryNetwork({ clock });
  const whole = { ...PLAN, ...plan };
  const faults = { ...(decide === undefined ? {} : { decide }), ...(same === undefined ? {} : { same }) };
  const served = { ...memoryServerPlan(whole.clients, 3600), ...serverPlan };
  const server = new ObservedDhcpServer(served, () => clock.now(), faults);
  new DhcpResponder(network.relay(), server);
  const fleet = new Fleet(network.relay().ref(), whole, clock.now());
  if (during !== undefined) clock.setTimer(() => during(network), 900);
  const total = new Delta();
  const { length } = await new Runner({
    clock,
    clients: [fleet],
    onSecond: ({ delta }) => total.merge(delta),
  }).run();
  await network.close();
  return { fleet, server, total, length, result: fleetResultOf(total, whole.clients, length / 1000) };
}
type During = (network: MemoryNetwork) => void;

test('each client gets a lease of its own by four messages, one every hundredth of a second', async () => {
  const { fleet, server, result, length } = await run({});
  assert.deepEqual(
    [result.leases, result.bound, result.retries, result.failed, result.messages],
    [20, 20, 0, 0, { discover: 20, offer: 20, request: 20, ack: 20, nak: 0, decline: 0, release: 0 }],
  );
  assert.equal(new Set(fleet.addresses).size, 20);
  assert.equal(server.held, 20);
  assert.ok(length >= 190 && length < 220, `${length}`);
});

test('in one tag and in two, by unicast and by broadcast: everybody in his own', async () => {
  for (const vlan of ['100-104', '100.200-219']) {
    for (const broadcast of [false, true]) {
      const { server, result } = await run({ vlan: parseVlanRange('', vlan), broadcast });
      assert.equal(result.leases, 20);
      const vlans = [...server.asked.keys()].map((key) => key.split(' ')[0]);
      assert.deepEqual(
        vlans.slice(0, 5),
        vlan === '100-104'
          ? ['100', '101', '102', '103', '104']
          : [200, 201, 202, 203, 204].map((id) => `100.${id}`),
      );
    }
  }
});

test('renewed at T1 by unicast; rebound at T2 when the server is silent; expired in the end', async () => {
  const times = { leaseTime: 8, renewalTime: 2, rebindingTime: 5 };
  const renewed = await run({ renew: true }, times);
  assert.deepEqual([renewed.result.renewed, renewed.result.rebound, renewed.result.expired], [20, 0, 0]);
  assert.ok(renewed.length >= 2000 && renewed.length < 2300, `${renewed.length}`);

  let requests = 0;
  const silentToUnicast = (type: number, answer: number): number | null =>
    // The first twenty requests get the leases, the next twenty are the renewals.
    type === Dhcpv4Type.REQUEST && ++requests > 20 && requests <= 40 ? null : answer;
  const rebound = await run({ renew: true }, { ...times, decide: silentToUnicast });
  assert.deepEqual([rebound.result.renewed, rebound.result.rebound, rebound.result.expired], [0, 20, 0]);
  assert.ok(rebound.length >= 5000 && rebound.length < 5300, `${rebound.length}`);

  requests = 0;
  const dead = (type: number, answer: number): number | null =>
    type === Dhcpv4Type.REQUEST && ++requests > 20 ? null : answer;
  const expired = await run({ renew: true, duration: 9000 }, { ...times, decide: dead });
  assert.deepEqual([expired.result.renewed, expired.result.rebound, expired.result.expired], [0, 0, 20]);
  assert.equal(expired.result.bound, 0);
});

test('a refusal sends a client back to the beginning; a renewal that is refused loses the lease', async () => {
  let requests = 0;
  const { result, fleet } = await run(
    { clients: 10 },
    {
      decide: (type, answer) => (type === Dhcpv4Type.REQUEST && ++requests <= 10 ? Dhcpv4Type.NAK : answer),
    },
  );
  assert.deepEqual([result.naks, result.failures, result.leases], [10, { nak: 10 }, 10]);
  assert.equal(result.failed, 0.5);
  assert.ok(fleet.states.every((state) => state === State.BOUND));

  requests = 0;
  const lost = await run(
    { clients: 10, renew: true, duration: 2500 },
    {
      leaseTime: 8,
      renewalTime: 2,
      decide: (type, answer) => (type === Dhcpv4Type.REQUEST && ++requests > 10 ? Dhcpv4Type.NAK : answer),
    },
  );
  assert.deepEqual([lost.result.naks, lost.result.leases, lost.result.bound], [10, 10, 0]);
});

test('a declined address is told to the server, and ten seconds later another is asked for', async () => {
  const { result, server, length } = await run({ decline: 1 });
  assert.deepEqual([result.messages.decline, result.failures, result.leases], [20, { declined: 20 }, 20]);
  assert.equal(server.seen.get(Dhcpv4Type.DECLINE), 20);
  assert.ok(length >= 10_000 && length < 10_400, `${length}`);
});

test('one address for two clients: the second declines it; no address left: no offer', async () => {
  const twice = await run({ clients: 2, duration: 3000 }, { same: true });
  assert.deepEqual([twice.result.leases, twice.result.failures], [1, { duplicate: 1 }]);
  assert.equal(twice.server.seen.get(Dhcpv4Type.DECLINE), 1);
  const empty = await run({ clients: 2, timeout: 100, retries: 0 }, { size: 1 });
  assert.deepEqual([empty.result.leases, empty.result.failures], [1, { 'no offer': 1 }]);
});

test('silence: sent again with doubled waits, then failed with its reason', async () => {
  const none = await run({ clients: 5, timeout: 100, retries: 2 }, { decide: () => null });
  assert.deepEqual(
    [none.result.failures, none.result.retries, none.result.failed],
    [{ 'no offer': 5 }, 10, 1],
  );
  assert.ok(none.fleet.states.every((state) => state === State.FAILED));
  // 100, 200 and 400 ms, a quarter more or less.
  assert.ok(none.length > 500 && none.length < 1000, `${none.length}`);
  const half = await run(
    { clients: 5, timeout: 100, retries: 1 },
    { decide: (type, answer) => (type === Dhcpv4Type.REQUEST ? null : answer) },
  );
  assert.deepEqual([half.result.failures, half.result.retries], [{ 'no ack': 5 }, 5]);
});

test('so many ask at the same time at most, and whoever has a lease lets the next one begin', async () => {
  let most = 0;
  let asking = 0;
  const { result } = await run(
    { clients: 500, rate: Number.POSITIVE_INFINITY, inFlight: 16, flap: 300, duration: 1000 },
    {
      decide: (type, answer) => {
        if (type === Dhcpv4Type.DISCOVER) asking++;
        if (type === Dhcpv4Type.REQUEST) asking--;
        most = Math.max(most, asking);
        return answer;
      },
    },
  );
  assert.ok(most > 8 && most <= 16, `${most}`);
  assert.ok(result.leases >= 1500, `${result.leases}`);
  assert.deepEqual([result.retries, result.failed], [0, 0]);
  // A silent server does not keep those from beginning who have not asked.
  const silent = await run(
    { clients: 100, rate: Number.POSITIVE_INFINITY, inFlight: 10, retries: 0, timeout: 5000 },
    { decide: () => null },
  );
  assert.deepEqual([silent.result.messages.discover, silent.result.failures], [100, { 'no offer': 100 }]);
  assert.ok(silent.length > 8000 && silent.length < 11_500, `${silent.length}`);
});

test('flapping gives leases up and gets them again; at the end all are given back', async () => {
  const { result, server, total, fleet } = await run({ flap: 1000, release: true, duration: 2500 });
  assert.equal(total.get('flaps'), 40);
  assert.deepEqual([result.leases, result.bound, server.held], [60, 0, 0]);
  assert.equal(result.messages.release, 60);
  assert.ok(fleet.states.every((state) => state === State.RELEASED));
});

test('the server sees the options of each client, those of a relay agent last', async () => {
  const { server } = await run({
    clients: 3,
    vlan: parseVlanRange('', '7-9'),
    options: ['82=1:port-{n},2:0xaabb', '12=host-{vlan}-{mac}', '60=etherconn'].map((text) =>
      parseClientOption('', text),
    ),
  });
  const options = server.asked.get('9 02:00:00:00:01:02')!;
  const text = (code: number): string => Buffer.from(options.get(code)!).toString('latin1');
  assert.equal(text(82), '\x01\x06port-2\x02\x02\xaa\xbb');
  assert.equal(text(12), 'host-9-02:00:00:00:01:02');
  assert.equal(text(60), 'etherconn');
  assert.equal([...options.keys()].at(-1), 82);
});

test('wrong options are refused by name', () => {
  for (const [text, why] of [
    ['82', /must be CODE=VALUE/],
    ['255=x', /code from 1 to 254/],
    ['53=0x01', /53 is filled by the clients/],
    ['12=0xabc', /two digits for each byte/],
    ['12=host-{name}', /may name \{n\}, \{mac\} and \{vlan\}, got '\{name\}'/],
    ['82=port', /82 must be sub-options/],
    [`12=${'x'.repeat(256)}`, /at most 255 bytes/],
  ] as const)
    assert.throws(
      () => parseClientOption('--option', text),
      (error) => error instanceof ScenarioError && why.test(error.message),
      text,
    );
});

test('who asks by ARP for the address of a lease is answered by its client, and nobody else', async () => {
  const answers: string[] = [];
  await run({ clients: 2, duration: 1500 }, {}, (network) => {
    const conn = new EtherConn('02:ee:00:00:00:01', network.relay(), [EtherType.ARP]);
    conn.on('message', (packet: Buffer) => answers.push(packet.subarray(8, 18).toString('hex')));
    for (const last of [2, 3]) {
      const packet = new Uint8Array(28);
      emitArp(packet, 0, {
        operation: ArpOperation.REQUEST,
        senderMac: Uint8Array.of(2, 0xee, 0, 0, 0, 1),
        senderIp: Uint8Array.of(10, 0, 0, 9),
        targetIp: Uint8Array.of(10, 16, 0, last),
      });
      conn.trySendPacketTo(packet, EtherType.ARP, 'ff:ff:ff:ff:ff:ff');
    }
  });
  // 10.16.0.2 is that of the second client; 10.16.0.3 nobody has.
  assert.deepEqual(answers, ['0200000001010a100002']);
});
