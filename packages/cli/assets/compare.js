/* The script of a comparison's report. The data is in the page; uPlot is loaded before. */
/* global uPlot, document, matchMedia, getComputedStyle, window */
(() => {
  const { runs, seconds, rows, thresholds } = JSON.parse(document.getElementById('data').textContent);
  const element = (name, attributes = {}, ...children) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  };
  const section = (title, ...children) => {
    const made = element('section', {}, element('h2', {}, title), ...children);
    document.querySelector('main').append(made);
    return made;
  };

  // Figures side by side

  const columns = [
    ['metric', 'Metric', 'metric'],
    ['a', 'A', 'aText'],
    ['b', 'B', 'bText'],
    ['change', 'Change', 'changeText'],
    ['said', 'Verdict', 'said'],
  ];
  let [by, direction] = [null, 1];
  const filter = element('input', {
    type: 'search',
    placeholder: 'Filter, like p99 or differs',
    'aria-label': 'Filter metrics',
  });
  const head = element('tr');
  const body = element('tbody');
  const order = (x, y) => {
    if (by === null) return 0;
    if (typeof (x[by] ?? y[by]) === 'string') return direction * x[by].localeCompare(y[by]);
    return direction * ((x[by] ?? Number.NEGATIVE_INFINITY) - (y[by] ?? Number.NEGATIVE_INFINITY));
  };
  const fill = () => {
    const wanted = filter.value.trim().toLowerCase();
    const found = rows.filter(({ metric, said }) => `${metric} ${said}`.toLowerCase().includes(wanted));
    found.sort(order);
    body.replaceChildren(
      ...found.map((row) =>
        element(
          'tr',
          row.significance === 'differs' ? { class: 'differs' } : {},
          ...columns.map(([, , text]) => element('td', {}, row[text])),
        ),
      ),
    );
    for (const cell of head.children) {
      if (cell.dataset.by === by) cell.setAttribute('aria-sort', direction < 0 ? 'descending' : 'ascending');
      else cell.removeAttribute('aria-sort');
    }
  };
  for (const [key, label] of columns) {
    const button = element('button', { type: 'button' }, label);
    button.addEventListener('click', () => {
      direction = by === key ? -direction : -1;
      by = key;
      fill();
    });
    head.append(element('th', { 'data-by': key, scope: 'col' }, button));
  }
  filter.addEventListener('input', fill);
  fill();
  const table = element('table', {}, element('thead', {}, head), body);
  section('Side by side', filter, element('div', { class: 'scroll' }, table)).id = 'rows';

  if (thresholds.length > 0) {
    const list = element('tbody');
    for (const { text, state, actual } of thresholds)
      list.append(
        element(
          'tr',
          {},
          element('td', {}, `fail if ${text}`),
          element('td', {}, actual),
          element('td', { class: state === 'met' ? 'good' : 'bad' }, state),
        ),
      );
    section('Limits', element('div', { class: 'scroll' }, element('table', {}, list)));
  }

  // Both runs over time

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const times = [...new Set(seconds.flat().map(({ second }) => second))].sort((x, y) => x - y);
  const column = (list, name) => {
    const bySecond = new Map(list.map((each) => [each.second, each[name]]));
    return times.map((second) => bySecond.get(second) ?? null);
  };
  const plots = [];
  const parent = section('Over time');
  for (const [name, title] of [
    ['received', 'Packets received a second'],
    ['lost', 'Packets lost'],
    ['p99', 'Latency p99, milliseconds'],
  ]) {
    if (!seconds.flat().some((each) => each[name] !== null)) continue;
    const holder = element('div', { class: 'plot' }, element('h3', {}, title));
    parent.append(holder);
    plots.push({ holder, name, made: null });
  }
  const drawAll = () => {
    for (const plot of plots) {
      plot.made?.destroy();
      const axis = {
        stroke: colour('quiet'),
        grid: { stroke: colour('line') },
        ticks: { stroke: colour('line') },
      };
      const line = (label, stroke) => ({ label, stroke: colour(stroke), width: 1.5, spanGaps: true });
      plot.made = new uPlot(
        {
          width: Math.max(200, plot.holder.clientWidth),
          height: 220,
          scales: { x: { time: false } },
          axes: [axis, { ...axis, size: 76 }],
          series: [{ label: 'second' }, line('A', 'sent'), line('B', 'lost')],
        },
        [times, column(seconds[0], plot.name), column(seconds[1], plot.name)],
        plot.holder,
      );
    }
  };
  drawAll();
  let width = window.innerWidth;
  window.addEventListener('resize', () => {
    if (window.innerWidth === width) return;
    width = window.innerWidth;
    drawAll();
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawAll);
  window.addEventListener('beforeprint', drawAll);

  // Conditions

  for (const [i, run] of runs.entries()) {
    const list = element('dl', { class: 'facts' });
    for (const [name, value] of [
      ['File', run.file],
      ['Command', run.commandLine],
      ['Started', run.started],
      ['Engine', run.engine],
      ['Version', `etherconn ${run.version}`],
      ['Environment', run.environment],
      ...run.notes.map((note) => ['Note', note]),
    ])
      list.append(element('dt', {}, name), element('dd', {}, value));
    section(`Conditions of ${'AB'[i]}`, list);
  }
})();
