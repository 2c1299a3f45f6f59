/* The report of a run. */
import { element, facts, figures, partChoice, section } from './elements.js';
import { digits, packets, percent, scaled, time, whole } from './format.js';
import { plotPlace } from './plots.js';
import {
  failuresTable,
  flowsTable,
  messagesTable,
  ownTable,
  partsTable,
  phasesTable,
  thresholdsList,
  trialsList,
} from './run-tables.js';
import { fillPercentilePlot, fillTimePlots } from './time-plots.js';

const { result, percentiles, partPercentiles, percentileStep, tables, flows, flowsLeftOut } = JSON.parse(
  document.getElementById('data').textContent,
);
const { sent, received, latency, jitter, foundRate, fleet } = result;
const parts = Object.entries(result.parts ?? {});

const summary = () => {
  const list = [];
  if (foundRate !== undefined)
    list.push(['Highest rate', foundRate.rate === null ? 'none passed' : packets(foundRate.rate)]);
  if (fleet !== undefined)
    list.push(
      ['Leases', whole(fleet.leases), `of ${whole(fleet.clients)} clients`],
      ['Leases a second', digits(fleet.leasesPerSecond)],
      ['Held at the end', whole(fleet.bound)],
      ['Retries', whole(fleet.retries)],
    );
  if (sent !== null) {
    list.push(['Sent', whole(sent.packets), `${packets(sent.pps)}, ${scaled(sent.bps, 'bit/s')}`]);
    if (sent.unsent > 0) list.push(['Not sent in time', whole(sent.unsent)]);
  }
  if (received !== null) {
    const rate = `${packets(received.pps)}, ${scaled(received.bps, 'bit/s')}`;
    list.push(
      ['Received', whole(received.packets), rate],
      ['Lost', whole(received.lost), received.loss === null ? '' : percent(received.loss)],
      ['Duplicates', whole(received.duplicates)],
      ['Reordered', whole(received.reordered)],
    );
    if (received.linkDropped > 0)
      list.push(['Dropped here', whole(received.linkDropped), 'this process was too slow']);
  }
  if (latency !== null)
    list.push(
      ['Latency p50', time(latency.p50), `min ${time(latency.min)}`],
      ['Latency p99', time(latency.p99), `p99.9 ${time(latency.p999)}, max ${time(latency.max)}`],
    );
  if (jitter !== null) list.push(['Jitter', time(jitter)]);
  section('summary', 'Summary', [], figures(list));
};

/** A section whose plots are those of the whole, or of the part that is chosen. */
const plotSection = (id, title, fill) => {
  const names = parts.map(([name]) => name);
  const made = section(
    id,
    title,
    partChoice(names, (part) => fill(place, part)),
  );
  const place = plotPlace(made);
  fill(place, null);
};

const conditions = () => {
  const missing = [];
  if (received === null) missing.push('what arrived');
  if (sent === null) missing.push('what was sent, but for what senders say');
  if (latency === null) missing.push('latency');
  const entries = [
    ['Command', element('pre', {}, result.commandLine)],
    ['Started', result.started],
    ['Duration', `${digits(result.duration)} s${result.interrupted ? ', interrupted' : ''}`],
    ['Engine', result.engine],
    ['Seed', `${result.seed}`],
    ['Version', `etherconn ${result.version}`],
    ['Environment', result.environment],
    ['Not measured', missing.length === 0 ? 'nothing that this command measures' : missing.join('; ')],
    ...result.notes.map((note) => ['Note', note]),
  ];
  section('conditions', 'Conditions', [], facts(entries));
};

/** Tables of the command's own: what matters stands before the plots, details behind them. */
const ownTables = (areDetails) => {
  for (const [i, table] of tables.entries())
    if ((table.isDetail ?? false) === areDetails) ownTable(`table-${i}`, table);
};

// What each part has told is not told again for all of them.
const told = parts.length > 0 ? parts : [['', result]];
summary();
thresholdsList(result.thresholds);
if (foundRate !== undefined) trialsList(foundRate);
partsTable(parts);
ownTables(false);
if (result.seconds.length > 0)
  plotSection('time', 'Over time', (place, part) =>
    fillTimePlots(place, part === null ? result : result.parts[part]),
  );
if (Object.keys(percentiles).length + Object.values(partPercentiles).flatMap(Object.keys).length > 0)
  plotSection('percentiles', 'Latency by percentile', (place, part) =>
    fillPercentilePlot(place, part === null ? percentiles : partPercentiles[part], percentileStep),
  );
phasesTable(told);
failuresTable(told);
messagesTable(told);
flowsTable(flows, flowsLeftOut);
ownTables(true);
conditions();
