/* Plots of a run, or of a part of it: its seconds, and its latencies by percentile. */
import { at, digits, packets, time, whole } from './format.js';
import { FROM_ZERO, lineOf, lookOf } from './plots.js';

const HEIGHT = 220;
/** Pixels that a percentile takes on its axis. */
const LABEL = 100;
/** Colours of lines that have none of their own. */
const STROKES = ['p50', 'p90', 'p99', 'received', 'lost'];

/** `found` is the result of a run or a part, with its seconds. */
export const fillTimePlots = (place, { sent, received, latency, fleet, seconds }) => {
  place.clear();
  const plot = (title, names, format) => {
    const shown = names.filter(([name]) => seconds.some((each) => (each[name] ?? null) !== null));
    if (shown.length > 0) place.add(title, () => timePlot(seconds, shown, format));
  };
  if (fleet !== undefined) {
    plot('Leases a second', [['leases', 'leases', 'received']], digits);
    plot(
      'Retries and failed attempts',
      [
        ['retries', 'retries', 'p90'],
        ['failed', 'failed', 'lost'],
      ],
      whole,
    );
  }
  const rates = [];
  if (sent !== null) rates.push(['sent', 'sent', 'sent']);
  if (received !== null) rates.push(['received', 'received', 'received']);
  plot('Packets a second', rates, packets);
  if (received !== null) plot('Packets lost', [['lost', 'lost', 'lost']], whole);
  if (latency !== null)
    plot(
      'Latency',
      ['p50', 'p90', 'p99'].map((name) => [name, name, name]),
      time,
    );
};

const timePlot = (seconds, names, format) => ({
  options: {
    height: HEIGHT,
    scales: { x: { time: false }, y: FROM_ZERO },
    axes: lookOf(at, format),
    series: [
      { label: 'time', value: (_plot, value) => (value === null ? '–' : at(value)) },
      ...names.map(([, label, stroke]) => lineOf(label, stroke, format, seconds.length)),
    ],
  },
  data: [
    seconds.map(({ second }) => second),
    ...names.map(([name]) => seconds.map((each) => each[name] ?? null)),
  ],
});

/** `curves` has a list of milliseconds by name; of each the n-th is that of all but 10^(-n * step) of the packets. */
export const fillPercentilePlot = (place, curves, step) => {
  place.clear();
  const entries = Object.entries(curves);
  if (entries.length === 0) return;
  const length = Math.max(...entries.map(([, curve]) => curve.length));
  const shown = (value) => `${Number((100 - 100 / value).toPrecision(7))} %`;
  place.add('How long the slowest part of the packets took', () => {
    const [x, y] = lookOf(shown, time);
    // Lines and labels at 90 %, 99 %, 99.9 % … alone, or at as many of them as there is room for.
    const filter = ({ width }, values) => {
      const every = Math.ceil((LABEL * length * step) / width);
      const isShown = (decade) =>
        Math.abs(decade - Math.round(decade)) < 1e-6 && Math.round(decade) % every === 0;
      return values.map((value) => (isShown(Math.log10(value)) ? value : null));
    };
    const decades = { ...x, filter, grid: { ...x.grid, filter }, ticks: { ...x.ticks, filter } };
    return {
      options: {
        height: 260,
        scales: { x: { time: false, distr: 3, log: 10 }, y: FROM_ZERO },
        axes: [decades, y],
        series: [
          { label: 'percentile', value: (_plot, value) => (value === null ? '–' : shown(value)) },
          ...entries.map(([name, curve], i) => lineOf(name, STROKES[i % STROKES.length], time, curve.length)),
        ],
      },
      data: [
        Array.from({ length }, (_, n) => 10 ** (n * step)),
        ...entries.map(([, curve]) => Array.from({ length }, (_, n) => curve[n] ?? null)),
      ],
    };
  });
};
