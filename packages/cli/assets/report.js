/* The script of a report. The data is in the page; uPlot is loaded before. */
/* global uPlot, document, matchMedia, getComputedStyle, window */
(() => {
  const { result, seconds, percentiles, tables, flows, flowsLeftOut } = JSON.parse(
    document.getElementById('data').textContent,
  );

  const whole = (value) =>
    Math.round(value)
      .toString()
      .replace(/\B(?=(\d{3})+$)/g, '\u202f');
  const digits = (value) => (value >= 100 ? value.toFixed(0) : Number(value.toPrecision(3)).toString());
  const scaled = (value, unit) => {
    if (value >= 999.5e6) return `${digits(value / 1e9)} G${unit}`;
    if (value >= 999.5e3) return `${digits(value / 1e6)} M${unit}`;
    if (value >= 9999.5) return `${digits(value / 1e3)} k${unit}`;
    return `${digits(value)} ${unit}`;
  };
  const time = (ms) => {
    if (ms === null) return '';
    if (ms < 0.9995) return `${Math.round(ms * 1000)} µs`;
    return ms < 999.5 ? `${digits(ms)} ms` : `${digits(ms / 1000)} s`;
  };
  const percent = (ratio) => `${Number((100 * ratio).toPrecision(3))} %`;

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
  const facts = (entries) => {
    const list = element('dl', { class: 'facts' });
    for (const [name, value] of entries) list.append(element('dt', {}, name), element('dd', {}, value));
    return list;
  };

  const table = (head, rows) =>
    element(
      'div',
      { class: 'scroll' },
      element(
        'table',
        {},
        element('thead', {}, element('tr', {}, ...head.map((each) => element('th', {}, each)))),
        element(
          'tbody',
          {},
          ...rows.map((row) => element('tr', {}, ...row.map((each) => element('td', {}, each)))),
        ),
      ),
    );

  // Summary

  const { sent, received, latency, jitter, thresholds, foundRate, fleet } = result;
  const figures = element('dl', { class: 'figures' });
  const figure = (name, value, small = '') =>
    figures.append(
      element(
        'div',
        {},
        element('dt', {}, name),
        element('dd', {}, value, ...(small === '' ? [] : [element('small', {}, small)])),
      ),
    );
  if (foundRate !== undefined)
    figure('Highest rate', foundRate.rate === null ? 'none passed' : scaled(foundRate.rate, 'pps'));
  if (fleet !== undefined) {
    figure('Leases', whole(fleet.leases), `of ${whole(fleet.clients)} clients`);
    figure('Leases a second', digits(fleet.leasesPerSecond));
    figure('Held at the end', whole(fleet.bound));
    figure('Retries', whole(fleet.retries));
  }
  if (sent !== null) {
    figure('Sent', `${whole(sent.packets)}`, `${scaled(sent.pps, 'pps')}, ${scaled(sent.bps, 'bit/s')}`);
    if (sent.unsent > 0) figure('Not sent in time', whole(sent.unsent));
  }
  if (received !== null) {
    figure(
      'Received',
      whole(received.packets),
      `${scaled(received.pps, 'pps')}, ${scaled(received.bps, 'bit/s')}`,
    );
    figure('Lost', whole(received.lost), received.loss === null ? '' : percent(received.loss));
    if (received.linkDropped > 0)
      figure('Dropped here', whole(received.linkDropped), 'this process was too slow');
    figure('Duplicates', whole(received.duplicates));
    figure('Reordered', whole(received.reordered));
  }
  if (latency !== null) {
    figure('Latency p50', time(latency.p50), `min ${time(latency.min)}`);
    figure('Latency p99', time(latency.p99), `p99.9 ${time(latency.p999)}, max ${time(latency.max)}`);
  }
  if (jitter !== null) figure('Jitter', time(jitter));
  section('Summary', figures);

  for (const { title, head, rows } of tables) section(title, table(head, rows));

  if (fleet !== undefined) {
    const phases = Object.entries({ ...fleet.phases, whole: latency }).filter(([, each]) => each !== null);
    section(
      'Phases',
      table(
        ['phase', 'count', 'min', 'p50', 'p90', 'p99', 'p99.9', 'max'],
        phases.map(([name, { count, min, p50, p90, p99, p999, max }]) => [
          name,
          whole(count),
          ...[min, p50, p90, p99, p999, max].map(time),
        ]),
      ),
    );
    const failures = Object.entries(fleet.failures);
    if (failures.length > 0)
      section(
        'Failures',
        table(
          ['reason', 'attempts'],
          failures.map(([reason, count]) => [reason, whole(count)]),
        ),
      );
    section(
      'Messages',
      table(
        ['type', 'count'],
        Object.entries(fleet.messages).map(([type, count]) => [type, whole(count)]),
      ),
    );
  }

  const parts = Object.entries(result.parts ?? {});
  if (parts.length > 0) {
    const columns = [
      'part',
      'type',
      'begin',
      'sent',
      'received',
      'lost',
      'loss',
      'p50',
      'p99',
      'max',
      'leases',
      'failed',
    ];
    const rows = parts.map(([name, { type, begin, sent, received, latency, fleet }]) => [
      name,
      type,
      `${digits(begin)} s`,
      sent === null ? '–' : whole(sent.packets),
      received === null ? '–' : whole(received.packets),
      received === null ? '–' : whole(received.lost),
      (received?.loss ?? null) === null ? '–' : percent(received.loss),
      ...['p50', 'p99', 'max'].map((key) => (latency === null ? '–' : time(latency[key]))),
      fleet === undefined ? '–' : whole(fleet.leases),
      (fleet?.failed ?? null) === null ? '–' : percent(fleet.failed),
    ]);
    const cells = (name, texts) => element('tr', {}, ...texts.map((each) => element(name, {}, each)));
    const body = element('tbody', {}, ...rows.map((row) => cells('td', row)));
    const table = element('table', {}, element('thead', {}, cells('th', columns)), body);
    section('Parts', element('div', { class: 'scroll' }, table)).id = 'parts';
  }

  if (thresholds.length > 0) {
    const body = element('tbody');
    for (const { text, state, actual } of thresholds) {
      const mark = element(
        'td',
        { class: state === 'met' ? 'good' : 'bad' },
        state === 'met' ? 'met' : state,
      );
      body.append(element('tr', {}, element('td', {}, `fail if ${text}`), element('td', {}, actual), mark));
    }
    section('Thresholds', element('div', { class: 'scroll' }, element('table', {}, body)));
  }
  if (foundRate !== undefined) {
    const body = element('tbody');
    for (const { rate, passed, reason } of foundRate.trials) {
      const verdict = element('td', { class: passed ? 'good' : 'bad' }, passed ? 'passed' : reason);
      body.append(element('tr', {}, element('td', {}, scaled(rate, 'pps')), verdict));
    }
    section('Trials', element('div', { class: 'scroll' }, element('table', {}, body)));
  }

  // Plots: drawn again when the width or the colours change.

  const plots = [];
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const addPlot = (parent, title, draw) => {
    const holder = element('div', { class: 'plot' }, element('h3', {}, title));
    parent.append(holder);
    plots.push({ holder, draw, made: null });
  };
  const axes = (format, xFormat) => {
    const common = {
      stroke: colour('quiet'),
      grid: { stroke: colour('line') },
      ticks: { stroke: colour('line') },
    };
    return [
      { ...common, values: (_plot, values) => values.map(xFormat) },
      {
        ...common,
        size: 76,
        values: (_plot, values) => values.map((value) => (value === null ? '' : format(value))),
      },
    ];
  };
  const seconds_ = seconds.map(({ second }) => second);
  const column = (name) => seconds.map((each) => each[name]);
  const series = (label, stroke, format) => ({
    label,
    stroke: colour(stroke),
    width: 1.5,
    points: { show: seconds.length < 3 },
    value: (_plot, value) => (value === null ? '–' : format(value)),
  });
  const at = (value) => `${Number(value.toPrecision(6))} s`;
  const timePlot = (names, format) => (width) => ({
    options: {
      width,
      height: 220,
      scales: { x: { time: false } },
      axes: axes(format, at),
      series: [{ label: 'time', value: (_plot, value) => (value === null ? '–' : at(value)) }].concat(
        names.map(([, label, stroke]) => series(label, stroke, format)),
      ),
    },
    data: [seconds_, ...names.map(([name]) => column(name))],
  });
  if (seconds.length > 0) {
    const parent = section('Over time');
    const rates = [];
    if (sent !== null) rates.push(['sent', 'sent', 'sent']);
    if (received !== null) rates.push(['received', 'received', 'received']);
    addPlot(
      parent,
      'Packets a second',
      timePlot(rates, (value) => scaled(value, 'pps')),
    );
    if (received !== null) {
      addPlot(parent, 'Packets lost', timePlot([['lost', 'lost', 'lost']], whole));
    }
    if (latency !== null) {
      const names = ['p50', 'p90', 'p99'].map((name) => [name, name, name]);
      addPlot(parent, 'Latency', timePlot(names, time));
    }
  }
  /** Lines and labels at 90 %, 99 %, 99.9 % … alone. */
  const decades = ([x, y]) => {
    const filter = (_plot, values) =>
      values.map((value) =>
        Math.abs(Math.log10(value) - Math.round(Math.log10(value))) < 1e-6 ? value : null,
      );
    return [{ ...x, filter, grid: { ...x.grid, filter }, ticks: { ...x.ticks, filter } }, y];
  };
  if (percentiles.length > 0) {
    const parent = section('Latency by percentile');
    addPlot(parent, 'How long the slowest part of the packets took', (width) => ({
      options: {
        width,
        height: 260,
        scales: { x: { time: false, distr: 3, log: 10 } },
        axes: decades(
          axes(time, (value) => (value === null ? '' : `${Number((100 - 100 / value).toFixed(6))} %`)),
        ),
        series: [
          {
            label: 'percentile',
            value: (_plot, value) => (value === null ? '–' : `${Number((100 - 100 / value).toFixed(4))} %`),
          },
          { ...series('latency', 'p99', time), points: { show: percentiles.length < 3 } },
        ],
      },
      data: [percentiles.map(([part]) => 1 / (1 - part)), percentiles.map(([, value]) => value)],
    }));
  }
  const drawAll = () => {
    for (const plot of plots) {
      plot.made?.destroy();
      const { options, data } = plot.draw(Math.max(200, plot.holder.clientWidth));
      plot.made = new uPlot(options, data, plot.holder);
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

  // Flows

  if (flows.length > 0) {
    const columns = [
      ['name', 'Flow', (value) => value],
      ['expected', 'Sent', whole],
      ['received', 'Received', whole],
      ['lost', 'Lost', whole],
      ['duplicates', 'Duplicates', whole],
      ['reordered', 'Reordered', whole],
      ['p50', 'p50', time],
      ['p99', 'p99', time],
      ['max', 'Max', time],
      ['jitter', 'Jitter', time],
    ];
    const SHOWN = 200;
    let [by, direction] = ['lost', -1];
    const filter = element('input', {
      type: 'search',
      placeholder: 'Filter, like 10.0.0.7 or vlan 100',
      'aria-label': 'Filter flows',
    });
    const count = element('p', { class: 'quiet', 'aria-live': 'polite' });
    const head = element('tr');
    const body = element('tbody');
    const fill = () => {
      const wanted = filter.value.trim().toLowerCase();
      const found = flows.filter(({ name }) => name.toLowerCase().includes(wanted));
      found.sort((a, b) => {
        if (by === 'name') return direction * a.name.localeCompare(b.name, 'en', { numeric: true });
        return direction * ((a[by] ?? -1) - (b[by] ?? -1));
      });
      body.replaceChildren(
        ...found.slice(0, SHOWN).map((flow) =>
          element(
            'tr',
            flow.lost > 0 ? { class: 'lossy' } : {},
            ...columns.map(([key, , format]) => {
              const value = flow[key];
              return element(
                'td',
                key === 'lost' && value > 0 ? { class: 'bad' } : {},
                value === null ? '–' : format(value),
              );
            }),
          ),
        ),
      );
      const hidden = found.length > SHOWN ? `, the first ${SHOWN} are shown` : '';
      const left =
        flowsLeftOut > 0
          ? `; ${whole(flowsLeftOut)} more flows, which lost less, are not in this report`
          : '';
      count.textContent = `${whole(found.length)} of ${whole(flows.length)} flows${hidden}${left}`;
      for (const cell of head.children) {
        const isBy = cell.dataset.by === by;
        if (isBy) cell.setAttribute('aria-sort', direction < 0 ? 'descending' : 'ascending');
        else cell.removeAttribute('aria-sort');
      }
    };
    for (const [key, label] of columns) {
      const button = element('button', { type: 'button' }, label);
      button.addEventListener('click', () => {
        direction = by === key ? -direction : key === 'name' ? 1 : -1;
        by = key;
        fill();
      });
      head.append(element('th', { 'data-by': key, scope: 'col' }, button));
    }
    filter.addEventListener('input', fill);
    fill();
    const table = element('table', {}, element('thead', {}, head), body);
    section('Flows', filter, count, element('div', { class: 'scroll' }, table)).id = 'flows';
  }

  // Conditions

  const notMeasured = [];
  if (received === null) notMeasured.push('what arrived');
  if (sent === null) notMeasured.push('what was sent, but for what senders say');
  if (latency === null) notMeasured.push('latency');
  section(
    'Conditions',
    facts([
      ['Command', element('pre', {}, result.commandLine)],
      ['Started', result.started],
      ['Duration', `${digits(result.duration)} s${result.interrupted ? ', interrupted' : ''}`],
      ['Engine', result.engine],
      ['Seed', `${result.seed}`],
      ['Version', `etherconn ${result.version}`],
      ['Environment', result.environment],
      [
        'Not measured',
        notMeasured.length === 0 ? 'nothing that this command measures' : notMeasured.join('; '),
      ],
      ...result.notes.map((note) => ['Note', note]),
    ]),
  );
})();
