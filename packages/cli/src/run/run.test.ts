import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Host } from 'etherconn';
import { Delta, type Second } from '../metrics/delta.ts';
import { type RunInfo, resultOf } from '../metrics/result.ts';
import { openEngine } from '../runner/engine.ts';
import type { WorkOutcome } from '../runner/work.ts';
import type { Scenario } from '../scenario/scenario.ts';
import { checkScenario } from './check.ts';
import { type ClientFailure, openScenario } from './open.ts';
import { type PlanOptions, planOf } from './plan.ts';

const mixed: Scenario = {
  clients: 40,
  memory: { leaseTime: '1h' },
  parts: {
    leases: { type: 'dhcp', clients: '0-19', rate: 'max', options: ['12=host-{n}'] },
    voice: {
      type: 'udp-send',
      from: '10.0.0.10+40',
      to: '10.0.0.2',
      rate: '2kpps',
      end: '600ms',
      roundTrip: true,
    },
    bulk: {
      type: 'udp-send',
      from: '10.0.0.10+40',
      to: '10.0.0.2',
      rate: '1kpps',
      begin: '300ms',
      end: '900ms',
      size: 200,
      roundTrip: true,
    },
    sink: { type: 'udp-receive', address: '10.0.0.3' },
  },
  failIf: ['loss>50%', 'leases.ack.p99>10s', 'leases.leases<20', 'voice.received<1pps', 'sink.p50>1s'],
};

async function play(
  scenario: Scenario,
  options: PlanOptions & { startAt?: number } = {},
): Promise<{ outcome: WorkOutcome; seconds: Second[]; total: Delta }> {
  const engine = await openEngine({ engine: 'memory', interfaceName: 'mem', seed: 1 });
  const work = await openScenario(engine, checkScenario(JSON.parse(JSON.stringify(scenario))), {
    ...options,
    ...(options.startAt === undefined ? {} : { startAt: engine.clock.now() + options.startAt }),
  });
  try {
    const seconds: Second[] = [];
    const total = new Delta();
    const outcome = await work.run((second) => {
      seconds.push(second);
      // As if it came from another process.
      total.merge(Delta.fromJSON(JSON.parse(JSON.stringify(second.delta))));
    }, new AbortController().signal);
    return { outcome, seconds, total };
  } finally {
    await work.close();
    await engine.close();
  }
}

test('parts run together over one relay: the same machines in two of them, each with its own figures', async () => {
  const { outcome, total } = await play(mixed, { seed: 7 });
  const { failIf } = planOf(mixed);
  const result = resultOf({} as RunInfo, { ...outcome, total }, failIf);
  const { leases, voice, bulk, sink } = result.parts!;
  assert.equal(leases!.fleet!.leases, 20);
  assert.deepEqual([voice!.sent!.packets, bulk!.sent!.packets], [1200, 600]);
  assert.deepEqual([voice!.received!.packets, bulk!.received!.packets], [1200, 600]);
  assert.deepEqual([voice!.received!.lost, voice!.received!.foreign, bulk!.received!.duplicates], [0, 0, 0]);
  assert.equal(bulk!.sent!.bytes, 600 * 200);
  assert.deepEqual([voice!.begin, bulk!.begin, bulk!.duration], [0, 0.3, 0.6]);
  assert.equal(sink!.received!.packets, 0);
  assert.equal(result.sent!.packets, 1200 + 600 + leases!.sent!.packets);
  assert.equal(result.received!.lost, 0);
  // Exchanges of DHCP and round trips of packets are not put together.
  assert.equal(result.latency, null);
  assert.equal(voice!.latency!.count, 1200);
  assert.equal(leases!.latency!.count, 20);
  assert.deepEqual(
    result.thresholds.map(({ text, state }) => `${text}: ${state}`),
    [
      'loss>50%: met',
      'leases.ack.p99>10s: met',
      'leases.leases<20: met',
      'voice.received<1pps: met',
      'sink.p50>1s: not measured',
    ],
  );
  assert.ok(outcome.flows.some(({ name }) => name.startsWith('bulk: 10.0.0.')));
});

