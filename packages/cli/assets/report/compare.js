/* The report of a comparison. */
import { element, facts, partChoice, section } from './elements.js';
import { at, packets, time, whole } from './format.js';
import { FROM_ZERO, lineOf, lookOf, plotPlace } from './plots.js';
import { listSection, tableSection } from './table.js';

const { runs, seconds, partSeconds, rows, thresholds } = JSON.parse(
  document.getElementById('data').textContent,
);
const PLOTS = [
  ['leases', 'Leases a second', whole],
  ['sent', 'Packets sent a second', packets],
  ['received', 'Packets received a second', packets],
  ['lost', 'Packets lost', whole],
  ['p50', 'Latency p50', time],
  ['p99', 'Latency p99', time],
];

const fillPlots = (place, [a, b]) => {
  place.clear();
  const times = [...new Set([...a, ...b].map(({ second }) => second))].sort((x, y) => x - y);
  const column = (list, name) => {
    const bySecond = new Map(list.map((each) => [each.second, each[name]]));
    return times.map((second) => bySecond.get(second) ?? null);
  };
  for (const [name, title, format] of PLOTS) {
    if (![...a, ...b].some((each) => (each[name] ?? null) !== null)) continue;
    place.add(title, () => ({
      options: {
        height: 220,
        scales: { x: { time: false }, y: FROM_ZERO },
        axes: lookOf(at, format),
        series: [
          { label: 'time', value: (_plot, value) => (value === null ? '–' : at(value)) },
          { ...lineOf('A', 'sent', format, a.length), spanGaps: true },
          { ...lineOf('B', 'p90', format, b.length), spanGaps: true },
        ],
      },
      data: [times, column(a, name), column(b, name)],
    }));
  }
};

if (thresholds.length > 0)
  listSection(
    'limits',
    'Limits',
    thresholds.map(({ text, state, actual }) => [
      { text: `fail if ${text}` },
      { text: actual },
      { text: state, class: state === 'met' ? 'good' : 'bad' },
    ]),
  );
tableSection({
  id: 'rows',
  title: 'Side by side',
  what: 'metrics',
  hint: 'Filter, like p99 or differs',
  columns: [
    { key: 'metric', label: 'Metric' },
    { key: 'a', label: 'A', format: (_value, { aText }) => aText },
    { key: 'b', label: 'B', format: (_value, { bText }) => bText },
    { key: 'change', label: 'Change', format: (_value, { changeText }) => changeText },
    { key: 'said', label: 'Verdict' },
  ],
  rows,
  rowClass: ({ significance }) => (significance === 'differs' ? 'differs' : ''),
});
if (seconds.flat().length > 0) {
  const names = Object.keys(partSeconds);
  const fill = (part) => fillPlots(place, part === null ? seconds : partSeconds[part]);
  const place = plotPlace(section('time', 'Over time', partChoice(names, fill)));
  fill(null);
}
for (const [i, run] of runs.entries())
  section(
    `conditions-${'ab'[i]}`,
    `Conditions of ${'AB'[i]}`,
    [],
    facts([
      ['File', run.file],
      ['Command', element('pre', {}, run.commandLine)],
      ['Started', run.started],
      ['Engine', run.engine],
      ['Version', `etherconn ${run.version}`],
      ['Environment', run.environment],
      ...run.notes.map((note) => ['Note', note]),
    ]),
  );
