/**
 * A campaign on paper: the real coordinator and agents, in virtual time, over a server in memory that counts messages.
 *
 *   npm run bench:campaign-plan -- [--agents 1000] [--clients 10000000] [--ranges 10000]
 */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { parseCampaign } from '../packages/campaign/dist/plan/campaign-file.js';
import { QuietExecutor } from '../packages/campaign/dist/test-support/quiet-executor.js';
import { Stage } from '../packages/campaign/dist/test-support/stage.js';

const { values } = parseArgs({
  options: {
    agents: { type: 'string', default: '1000' },
    clients: { type: 'string', default: '10000000' },
    ranges: { type: 'string', default: '10000' },
    lease: { type: 'string', default: '9000' },
    step: { type: 'string', default: '2000' },
  },
});
const { agents, clients, ranges, lease, step } = Object.fromEntries(
  Object.entries(values).map(([name, text]) => [name, Number(text)]),
);
/** One campaign's file, as a user writes it, with all of the clients. */
const CAMPAIGN = `name: plan
clients: ${clients}
clientsPerRange: ${Math.ceil(clients / ranges)}
agents: ${agents}
lease: ${lease}ms
step: ${step}ms
wait: 10m
scenario:
  clients: 1
  parts:
    leases: {type: dhcp, rate: 100000, vlan: 1-4000}
    traffic: {type: udp-send, from: 10.0.0.10+${clients}, to: 10.255.0.1, prefix: 8, rate: 1000kpps, roundTrip: true}
`;
const WINDOW = 18_000;
const stage = new Stage();
const rows = [];
const print = (what, value) => rows.push(`| ${what} | ${value} |`);
const number = (value) => Math.round(value).toLocaleString('en');
const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;
const bytes = (value) => `${(value / 2 ** 20).toFixed(2)} MiB`;
const totalMessages = () => [...stage.server.counts.values()].reduce((sum, count) => sum + count, 0);
const lengthOf = (value) => Buffer.byteLength(JSON.stringify(value));

/** Virtual milliseconds, messages, and seconds of this processor until something is so. */
async function measure(work, until) {
  const from = { now: stage.clock.now(), messages: totalMessages(), cpu: process.cpuUsage() };
  await work();
  await stage.until(until);
  const { user, system } = process.cpuUsage(from.cpu);
  return {
    time: stage.clock.now() - from.now,
    messages: totalMessages() - from.messages,
    cpu: (user + system) / 1e6,
  };
}
const told = ({ time, messages, cpu }) =>
  `${seconds(time)}, ${number(messages)} messages; all of it takes ${cpu.toFixed(1)} s of one processor here`;

try {
  for (let i = 0; i < agents; i++) stage.addExecutor(`a${i}`, new QuietExecutor(stage.clock));
  let snapshot = null;
  stage.onSnapshot = (each) => {
    snapshot = each;
  };
  const begin = await measure(
    () => stage.begin(parseCampaign('campaign.yaml', CAMPAIGN).plan),
    () => snapshot?.phase === 'running' && snapshot.now >= snapshot.startAt,
  );
  print('from the command until all start', told(begin));
  await stage.clock.advance(lease);
  const before = new Map(stage.server.counts);
  const beforeStream = [...stage.server.streams.values()][0].length;
  await stage.clock.advance(WINDOW);
  const rates = [...stage.server.counts].map(([what, count]) => [
    what,
    ((count - (before.get(what) ?? 0)) * 1000) / WINDOW,
  ]);
  print('messages a second at the hub', number(rates.reduce((sum, [, rate]) => sum + rate, 0)));
  for (const [what, rate] of rates) if (rate >= 0.5) print(`- ${what}`, number(rate));
  const [stream] = stage.server.streams.values();
  const results = stream.slice(beforeStream);
  const size = results.reduce((sum, { value }) => sum + lengthOf(value), 0);
  print('size of a message of results', `${number(size / results.length)} bytes`);
  print('results that the store takes in an hour', bytes((size * 3_600_000) / WINDOW));
  const bucket = [...stage.server.buckets].find(([name]) => name.startsWith('ec-'))[1];
  const state = [...bucket.values()].reduce((sum, { value }) => sum + lengthOf(value), 0);
  print('state in the store', `${number(bucket.size)} keys, ${bytes(state)}`);
  print('snapshot for watchers', bytes(lengthOf(bucket.get('status').value)));
  const folder = join(stage.folder, 'coordinator');
  const journal = readdirSync(folder).reduce((sum, file) => sum + statSync(join(folder, file)).size, 0);
  print('journal of the coordinator until now (bounded by 64 MiB)', bytes(journal));

  const lost = async (count) => {
    const takeovers = snapshot.takeovers.length;
    const victims = stage.agents.filter(({ hub }) => !hub.cutIn).slice(0, count);
    return measure(
      async () => {
        for (const each of victims) stage.kill(each);
      },
      () => snapshot.takeovers.length >= takeovers + count,
    );
  };
  print('an agent is lost: its ranges are given away after', told(await lost(1)));
  print(`${agents / 10} agents are lost at once`, told(await lost(agents / 10)));
  const resumed = await measure(
    () => stage.resume(),
    () => snapshot.events.some(({ text }) => /started again/.test(text)),
  );
  print('the coordinator is started again', told(resumed));
  const generations = new Set([snapshot.generation]);
  const counted = snapshot.results.messages;
  const again = await measure(
    async () => stage.server.lose(),
    () => !generations.has(snapshot.generation) && snapshot.results.messages > counted + agents / 2,
  );
  print('the store is lost: made anew, and results go on', told(again));
  console.log(
    `${number(agents)} agents, ${number(clients)} clients, ${number(ranges)} ranges, lease ${seconds(lease)}, step ${seconds(step)}:\n`,
  );
  console.log(['| what | figure |', '| --- | --- |', ...rows].join('\n'));
} finally {
  stage.close();
}