test('two runs with different clients do together what one with all of them does', () => {
  const scenario: Scenario = {
    clients: 10,
    parts: {
      leases: { type: 'dhcp', clients: '2-8', rate: 70, inFlight: 5, vlan: '100-104', decline: '50%' },
      voice: { type: 'udp-send', from: '10.0.0.10+10', to: '10.0.0.2', rate: '7kpps', count: 101 },
      echo: { type: 'udp-echo', address: '10.0.0.2+3' },
    },
  };
  const whole = planOf(scenario, { seed: 5 });
  const halves = [
    { first: 0, count: 4 },
    { first: 4, count: 6 },
  ].map((clients) => planOf(scenario, { clients, seed: 5 }));
  const flows = (plans: typeof halves): unknown[] =>
    plans.flatMap(({ parts }) =>
      parts.flatMap((part) => (part.type === 'udp-send' ? part.send.flows.flows() : [])),
    );
  assert.deepEqual(flows(halves), flows([whole]));
  const sum = (read: (plan: (typeof halves)[0]) => number): number => read(halves[0]!) + read(halves[1]!);
  const count = (plan: (typeof halves)[0]): number =>
    plan.parts.reduce((all, part) => all + (part.type === 'udp-send' ? part.schedule.count! : 0), 0);
  const rate = (plan: (typeof halves)[0]): number =>
    plan.parts.reduce((all, part) => all + (part.type === 'udp-send' ? part.schedule.rate.value : 0), 0);
  const starts = (plan: (typeof halves)[0]): number =>
    plan.parts.reduce((all, part) => all + (part.type === 'dhcp' ? part.fleet.rate : 0), 0);
  const inFlight = (plan: (typeof halves)[0]): number =>
    plan.parts.reduce((all, part) => all + (part.type === 'dhcp' ? part.fleet.inFlight : 0), 0);
  assert.deepEqual(
    [sum(count), Math.round(sum(rate)), Math.round(sum(starts)), sum(inFlight)],
    [101, 7000, 70, 5],
  );
  assert.deepEqual(
    halves.map(({ parts }) => parts.map(({ name, clients }) => `${name} ${clients.first}+${clients.count}`)),
    [
      ['leases 2+2', 'voice 0+4', 'echo 0+3'],
      ['leases 4+5', 'voice 4+6'],
    ],
  );
});

test('clients keep their numbers, and a start in the future is waited for', async () => {
  const { outcome, seconds } = await play(mixed, { clients: { first: 10, count: 10 }, startAt: 200 });
  const leases = outcome.parts!.find(({ name }) => name === 'leases')!;
  assert.equal(leases.clients, 10);
  assert.equal(seconds[0]!.second, 0);
  assert.equal(outcome.total.part('voice').get('sent'), 300);
  assert.ok(outcome.flows.every(({ flow }) => flow >= 10 && flow < 20));
});

