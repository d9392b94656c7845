// The document's parts, built node by node: text from the log goes in as text and nothing else.

import { COLUMNS, IDENTITIES, countUnseen, cut, grouped, inferredWords, isoTime, localTime, plural, safePieces, safeString, zoneName } from './model.js';

/** Longest client ID or username in a table cell, in characters; the dialog has all of it. */
const CELL_TEXT = 64;

/** A new element with attributes and children: nodes, our own words, or nothing. */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== null) node.setAttribute(name, value);
  node.append(...children.filter(Boolean));
  return node;
}

/** A new button, and what a click on it does. */
export function button(attributes, act, ...children) {
  const node = el('button', { type: 'button', ...attributes }, ...children);
  node.addEventListener('click', () => act?.());
  return node;
}

/** A symbol of the page's own sprite. */
export function icon(name) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const use = document.createElementNS('http://www.w3.org/2000/svg', 'use');
  use.setAttribute('href', `#i-${name}`);
  svg.setAttribute('aria-hidden', 'true');
  svg.append(use);
  return svg;
}

/** Foreign text, isolated from the direction of its surroundings, what can't be seen named in a box. */
export function safeText(text, limit) {
  const node = el('bdi', { class: 'value' });
  for (const { text: shown, escaped, more } of safePieces(text, limit)) {
    if (more) node.append(el('span', { class: 'more' }, shown));
    else node.append(escaped ? el('span', { class: 'escape', title: 'a character that can’t be seen, or moves others' }, shown) : shown);
  }
  return node;
}

/** Yes, No, or a dash for what the log does not say. */
function yesNo(value) {
  if (typeof value !== 'boolean') return unknown();
  return el('span', { class: value ? 'yes' : 'no' }, value ? 'Yes' : 'No');
}

function unknown() {
  return el('span', { class: 'unknown', role: 'img', 'aria-label': 'not known', title: 'not known: the log does not say' }, '–');
}

function textOrUnknown(text, limit) {
  return text === null || text === undefined ? unknown() : safeText(text, limit);
}

function timeOf(ms) {
  const iso = isoTime(ms);
  return el('time', { datetime: iso, title: iso && `${iso} (shown: ${zoneName()})` }, localTime(ms));
}

/** The mark beside a value that is not certain. */
function deducedMark(row, field) {
  if (!row.inferred?.includes(field)) return null;
  return el('span', { class: 'tag warn', title: inferredWords(field) }, 'deduced');
}

/** What the row's name was taken from, when it is not a client ID. */
function identityMark(row) {
  const words = IDENTITIES[row.identity];
  if (!words) return null;
  return el('span', { title: `The log gives no client ID: this is the ${words}` }, `from ${words}`);
}

function copyButton(what, text) {
  const label = `Copy ${what}`;
  return button({ class: 'icon copy', 'data-copy': text, 'data-what': what, 'aria-label': `${label} ${safeString(text, 60)}`, title: label }, null, icon('copy'));
}

/* --- the table --- */

/** A second, smaller line in a cell, or null when there is nothing to say. */
function under(...nodes) {
  const said = nodes.filter(Boolean);
  return said.length > 0 ? el('span', { class: 'under' }, ...said) : null;
}

function timeCell(row) {
  const many = row.attempts > 1 && el('span', { title: `refused since ${localTime(row.firstTs)}` }, plural(row.attempts, 'attempt'));
  return [timeOf(row.ts), under(many, deducedMark(row, 'ts'))];
}

function textCell(row, field, what) {
  const mark = under(deducedMark(row, field));
  const text = row[field];
  if (text === null || text === undefined) return [unknown(), mark];
  const value = safeText(text, CELL_TEXT);
  value.title = safeString(text);
  return [value, copyButton(what, text), mark];
}

function clientCell(row) {
  const [value, copy] = textCell(row, 'clientId', 'client ID');
  const broker = el('span', { class: 'broker', title: 'the broker whose log says so' }, safeText(row.broker ?? '', CELL_TEXT));
  return [value, copy, under(identityMark(row), broker, deducedMark(row, 'clientId'))];
}

