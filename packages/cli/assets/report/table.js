/* A table that sorts by a press on a heading, and filters by what is typed. */
import { element, section } from './elements.js';
import { NOTHING, whole } from './format.js';

/** Rows that are shown; more of them are found by filtering. */
const SHOWN = 200;

/**
 * A section with a table. A column has `key`, `label`, and for a number `format`; `rowClass` and `cellClass` mark what is
 * to be seen. `by` and `direction` say how it is sorted first: by default in the order of `rows`.
 */
export const tableSection = (options) => {
  const { id, title, columns, rows, hint, what, leftOut = '', rowClass, cellClass } = options;
  let { by = null, direction = -1 } = options;
  const filter = element('input', { type: 'search', placeholder: hint, 'aria-label': `Filter ${what}` });
  const count = element('p', { class: 'quiet', 'aria-live': 'polite' });
  const head = element('tr');
  const body = element('tbody');
  const textKeys = columns.filter(({ format }) => format === undefined).map(({ key }) => key);

  const fill = () => {
    const wanted = filter.value.trim().toLowerCase();
    const found = rows.filter((row) => textKeys.some((key) => row[key].toLowerCase().includes(wanted)));
    if (by !== null) found.sort((a, b) => direction * compareCells(a[by], b[by]));
    body.replaceChildren(
      ...found.slice(0, SHOWN).map((row) =>
        element(
          'tr',
          classOf(rowClass?.(row)),
          ...columns.map(({ key, format }) => {
            const value = row[key] ?? null;
            const text = value === null ? NOTHING : format === undefined ? value : format(value, row);
            return element('td', classOf(cellClass?.(key, row), format === undefined ? 'text' : ''), text);
          }),
        ),
      ),
    );
    const hidden = found.length > SHOWN ? `, the first ${SHOWN} are shown` : '';
    count.textContent = `${whole(found.length)} of ${whole(rows.length)} ${what}${hidden}${leftOut}`;
    count.hidden = found.length === rows.length && hidden === '' && leftOut === '';
    for (const cell of head.children) {
      if (cell.dataset.by === by) cell.setAttribute('aria-sort', direction < 0 ? 'descending' : 'ascending');
      else cell.removeAttribute('aria-sort');
    }
  };
  for (const { key, label, format } of columns) {
    const button = element('button', { type: 'button' }, label);
    button.addEventListener('click', () => {
      // What is largest comes first, and of words the first of the alphabet.
      direction = by === key ? -direction : format === undefined ? 1 : -1;
      by = key;
      fill();
    });
    head.append(
      element('th', { ...classOf(format === undefined ? 'text' : ''), 'data-by': key, scope: 'col' }, button),
    );
  }
  filter.addEventListener('input', fill);
  fill();
  const table = element('table', {}, element('thead', {}, head), body);
  return section(id, title, [filter], count, element('div', { class: 'scroll', tabindex: '0' }, table));
};

/** A section with a table as it is: for a few lines. */
export const listSection = (id, title, rows) => {
  const body = element('tbody');
  for (const cells of rows)
    body.append(element('tr', {}, ...cells.map(({ text, ...look }) => element('td', look, text))));
  return section(id, title, [], element('div', { class: 'scroll' }, element('table', {}, body)));
};

/** What was not measured is less than anything. */
const compareCells = (a, b) => {
  if (typeof a === 'string' && typeof b === 'string') return a.localeCompare(b, 'en', { numeric: true });
  return (a ?? -Number.MAX_VALUE) - (b ?? -Number.MAX_VALUE);
};

const classOf = (...names) => {
  const given = names.filter((name) => (name ?? '') !== '');
  return given.length === 0 ? {} : { class: given.join(' ') };
};