test('each client that gets nothing is told at the end, with its part and why', async () => {
  const engine = await openEngine({ engine: 'memory', interfaceName: 'mem', seed: 1 });
  const far = engine.farRelay!;
  const host = (last: number): Host =>
    Host.createNow(far, { mac: `02:00:00:00:00:0${last}`, addresses: [`10.0.0.${last}/24`] });
  // One that sends everything back, one that takes it, and 10.0.0.4 is not there.
  const hosts = [host(2), host(3)];
  for (const [i, each] of hosts.entries()) {
    const socket = each.dgram.createSocket('udp4', (message, from) => {
      if (i === 0) socket.send(message, from.port, from.address);
    });
    socket.bind(9464);
  }
  const failures: ClientFailure[] = [];
  const scenario: Scenario = {
    clients: 100,
    parts: {
      voice: {
        type: 'udp-send',
        clients: '7-99',
        from: '10.0.0.10+100',
        to: '10.0.0.2-10.0.0.4',
        rate: '1kpps',
        end: '300ms',
        roundTrip: true,
      },
      probe: {
        type: 'ping',
        clients: '0-8',
        from: '10.0.0.120+100',
        to: '10.0.0.2,10.0.0.4',
        interval: '100ms',
        count: 2,
        timeout: '400ms',
      },
    },
  };
  const work = await openScenario({ ...engine, farRelay: null }, checkScenario(scenario), {
    clients: { first: 5, count: 8 },
    onFailure: (failure) => failures.push(failure),
  });
  try {
    assert.equal(failures.length, 0);
    const { total } = await work.run(() => {}, new AbortController().signal);
    const told = (part: string): unknown[] =>
      failures.filter((each) => each.part === part).map(({ client, reason }) => [client, reason]);
    assert.deepEqual(told('voice'), [
      [7, 'no reply'],
      [8, 'no next hop'],
      [10, 'no reply'],
      [11, 'no next hop'],
    ]);
    assert.deepEqual(told('probe'), [
      [5, 'no reply'],
      [7, 'no reply'],
    ]);
    // What cannot be sent is not counted as sent.
    const voice = total.part('voice');
    const [sent, unsent] = [voice.get('sent'), voice.get('unsent')];
    assert.ok(unsent > 0 && Math.abs(sent - 2 * unsent) <= 2, `${sent} sent, ${unsent} unsent`);
  } finally {
    await work.close();
    await Promise.all(hosts.map((each) => each.close()));
    await engine.close();
  }
});

test('no client has a next hop, or nobody is told who has none: that is an error', async () => {
  const engine = await openEngine({ engine: 'memory', interfaceName: 'mem', seed: 1 });
  const send = { type: 'udp-send', from: '10.0.0.10+4', to: '10.9.0.2,10.0.0.2', end: '1s' } as const;
  const open = (part: Partial<Scenario['parts'][string]>, onFailure?: () => void) =>
    openScenario(engine, { clients: 4, parts: { a: { ...send, ...part } as typeof send } }, { onFailure });
  await assert.rejects(open({}), /no answer from 10\.9\.0\.2/);
  await assert.rejects(
    open({ to: '10.9.0.2' }, () => {}),
    /no answer from 10\.9\.0\.2/,
  );
  await (await open({}, () => {})).close();
  await engine.close();
});

const TEN_MILLION = 10_000_000;
const huge: Scenario = {
  clients: TEN_MILLION,
  parts: {
    leases: { type: 'dhcp', clients: '0-4999999', vlan: '1-4000' },
    others: { type: 'dhcp', clients: '5000000-9999999', vlan: '1-4000' },
    voice: { type: 'udp-send', from: '10.0.0.10+10000000', to: '10.255.0.1', prefix: 8, rate: '10kpps' },
    probe: { type: 'ping', from: '10.0.0.10+10000000', to: '10.255.0.1', prefix: 8 },
    sink: { type: 'udp-echo', address: '10.254.0.1' },
  },
};

test('ten million clients: the ranges of a run have the same values as in the whole', () => {
  const scenario = checkScenario(JSON.parse(JSON.stringify(huge)));
  const first = 7_654_321;
  const { parts } = planOf(scenario, { clients: { first, count: 100 } });
  assert.deepEqual(
    parts.map(({ name }) => name),
    ['others', 'voice', 'probe'],
  );
  const [others, voice, probe] = parts;
  assert.ok(others!.type === 'dhcp' && voice!.type === 'udp-send' && probe!.type === 'ping');
  assert.deepEqual([others.fleet.first, others.fleet.clients], [first, 100]);
  assert.equal(others.fleet.mac.at(first), '02:ec:00:74:cb:b2');
  assert.deepEqual(others.fleet.vlan!.at(first), [1 + (first % 4000)]);
  const flow = voice.send.flows.flow(first);
  assert.deepEqual([flow.address, flow.mac], ['10.116.203.187', '02:ec:0a:74:cb:bb']);
  assert.equal(probe.ping.machines.machine(first + 99).address, '10.116.204.30');
  assert.equal(voice.schedule.rate.value, 0.1);
});

