import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseCampaign, readCampaign } from './campaign-file.ts';

const SCENARIO = `scenario:
  clients: 1000
  parts:
    leases: {type: dhcp}
`;

function messageOf(text: string): string {
  try {
    parseCampaign('c.yaml', text);
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('it was accepted');
}

test('a file with nothing but a scenario has defaults', () => {
  const { plan, interfaces } = parseCampaign('c.yaml', SCENARIO);
  assert.equal(plan.clients, 1000);
  assert.equal(plan.clientsPerRange, 10);
  assert.equal(plan.policy, 'reassign');
  assert.equal(plan.lease, 9000);
  assert.equal(plan.agents, 1);
  assert.deepEqual(interfaces, []);
});

test('all that a file may say', () => {
  const { plan, interfaces } = parseCampaign(
    'c.yaml',
    `${SCENARIO}name: Morning
clients: 500
clientsPerRange: 7
interfaces: [eth0, eth1]
wait: 5s
policy: abort
lease: 3s
margin: 100ms
clockLimit: 500us
step: 1s
seed: 7
failIf: ['failed>1%', 'leases.ack-p99>50ms']
`,
  );
  assert.equal(plan.clients, 500);
  assert.equal(plan.agents, 2);
  assert.equal(plan.clockLimit, 0.5);
  assert.deepEqual([plan.name, plan.clientsPerRange, plan.wait, plan.seed], ['Morning', 7, 5000, 7]);
  assert.deepEqual([plan.policy, plan.lease, plan.margin, plan.step], ['abort', 3000, 100, 1000]);
  assert.deepEqual(plan.thresholds, ['failed>1%', 'leases.ack-p99>50ms']);
  assert.deepEqual(interfaces, ['eth0', 'eth1']);
});

test('ten million clients, in as many ranges as the file says', () => {
  const { plan } = parseCampaign(
    'c.yaml',
    `${SCENARIO}    traffic: {type: udp-send, from: 10.0.0.10+10000000, to: 10.255.0.1, prefix: 8, roundTrip: true}
clients: 10000000
clientsPerRange: 1000
`,
  );
  assert.deepEqual([plan.clients, plan.clientsPerRange], [10_000_000, 1000]);
  // Memory of a client, and time, are those of ten million objects if anybody makes one of each.
  const before = process.memoryUsage().heapTotal;
  parseCampaign('c.yaml', SCENARIO.replace('1000', '10000000'));
  assert.ok(process.memoryUsage().heapTotal - before < 100 * 2 ** 20);
  assert.match(
    messageOf(`${SCENARIO}clients: 20000000\n`),
    /clients: must be a whole number from 1 to 16777216/,
  );
});

test('the scenario may be a file of its own, named from the campaign on', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'etherconn-campaign-file-'));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 's.yaml'), 'clients: 20\nparts: {leases: {type: dhcp}}\n');
  const file = join(folder, 'c.yaml');
  writeFileSync(file, 'scenario: s.yaml\n');
  assert.equal(readCampaign(file).plan.clients, 20);
  writeFileSync(file, 'scenario: none.yaml\n');
  assert.throws(() => readCampaign(file), /c\.yaml:1:1: scenario: cannot be read/);
});

test('errors name file, line, column and key', () => {
  assert.match(
    messageOf(`${SCENARIO}lease: 10ms\n`),
    /^c\.yaml:5:1: lease: must be a time from 1s to 5m, got '10ms'/,
  );
  assert.match(
    messageOf(`${SCENARIO}policy: retry\n`),
    /^c\.yaml:5:1: policy: must be one of reassign, continue and abort/,
  );
  assert.match(
    messageOf(`${SCENARIO}leese: 3s\n`),
    /^c\.yaml:5:1: leese: is not a key here; there are name, scenario/,
  );
  assert.match(
    messageOf(`${SCENARIO}lease: 2s\nmargin: 1s\n`),
    /^c\.yaml:6:1: margin: must be at most a quarter/,
  );
  assert.match(
    messageOf(SCENARIO.replace('type: dhcp', 'type: dhpc')),
    /^c\.yaml:4:\d+: scenario\.parts\.leases\.type: /,
  );
  assert.match(messageOf(`${SCENARIO}failIf: ['loss>>1']\n`), /^c\.yaml:5:\d+: failIf\.0: /);
  assert.match(messageOf('scenario: [\n'), /^c\.yaml:/);
  assert.match(messageOf('name: x\n'), /^c\.yaml:1:1: scenario/);
});

test('the template of etherconn init is a campaign that editors can check, and needs no server of its own', () => {
  const template = new URL('../../../cli/assets/templates/campaign.yaml', import.meta.url);
  const text = readFileSync(template, 'utf8');
  const schema = JSON.parse(
    readFileSync(new URL('../../assets/campaign.schema.json', import.meta.url), 'utf8'),
  );
  assert.equal(text.split('\n')[0], `# yaml-language-server: $schema=${schema.$id}`);
  const { plan } = parseCampaign('campaign.yaml', text);
  assert.equal(plan.clients, 400);
  assert.equal(plan.policy, 'reassign');
  assert.equal(plan.agents, 2);
});

test('the published schema has every key of the reader, and the scenario of etherconn run', () => {
  const schema = JSON.parse(
    readFileSync(new URL('../../assets/campaign.schema.json', import.meta.url), 'utf8'),
  );
  assert.deepEqual(
    Object.keys(schema.properties).toSorted().join(', '),
    /there are (.*)$/.exec(messageOf('nothing: 1'))![1].split(', ').toSorted().join(', '),
  );
  assert.deepEqual(schema.required, ['scenario']);
  const [path, scenario] = schema.properties.scenario.anyOf;
  assert.equal(path.type, 'string');
  assert.ok(scenario.properties.parts.additionalProperties.oneOf.length > 3);
  for (const [key, { description }] of Object.entries<{ description?: string }>(schema.properties))
    assert.match(description ?? '', /\.$/, key);
});
