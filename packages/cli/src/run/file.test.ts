import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ScenarioErrors } from '../scenario/scenario-error.ts';
import { parseScenarioFile } from './file.ts';

const GOOD = `# a comment
clients: 10
parts:
  voice:
    type: udp-send
    from: 10.0.0.10+10
    to: 10.0.0.2
    vlan: 100.200
    rate: 5kpps
`;

/** What is said of a file, line by line. */
function errorsOf(text: string, sets: string[] = []): string[] {
  try {
    parseScenarioFile('s.yaml', text, sets);
  } catch (error) {
    if (error instanceof ScenarioErrors) return error.errors.map(({ message }) => message);
    return [(error as Error).message];
  }
  return [];
}

test('a file is read; a stack of VLANs is no number', () => {
  const { scenario } = parseScenarioFile('s.yaml', GOOD);
  assert.deepEqual(scenario, {
    clients: 10,
    parts: {
      voice: { type: 'udp-send', from: '10.0.0.10+10', to: '10.0.0.2', vlan: '100.200', rate: '5kpps' },
    },
  });
  assert.deepEqual(parseScenarioFile('s.json', JSON.stringify(scenario)).scenario, scenario);
});

test('each error has file, line, column and key, and what is allowed', () => {
  const text = GOOD.replace('rate: 5kpps', 'rate: 5\n    rte: 1\n    roundTrip: 7\n    begin: soon');
  assert.deepEqual(errorsOf(text.replace('clients: 10', 'clients: none\nengin: memory')), [
    's.yaml:2:1: clients: must be a whole number from 1 to 16777216, got "none"',
    's.yaml:3:1: engin: is not a key here (did you mean engine?); there are name, clients, interface, netns, engine, receiveOn, receiveNetns, memory, seed, duration, parts, failIf, outputs',
    's.yaml:10:5: parts.voice.rate: must be a rate like 10kpps, 100Mbps or max, got 5',
    's.yaml:11:5: parts.voice.rte: is not a key here (did you mean rate?); there are type, clients, begin, end, from, fromPort, fromMac, to, toPort, toMac, vlan, prefix, gateway, rate, ramp, rampFrom, size, count, roundTrip',
    's.yaml:12:5: parts.voice.roundTrip: must be true or false, got 7',
    "s.yaml:13:5: parts.voice.begin: must be a time like 500ms, 10s or 2m, got 'soon'",
  ]);
  for (const [from, to, message] of [
    [
      'type: udp-send',
      'type: udp-snd',
      /^s\.yaml:5:5: parts\.voice\.type: must not be "udp-snd" \(did you mean udp-send\?\); there are dhcp,/,
    ],
    ['    type: udp-send\n', '', /^s\.yaml:4:3: parts\.voice\.type: is missing; there are dhcp, udp-send/],
    [
      '    to: 10.0.0.2\n',
      '',
      /^s\.yaml:4:3: parts\.voice\.to: is missing: destination addresses like 10\.0\.0\.2$/,
    ],
    [
      '  voice:',
      '  Voice.1:',
      /^s\.yaml:4:3: parts\.Voice\.1: must be the name of a part|^s\.yaml:\d:\d: parts/,
    ],
    ['  voice:', '  ack:', /^s\.yaml:4:3: parts\.ack: must be the name of a part/],
    ['rate: 5kpps', 'rate: [', /^s\.yaml:\d+:\d+: .*/],
    ['rate: 5kpps', 'rate: 1kpps\n    rate: 2kpps', /^s\.yaml:10:5: Map keys must be unique/],
    ['100.200', '4095', /^s\.yaml:8:5: parts\.voice\.vlan: must be a VLAN id from 1 to 4094/],
    ['clients: 10', '', /^s\.yaml:2:1: clients: is missing|^s\.yaml:3:1: clients: is missing/],
    [
      'clients: 10',
      'failIf: [loss>1%, los>1%]\nclients: 10',
      /^s\.yaml:2:19: failIf\.1: 'los' is not measured; there are loss,/,
    ],
    ['10.0.0.2\n', 'fd00::1\n', /^s\.yaml:7:5: parts\.voice\.to: must be of IPv4 as/],
  ] as const) {
    const [first = 'nothing'] = errorsOf(GOOD.replace(from, to));
    assert.match(first, message);
  }
  assert.match(errorsOf('')[0]!, /^s\.yaml:1:1: is empty/);
  assert.match(errorsOf('- 1')[0]!, /^s\.yaml:1:1: scenario: must be a map with the keys clients and parts/);
});

test('--set goes before the file, and errors say that it was it', () => {
  const { scenario } = parseScenarioFile('s.yaml', GOOD, [
    'parts.voice.rate=7kpps',
    'clients=20',
    'failIf.0=loss>1%',
  ]);
  assert.deepEqual(
    [(scenario.parts.voice as { rate: string }).rate, scenario.clients, scenario.failIf],
    ['7kpps', 20, ['loss>1%']],
  );
  assert.match(
    errorsOf(GOOD, ['parts.voice.rate=7'])[0]!,
    /^--set parts\.voice\.rate: parts\.voice\.rate: must be a rate/,
  );
  assert.match(errorsOf(GOOD, ['parts.voice.rte=7'])[0]!, /^--set parts\.voice\.rte: .*did you mean rate/);
  assert.match(errorsOf(GOOD, ['rate'])[0]!, /^--set: must be KEY=VALUE/);
  assert.match(errorsOf(GOOD, ['clients.x=1'])[0]!, /^--set clients\.x: leads through a value/);
});