test('one process does not run more than it can, and says who does', () => {
  assert.throws(
    () => planOf(huge),
    /^Error: clients: must be at most 1048576 in one process, got 10000000; etherconn campaign/,
  );
});

test('of ten million clients ranges are compared, and of fewer each client whose range is not apart', () => {
  const fleet = { type: 'dhcp' } as const;
  const messageOf = (parts: Scenario['parts'], clients = TEN_MILLION): string => {
    try {
      checkScenario({ clients, parts });
    } catch (error) {
      return (error as Error).message;
    }
    return '';
  };
  // The same addresses in other VLANs, or other addresses in the same ones, are apart.
  assert.equal(
    messageOf({ a: { ...fleet, vlan: 5 }, b: { ...fleet, vlan: 6 }, c: fleet, d: { ...fleet, vlan: '5.6' } }),
    '',
  );
  assert.match(
    messageOf({ a: fleet, b: fleet }),
    /^parts\.b: has machines in the same ranges as a, and with more than 1048576 clients ranges must be apart; give one of them another macStart/,
  );
  // VLANs in turn: no client has what another one has, but the ranges do not show it.
  const even = { ...fleet, vlan: '1,2' };
  const odd = { ...fleet, vlan: '2,1' };
  assert.match(messageOf({ a: even, b: odd }), /ranges must be apart/);
  assert.equal(messageOf({ a: even, b: odd }, 1000), '');
  const send = { type: 'udp-send', from: '10.0.0.10+10000000', to: '10.255.0.1', prefix: 8 } as const;
  assert.equal(messageOf({ a: send, b: send }), '');
  assert.match(
    messageOf({ a: send, b: { type: 'udp-echo', address: '10.0.1.1' } }),
    /^parts\.b: has machines in the same ranges as a, .* give one of them another port/,
  );
  assert.equal(messageOf({ a: send, b: { type: 'udp-echo', address: '10.0.1.1', port: 7 } }), '');
});

test('what cannot be on one network is told before anything is opened', () => {
  const send = { type: 'udp-send', from: '10.0.0.10+10', to: '10.0.0.2' } as const;
  for (const [parts, message] of [
    [
      { a: { type: 'dhcp' }, b: { type: 'dhcp' } },
      /^parts\.b: has 02:ec:00:00:00:01, as a; give one of them another macStart/,
    ],
    [
      { a: { type: 'dhcp', macStart: '02:ec:0a:00:00:0a' }, b: send },
      /^parts\.b: has 02:ec:0a:00:00:0a, which is a DHCP client of a/,
    ],
    [
      { a: send, b: { type: 'udp-echo', address: '10.0.0.12' } },
      /^parts\.b: has port 9464 of 02:ec:0a:00:00:0c, as a; give one of them another port/,
    ],
    [{ a: { ...send, begin: '5s', end: '5s' } }, /^parts\.a\.begin: must be before the end \(5s\)/],
    [{ a: { ...send, to: 'fd00::1' } }, /^parts\.a\.to: must be of IPv4 as/],
    [
      { a: { ...send, clients: '5-99' } },
      /^parts\.a\.clients: there are 100 of them, but the scenario has 10/,
    ],
    [{ a: { ...send, size: 64, vlan: 5 } }, /^parts\.a\.size: must be at least 68/],
    [{ a: { type: 'udp-echo', address: '10.0.0.2+11' } }, /^parts\.a\.address: there are 11 of them/],
    [{ a: { type: 'dhcp', options: ['53=0x01'] } }, /^parts\.a\.options\.0: 53 is filled by the clients/],
    [{}, /^parts: must have at least one part/],
  ] as const) {
    assert.throws(() => checkScenario({ clients: 10, parts }), { message });
  }
  assert.throws(() => checkScenario({ clients: 10, parts: { a: send }, failIf: ['b.loss>1%'] }), {
    message: "failIf.0: there is no part 'b'; there are a",
  });
});