function yesNoCell(row, field) {
  return [yesNo(row[field]), under(deducedMark(row, field))];
}

function reasonCell(row, titleOf) {
  const value = safeText(cut(row.reason, 50));
  value.title = safeString(row.reason, 1000);
  const others = row.alternatives ?? [];
  const mark = others.length > 0 && el('span', { class: 'tag', title: `The log can't rule out: ${others.map(titleOf).join(', ')}` }, `+${others.length}`);
  return [value, deducedMark(row, 'reason'), mark];
}

/** How the cell of a column is made. */
const CELLS = {
  ts: timeCell,
  clientId: clientCell,
  username: (row) => textCell(row, 'username', 'username'),
  passwordProvided: (row) => yesNoCell(row, 'passwordProvided'),
  tlsUsed: (row) => yesNoCell(row, 'tlsUsed'),
  ipAddress: (row) => textCell(row, 'ipAddress', 'address'),
  reason: reasonCell,
};

/** What a row is found by: two brokers may know the same client ID. */
export function keyOf(row) {
  return JSON.stringify([row.broker, row.identity, row.clientId]);
}

/**
 * Keeps the table's body in step with the rows. What did not change is not touched, so that a marked text, the focus and
 * the place on the page outlive a refresh. `act` holds what the controls do: `pick(row, on)`, `show(row)`, `remove(row)`.
 * `fallback` takes the focus when the last row goes.
 */
export function tableBody(body, act, titleOf, fallback) {
  const entries = new Map();

  function newEntry(row) {
    const entry = { row, shown: {}, cells: {} };
    const name = safeString(row.clientId, 60);
    entry.pick = el('input', { type: 'checkbox', 'aria-label': `Select ${name}`, 'data-control': 'pick' });
    entry.pick.addEventListener('change', () => act.pick(entry.row, entry.pick.checked));
    const show = button({ class: 'show', 'aria-label': `Show reason of ${name}`, 'data-control': 'show' }, () => act.show(entry.row), 'Show reason');
    const remove = button({ class: 'icon danger', 'aria-label': `Delete ${name}`, title: 'Delete', 'data-control': 'remove' }, () => act.remove(entry.row), icon('trash'));
    const cell = (field, attributes, ...children) => el('td', { role: 'cell', class: `c-${field}`, ...attributes }, ...children);
    const cells = COLUMNS.map(({ name: field, label }) => (entry.cells[field] = cell(field, { 'data-label': label })));
    entry.tr = el('tr', { role: 'row' }, cell('pick', {}, entry.pick), ...cells, cell('actions', {}, show, remove));
    entry.tr.addEventListener('click', (event) => {
      if (event.target.closest('button, input, a') || String(getSelection())) return;
      show.focus({ preventScroll: true });
      act.show(entry.row);
    });
    return entry;
  }

  function fill(entry, row) {
    entry.row = row;
    for (const [field, make] of Object.entries(CELLS)) {
      const nodes = make(row, titleOf).filter(Boolean);
      const shown = nodes.map((node) => node.outerHTML).join('');
      if (entry.shown[field] === shown) continue;
      entry.shown[field] = shown;
      entry.cells[field].replaceChildren(...nodes);
    }
  }

  /** Gives the focus back after a node that held it was moved or taken away. */
  function restoreFocus(focused, index) {
    if (!focused || document.activeElement === focused) return;
    if (focused.isConnected) return focused.focus({ preventScroll: true });
    const tr = body.children[Math.min(index, body.children.length - 1)];
    const control = tr?.querySelector(`[data-control="${focused.dataset.control ?? 'show'}"]`);
    return (control ?? fallback).focus({ preventScroll: true });
  }

  return function update(rows, picked) {
    const focused = body.contains(document.activeElement) ? document.activeElement : null;
    const index = focused ? Array.from(body.children).indexOf(focused.closest('tr')) : -1;
    const wanted = new Set(rows.map(keyOf));
    for (const [key, entry] of entries) {
      if (wanted.has(key)) continue;
      entry.tr.remove();
      entries.delete(key);
    }
    let next = body.firstElementChild;
    for (const row of rows) {
      const key = keyOf(row);
      const entry = entries.get(key) ?? newEntry(row);
      entries.set(key, entry);
      fill(entry, row);
      entry.pick.checked = picked.has(key);
      entry.tr.classList.toggle('picked', picked.has(key));
      if (entry.tr === next) next = next.nextElementSibling;
      else body.insertBefore(entry.tr, next);
    }
    restoreFocus(focused, index);
  };
}

