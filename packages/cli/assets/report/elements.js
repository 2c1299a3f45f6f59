/* What all pages of reports are made of. */

export const element = (name, attributes = {}, ...children) => {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
};

/** A card of the page; what belongs to its title stands beside it. */
export const section = (id, title, beside = [], ...children) => {
  const head = element('div', { class: 'head' }, element('h2', {}, title), ...beside);
  const made = element('section', { id }, head, ...children);
  document.querySelector('main').append(made);
  return made;
};

/** Names, each with what it is. */
export const facts = (entries) => {
  const list = element('dl', { class: 'facts' });
  for (const [name, value] of entries) list.append(element('dt', {}, name), element('dd', {}, value));
  return list;
};

/** Large figures. */
export const figures = (entries) => {
  const list = element('dl', { class: 'figures' });
  for (const [name, value, small = ''] of entries) {
    const said = element('dd', {}, value, ...(small === '' ? [] : [element('small', {}, small)]));
    list.append(element('div', {}, element('dt', {}, name), said));
  }
  return list;
};

/** A choice of parts, or nothing when there are none. `onChange` gets the name of one, or null for the whole. */
export const partChoice = (parts, onChange) => {
  if (parts.length === 0) return [];
  const choice = element(
    'select',
    { 'aria-label': 'Part of the scenario' },
    element('option', { value: '' }, 'All parts'),
    ...parts.map((name) => element('option', { value: name }, name)),
  );
  choice.addEventListener('change', () => onChange(choice.value === '' ? null : choice.value));
  return [choice];
};
