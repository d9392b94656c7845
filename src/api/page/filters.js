// The form of the filters, and a chip for each that is set.

import { $, button, el, safeText } from './dom.js';
import { FILTERS, activeFilters, localTime, safeString } from './model.js';

const controlOf = (name) => $('filters').elements[name];
const isTime = (name) => name.endsWith('Time');

export function makeForm() {
  for (const [name, label, kind] of FILTERS) {
    const control = kind === 'choice' ? el('select', { name }, new Option(name === 'window' ? 'All time' : 'Any', '')) : el('input', { name, type: kind, step: 1 });
    $('filters').append(el('label', {}, label, control));
  }
}

/** Fills a select with values and words. */
export function fillChoices(name, choices) {
  const select = controlOf(name);
  const chosen = select.value;
  select.replaceChildren(select.options[0], ...choices.map(([value, words]) => new Option(safeString(words, 80), value)));
  setControl(name, chosen);
}

function setControl(name, value) {
  const control = controlOf(name);
  if (control.options && !Array.from(control.options).some((option) => option.value === value)) {
    control.append(new Option(safeString(value), value)); // asked for by the address, not known (yet)
  }
  const shown = value && isTime(name) ? localTime(Number(value)).replace(' ', 'T') : value;
  if (control.value !== shown) control.value = shown;
}

/** What the form says, times in ms. */
export function readForm() {
  const values = Object.fromEntries(FILTERS.map(([name]) => [name, controlOf(name).value]));
  for (const name of Object.keys(values).filter(isTime)) {
    const ms = values.window === 'custom' ? new Date(values[name]).getTime() : NaN;
    // The second that is named last belongs to it.
    values[name] = Number.isNaN(ms) ? '' : String(name === 'endTime' ? ms + 999 : ms);
  }
  return values;
}

/** Shows the filters of a view; `change(filters)` takes one away. */
export function showFilters(view, titleOf, change) {
  for (const [name] of FILTERS) {
    if (isTime(name)) controlOf(name).parentElement.hidden = view.filters.window !== 'custom';
    setControl(name, view.filters[name]);
  }
  const chips = activeFilters(view).map((name) => {
    const value = view.filters[name];
    const words = name === 'reasonCode' ? titleOf(value) : controlOf(name).selectedOptions?.[0].text ?? value;
    const act = () => {
      change({ [name]: '' });
      ($('chips').querySelector('button') ?? $('toggle-filters')).focus();
    };
    return button({ class: 'chip', title: 'Take this filter away' }, act, `${FILTERS.find(([each]) => each === name)[1]}: `, safeText(words, 40), ' ✕');
  });
  $('chips').replaceChildren(...chips);
  $('clear-filters').hidden = chips.length === 0;
}

export function openFilters(open) {
  $('filters').hidden = !open;
  $('toggle-filters').ariaExpanded = open;
}