/* --- the reason in full --- */

function section(heading, ...children) {
  return el('section', {}, el('h3', {}, heading), ...children);
}

function list(items) {
  return el('ul', {}, ...items.map((item) => el('li', {}, item)));
}

function fact(label, ...nodes) {
  return el('div', {}, el('dt', {}, label), el('dd', {}, ...nodes));
}

function factText(row, field, label, what) {
  const text = row[field];
  const copy = text === null || text === undefined ? null : copyButton(what, text);
  return fact(label, textOrUnknown(text), copy, under(field === 'clientId' && identityMark(row), deducedMark(row, field)));
}

function facts(row) {
  return el('dl', {},
    factText(row, 'clientId', 'Client ID', 'client ID'),
    factText(row, 'username', 'Username', 'username'),
    factText(row, 'ipAddress', 'Client IP', 'address'),
    fact('Password sent', yesNo(row.passwordProvided), deducedMark(row, 'passwordProvided')),
    fact('TLS used', yesNo(row.tlsUsed), deducedMark(row, 'tlsUsed')),
    fact('Broker', textOrUnknown(row.broker)),
    fact('Attempts', `${grouped(row.attempts ?? 1)} refused`),
    fact('First', timeOf(row.firstTs ?? row.ts)),
    fact('Last', timeOf(row.ts), deducedMark(row, 'ts')));
}

function evidence(lines) {
  const pre = el('pre', { tabindex: '0', 'aria-label': 'Evidence lines' });
  lines.forEach((line, index) => pre.append(index ? '\n' : '', safeText(line)));
  return pre;
}

/** All that is known about a refusal: the dialog's body. `reasons` maps codes to what the API says about them. */
export function reasonBody(row, reasons) {
  const known = reasons.get(row.reasonCode);
  const others = (row.alternatives ?? []).map((code) => reasons.get(code)?.title ?? code);
  const unsure = (row.inferred ?? []).map(inferredWords);
  const lines = row.evidence ?? [];
  return el('div', { class: 'details' },
    el('p', { class: 'words' }, safeText(row.reason), ' ', deducedMark(row, 'reason')),
    known && el('div', { class: 'pair' }, section('Cause', el('p', {}, known.cause)), section('Solution', el('p', {}, known.solution))),
    others.length > 0 && section('The log can’t rule out', list(others)),
    section('Client', facts(row)),
    unsure.length > 0 && section('Not certain', el('div', { class: 'unsure' }, list(unsure))),
    lines.length > 0 && section(`Evidence (${plural(lines.length, 'log line')})`, evidence(lines)));
}

/* --- copying --- */

/** Copies a text, also where the page is not served over TLS and the clipboard interface is missing. */
async function writeClipboard(text, near) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const field = el('textarea', { class: 'unseen', 'aria-hidden': 'true' });
  field.value = text;
  near.parentElement.append(field);
  field.select();
  const done = document.execCommand('copy');
  field.remove();
  near.focus({ preventScroll: true });
  if (!done) throw new Error('the browser refused');
}

/** Handles a click on a copy button; `say` tells the outcome to those who can't see it. */
export async function copyFrom(button, say) {
  const { copy, what } = button.dataset;
  try {
    await writeClipboard(copy, button);
    const unseen = countUnseen(copy);
    say(`Copied the ${what}${unseen > 0 ? `, which holds ${plural(unseen, 'character')} that can’t be seen` : ''}.`);
    button.classList.add('done');
    button.replaceChildren(icon('check'));
    setTimeout(() => {
      button.classList.remove('done');
      button.replaceChildren(icon('copy'));
    }, 1500);
  } catch (error) {
    say(`Could not copy the ${what}: ${error.message}.`);
  }
}
