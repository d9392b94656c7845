// The document's parts, built node by node: text from the log goes in as text and nothing else.

import { countUnseen, inferredWords, isoTime, localTime, plural, safePieces, safeString } from './model.js';

export const $ = (id) => document.getElementById(id);

function build(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) if (value !== null) node.setAttribute(name, value);
  node.append(...children.flat().filter(Boolean));
  return node;
}

/** A new element with attributes and children: nodes, our own words, or nothing. */
export const el = (tag, attributes = {}, ...children) => build(document.createElement(tag), attributes, children);
/** The same for a drawing. */
export const svg = (tag, attributes = {}, ...children) => build(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children);

/** A new button, and what a click on it does. */
export function button(attributes, act, ...children) {
  const node = el('button', attributes, ...children);
  if (act) node.addEventListener('click', () => act());
  return node;
}

/** A symbol of the page's own sprite. */
export const icon = (name) => svg('svg', { 'aria-hidden': 'true' }, svg('use', { href: `#i-${name}` }));

/** Foreign text, isolated from the direction of its surroundings, what can't be seen named in a box. */
export function safeText(text, limit) {
  const pieces = safePieces(text, limit).map(({ text: shown, escaped, more }) => {
    if (more) return el('span', { class: 'muted' }, shown);
    return escaped ? el('span', { class: 'escape', title: 'a character that can’t be seen, or moves others' }, shown) : shown;
  });
  return el('bdi', { class: 'value' }, pieces);
}

const unknown = () => el('span', { class: 'muted', role: 'img', 'aria-label': 'not known', title: 'The log does not say' }, '–');
export const textOrUnknown = (text, limit) => (typeof text === 'string' ? safeText(text, limit) : unknown());
export const yesNo = (value) => (typeof value === 'boolean' ? el('span', { class: value ? null : 'muted' }, value ? 'Yes' : 'No') : unknown());

export function timeOf(ms) {
  const iso = isoTime(ms);
  return el('time', { datetime: iso, title: iso }, localTime(ms));
}

/** The mark beside a value that is not certain. */
export const deducedMark = (row, field) => row.inferred?.includes(field) && el('span', { class: 'tag warn', title: inferredWords(field) }, 'deduced');

export function copyButton(what, text) {
  const label = `Copy ${what}`;
  return button({ class: 'copy', 'data-copy': text, 'data-what': what, title: label, 'aria-label': `${label} ${safeString(text, 60)}` }, null, icon('copy'));
}

/** Puts words and controls into a live region, and leaves it alone when it already holds them. */
export function say(id, words, ...parts) {
  const region = $(id);
  if (region.dataset.words === words) return;
  region.dataset.words = words;
  const focused = region.contains(document.activeElement);
  region.replaceChildren(...(parts.length > 0 ? parts : [words]));
  if (focused) $('table').focus();
}

/** Copies a text, also where the page is not served over TLS and the clipboard interface is missing. */
async function writeClipboard(text, near) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const field = near.parentElement.appendChild(el('textarea', { class: 'unseen', 'aria-hidden': 'true' }));
  field.value = text;
  field.select();
  const done = document.execCommand('copy');
  field.remove();
  near.focus({ preventScroll: true });
  if (!done) throw new Error('the browser refused');
}

/** Handles a click on a copy button, and tells the outcome to those who can't see it. */
export async function copyFrom(control) {
  const { copy, what } = control.dataset;
  const region = control.closest('dialog') ? 'said-here' : 'said';
  const show = (name) => control.querySelector('use').setAttribute('href', `#i-${name}`);
  try {
    await writeClipboard(copy, control);
    const hidden = countUnseen(copy);
    say(region, `Copied the ${what}${hidden > 0 ? `, which holds ${plural(hidden, 'character')} that can’t be seen` : ''}.`);
    show('check');
    setTimeout(show, 1500, 'copy');
  } catch (error) {
    say(region, `Could not copy the ${what}: ${error.message}.`);
  }
}
