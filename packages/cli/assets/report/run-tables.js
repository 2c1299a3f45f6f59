/* The tables of a run's report. */
import { at, NOTHING, packets, percent, time, whole } from './format.js';
import { listSection, tableSection } from './table.js';

const number = (key, label, format = whole) => ({ key, label, format });
const text = (key, label) => ({ key, label });

export const partsTable = (parts) => {
  if (parts.length === 0) return;
  const rows = parts.map(([name, { type, begin, duration, sent, received, latency, fleet }]) => ({
    name,
    type,
    begin,
    duration,
    sent: sent?.packets ?? null,
    received: received?.packets ?? null,
    lost: received?.lost ?? null,
    loss: received?.loss ?? null,
    p50: latency?.p50 ?? null,
    p99: latency?.p99 ?? null,
    max: latency?.max ?? null,
    leases: fleet?.leases ?? null,
    failed: fleet?.failed ?? null,
  }));
  const columns = [
    text('name', 'Part'),
    text('type', 'Type'),
    number('begin', 'Begin', at),
    number('duration', 'Duration', at),
    number('sent', 'Sent'),
    number('received', 'Received'),
    number('lost', 'Lost'),
    number('loss', 'Loss', percent),
    number('p50', 'p50', time),
    number('p99', 'p99', time),
    number('max', 'Max', time),
    number('leases', 'Leases'),
    number('failed', 'Failed', percent),
  ];
  tableSection({ id: 'parts', title: 'Parts', what: 'parts', hint: 'Filter parts, like udp', columns, rows });
};

/** A table of what each fleet, or each other part, says: `rowsOf` makes rows of a result. */
const partTable = (table, found, columns, rowsOf) => {
  const rows = found.flatMap(([part, each]) => rowsOf(each).map((row) => ({ part, ...row })));
  if (rows.length === 0) return;
  const own = found.length > 1 || found[0][0] !== '' ? [text('part', 'Part')] : [];
  tableSection({ ...table, columns: [...own, ...columns], rows });
};

export const phasesTable = (found) => {
  const columns = [
    text('phase', 'Phase'),
    number('count', 'Count'),
    ...['min', 'p50', 'p90', 'p99'].map((key) => number(key, key, time)),
    number('p999', 'p99.9', time),
    number('max', 'max', time),
  ];
  const table = { id: 'phases', title: 'Phases', what: 'phases', hint: 'Filter phases, like ack' };
  partTable(table, found, columns, ({ fleet, latency }) =>
    fleet === undefined
      ? []
      : Object.entries({ ...fleet.phases, whole: latency })
          .filter(([, each]) => each !== null)
          .map(([phase, each]) => ({ phase, ...each })),
  );
};

export const failuresTable = (found) => {
  const columns = [text('reason', 'Reason'), number('count', 'Count'), number('share', 'Share', percent)];
  const table = {
    id: 'failures',
    title: 'Failures',
    what: 'failures',
    hint: 'Filter failures, like timeout',
  };
  partTable({ ...table, by: 'count' }, found, columns, ({ fleet, ping, replay }) => {
    const counts = { ...fleet?.failures, ...ping?.errorsByName, ...replay?.skipped };
    const all = Object.values(counts).reduce((sum, count) => sum + count, 0);
    return Object.entries(counts).map(([reason, count]) => ({ reason, count, share: count / all }));
  });
};

export const messagesTable = (found) => {
  const columns = [text('message', 'Message'), number('count', 'Count')];
  const table = { id: 'messages', title: 'Messages', what: 'messages', hint: 'Filter messages, like nak' };
  partTable(table, found, columns, ({ fleet, responder }) =>
    Object.entries({ ...fleet?.messages, ...responder?.counts }).map(([message, count]) => ({
      message,
      count,
    })),
  );
};

/** What a command has rows of: texts and numbers. Numbers in texts sort as numbers. */
export const ownTable = (id, { title, head, rows, marked = [] }) => {
  const isNumber = (i) => rows.every((cells) => typeof cells[i] === 'number');
  tableSection({
    id,
    title,
    what: title.toLowerCase(),
    hint: `Filter ${title.toLowerCase()}`,
    columns: head.map((label, i) => (isNumber(i) ? number(`${i}`, label) : text(`${i}`, label))),
    rows: rows.map((cells, i) => ({ ...cells, isMarked: marked.includes(i) })),
    rowClass: ({ isMarked }) => (isMarked ? 'bad' : ''),
  });
};

export const thresholdsList = (thresholds) => {
  if (thresholds.length === 0) return;
  listSection(
    'thresholds',
    'Thresholds',
    thresholds.map(({ text: limit, state, actual }) => [
      { text: `fail if ${limit}` },
      { text: actual },
      { text: state, class: state === 'met' ? 'good' : 'bad' },
    ]),
  );
};

export const trialsList = ({ trials }) =>
  listSection(
    'trials',
    'Trials',
    trials.map(({ rate, passed, reason }) => [
      { text: packets(rate) },
      { text: passed ? 'passed' : (reason ?? NOTHING), class: passed ? 'good' : 'bad' },
    ]),
  );

export const flowsTable = (rows, leftOut) => {
  if (rows.length === 0) return;
  const columns = [
    text('name', 'Flow'),
    number('expected', 'Sent'),
    number('received', 'Received'),
    number('lost', 'Lost'),
    number('duplicates', 'Duplicates'),
    number('reordered', 'Reordered'),
    ...['p50', 'p99'].map((key) => number(key, key, time)),
    number('max', 'Max', time),
    number('jitter', 'Jitter', time),
  ];
  tableSection({
    id: 'flows',
    title: 'Flows',
    what: 'flows',
    hint: 'Filter, like 10.0.0.7 or vlan 100',
    columns,
    rows,
    by: 'lost',
    leftOut: leftOut > 0 ? `; ${whole(leftOut)} more flows, which lost less, are not in this report` : '',
    cellClass: (key, { lost }) => (key === 'lost' && lost > 0 ? 'bad' : ''),
  });
};
