/* Plots: drawn again when their width, the colours or the paper change. uPlot is loaded before. */
/* global uPlot */
import { element } from './elements.js';
import { NOTHING, whole } from './format.js';

/** Pixels across a sheet of paper. */
const PAPER = 680;

const plots = new Set();

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** A place for plots in a section, which may be filled again. */
export const plotPlace = (parent) => {
  const place = element('div');
  parent.append(place);
  let own = [];
  return {
    clear() {
      for (const plot of own) {
        plot.made?.destroy();
        plots.delete(plot);
      }
      own = [];
      place.replaceChildren();
    },
    /** `draw` gives uPlot's options without width, and its data. */
    add(title, draw) {
      const holder = element('div', { class: 'plot' }, element('h3', {}, title));
      place.append(holder);
      const plot = { holder, draw, made: null };
      plots.add(plot);
      own.push(plot);
      show(plot);
    },
  };
};

/** Axes and the legend of a plot: `x` and `y` write their values. */
export const lookOf = (x, y) => {
  const common = {
    stroke: colour('quiet'),
    grid: { stroke: colour('line'), width: 1 },
    ticks: { stroke: colour('line'), width: 1 },
  };
  // Between counts there is nothing to write.
  const isWritten = (value, format) => value !== null && (format !== whole || Number.isInteger(value));
  const written = (format) => (_plot, values) =>
    values.map((value) => (isWritten(value, format) ? format(value) : ''));
  return [
    { ...common, values: written(x) },
    { ...common, size: 76, values: written(y) },
  ];
};

/** Of amounts: an axis that begins elsewhere than at 0 would make differences look larger than they are. */
export const FROM_ZERO = { range: (_plot, min, max) => [Math.min(0, min ?? 0), max > 0 ? 1.08 * max : 1] };

/** A line of a plot; few points are shown as points, too. */
export const lineOf = (label, stroke, format, points) => ({
  label,
  stroke: colour(stroke),
  width: 1.5,
  points: { show: points < 3 },
  value: (_plot, value) => (value === null || value === undefined ? NOTHING : format(value)),
});

const show = (plot) => {
  plot.made?.destroy();
  const width = Math.max(200, plot.holder.clientWidth);
  const { options, data } = plot.draw();
  const isOnPaper = document.documentElement.classList.contains('paper');
  plot.made = new uPlot({ ...options, width: isOnPaper ? Math.min(PAPER, width) : width }, data, plot.holder);
};
const showAll = () => {
  for (const plot of plots) show(plot);
};

let width = window.innerWidth;
window.addEventListener('resize', () => {
  if (window.innerWidth === width) return;
  width = window.innerWidth;
  showAll();
});
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', showAll);
/** Paper is light whatever the screen is. A browser says that it prints in one of two ways. */
const toPaper = (isOnPaper) => {
  document.documentElement.classList.toggle('paper', isOnPaper);
  showAll();
};
window.addEventListener('beforeprint', () => toPaper(true));
window.addEventListener('afterprint', () => toPaper(false));
matchMedia('print').addEventListener('change', ({ matches }) => toPaper(matches));
