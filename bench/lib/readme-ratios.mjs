/** The ratios that the README shows: the same as in docs/performance.md, with the conditions of their run. */

const BEGIN = '<!-- ratios: written by bench/lib/readme-ratios.mjs -->';
const END = '<!-- /ratios -->';

/** Three of the results, and what the README calls them. */
const SHOWN = [
  {
    text: 'Sending: `host.dgram` beside `node:dgram`, `send` in a loop',
    of: ['dgram', 'TX, 64-byte frames', 'ours, send in a loop / node:dgram, send in a loop'],
  },
  {
    text: 'A DNS responder with `dns-packet`: `host.dgram` beside `node:dgram`',
    of: [
      'app',
      'DNS responder (dns-packet), asked by a C program over the kernel, 64 questions under way',
      'host.dgram, AF_XDP / node:dgram',
    ],
  },
  {
    text: 'Receiving with `onBatch` beside the same work in C, from injected frames, so that the receiver is the limit',
    of: ['inject', 'AF_XDP native, 64-byte frames', 'busy, onBatch / C AF_XDP, spin'],
  },
];

/**
 * The README with the ratios of these results.
 * @param {string} readme
 * @param {import('./report.mjs').Results} results
 */
export function withRatios(readme, results) {
  const [begin, end] = [readme.indexOf(BEGIN), readme.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error('the README has no place for ratios');
  return `${readme.slice(0, begin + BEGIN.length)}\n\n${ratiosOf(results)}\n\n${readme.slice(end)}`;
}

/** @param {import('./report.mjs').Results} results */
function ratiosOf({ machine, repetitions, benches }) {
  const rows = SHOWN.map(({ text, of }) => {
    const { median, min, max } = find(benches, of);
    return `| ${text} | **${digits(median)} ×** | ${digits(min)} to ${digits(max)} |`;
  });
  const goals = benches.flatMap(({ sections }) => sections.flatMap(({ ratios }) => ratios));
  const missed = goals.filter(({ met }) => met === false).length;
  const all = goals.filter(({ met }) => met !== null).length;
  return [
    `| rate over AF_XDP, as a multiple | median | range of ${repetitions} repetitions |\n| --- | ---: | ---: |\n${rows.join('\n')}`,
    `Conditions: one run on ${machine.cores} cores${machine.virtual ? ' of a virtual machine' : ''} (${machine.cpu}, Linux ` +
      `${machine.kernel}, Node ${machine.node}), one core for each side of a veth pair, where AF_XDP copies every frame. ` +
      `No zero-copy network card was available. The run misses ${missed} of its ${all} goals. ` +
      '[Performance](docs/performance.md) lists them all, and `npm run bench` in a checkout repeats the run.',
  ].join('\n\n');
}

function find(benches, [bench, section, name]) {
  const ratio = benches
    .find((each) => each.name === bench)
    ?.sections.find(({ title }) => title === section)
    ?.ratios.find((each) => each.name === name);
  if (ratio === undefined) throw new Error(`the results have no ratio '${bench}: ${section}: ${name}'`);
  return ratio;
}

/** Two significant digits. */
function digits(value) {
  return value.toPrecision(2);
}
