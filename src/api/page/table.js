// The table's body, kept in step with the rows.

import { $, button, copyButton, deducedMark, el, icon, safeText, textOrUnknown, timeOf, yesNo } from './dom.js';
import { COLUMNS, IDENTITIES, grouped, safeString } from './model.js';

/** Longest client ID or username in a cell, in characters; the dialog has all of it. */
const CELL_TEXT = 64;

function textCell(row, field, what) {
  const value = textOrUnknown(row[field], CELL_TEXT);
  const isText = typeof row[field] === 'string';
  if (isText) value.title = safeString(row[field]);
  return [value, isText && copyButton(what, row[field]), deducedMark(row, field)];
}

const flagCell = (row, field) => [yesNo(row[field]), deducedMark(row, field)];

function clientCell(row) {
  const named = IDENTITIES[row.identity];
  const identity = named && el('span', {}, `from ${named}`);
  const broker = el('span', { class: 'broker' }, safeText(row.broker ?? '', CELL_TEXT));
  return [...textCell(row, 'clientId', 'client ID'), el('span', { class: 'under' }, identity, broker)];
}

function reasonCell(row, titleOf, show) {
  const text = el('span', { class: 'line', title: safeString(row.reason, 1000) }, safeText(row.reason, 200));
  const others = (row.alternatives ?? []).map(titleOf);
  const mark = others.length > 0 && el('span', { class: 'tag', title: `The log can’t rule out: ${others.join(', ')}` }, `+${others.length}`);
  return [button({ class: 'show' }, show, el('span', { class: 'unseen' }, 'Show reason: '), text), mark, deducedMark(row, 'reason')];
}

/** What a row is found by: two brokers may know the same client ID. */
export const keyOf = (row) => JSON.stringify([row.broker, row.identity, row.clientId]);

/**
 * What did not change is not touched, so that a marked text, the focus and the place on the page outlive a refresh.
 * `act` holds what the controls do: `pick(row, on)`, `show(row)`, `remove(row)`.
 */
export function tableBody(act, titleOf) {
  const body = $('rows');
  const entries = new Map();

  function newEntry() {
    const entry = { row: {}, shown: {}, cells: {} };
    const cell = (name, attributes, ...children) => (entry.cells[name] = el('td', { role: 'cell', class: `c-${name}`, ...attributes }, ...children));
    entry.pick = el('input', { type: 'checkbox' });
    entry.pick.addEventListener('change', () => act.pick(entry.row, entry.pick.checked));
    entry.remove = button({ class: 'plain danger remove', title: 'Delete' }, () => act.remove(entry.row), icon('trash'));
    entry.show = () => act.show(entry.row);
    entry.tr = el('tr', { role: 'row' }, cell('pick', {}, entry.pick), COLUMNS.map(([name, label]) => cell(name, { 'data-label': label })), cell('actions', {}, entry.remove));
    entry.tr.addEventListener('click', ({ target }) => {
      if (target.closest('button, input') || String(getSelection())) return;
      entry.tr.querySelector('.show').focus({ preventScroll: true });
      entry.show();
    });
    return entry;
  }

  const contents = (row, show) => ({
    ts: [timeOf(row.ts), deducedMark(row, 'ts')],
    clientId: clientCell(row),
    username: textCell(row, 'username', 'username'),
    passwordProvided: flagCell(row, 'passwordProvided'),
    tlsUsed: flagCell(row, 'tlsUsed'),
    ipAddress: textCell(row, 'ipAddress', 'address'),
    reason: reasonCell(row, titleOf, show),
    attempts: [el('span', {}, grouped(row.attempts ?? 1))],
  });

  /** Fills the cells that changed. */
  function fill(entry, row) {
    entry.row = row;
    for (const [name, nodes] of Object.entries(contents(row, entry.show))) {
      const cell = entry.cells[name];
      const wanted = nodes.filter(Boolean);
      const shown = wanted.map((node) => node.outerHTML).join('');
      if (entry.shown[name] === shown) continue;
      entry.shown[name] = shown;
      const focused = cell.contains(document.activeElement) && document.activeElement.className;
      cell.replaceChildren(...wanted);
      if (focused) cell.querySelector(`.${focused}`)?.focus({ preventScroll: true });
    }
    const name = safeString(row.clientId, 60);
    entry.pick.ariaLabel = `Select ${name}`;
    entry.remove.ariaLabel = `Delete ${name}`;
  }

  /** Gives the focus back after a node that held it was moved or taken away. */
  function restoreFocus(focused, index) {
    if (!focused || body.contains(document.activeElement)) return;
    const tr = body.children[Math.min(index, body.children.length - 1)];
    const control = focused.isConnected ? focused : tr?.querySelector(focused.matches('.remove, input') ? '.remove' : '.show');
    (control ?? $('table')).focus({ preventScroll: true });
  }

  /** `mark`: rows that came or changed are marked for a moment. */
  return function update(rows, picked, mark) {
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
      const entry = entries.get(key) ?? newEntry();
      entries.set(key, entry);
      if (mark && entry.row.ts !== row.ts) {
        entry.tr.classList.remove('news');
        requestAnimationFrame(() => entry.tr.classList.add('news'));
      }
      fill(entry, row);
      entry.pick.checked = picked.has(key);
      entry.tr.classList.toggle('picked', picked.has(key));
      if (entry.tr === next) next = next.nextElementSibling;
      else body.insertBefore(entry.tr, next);
    }
    restoreFocus(focused, index);
  };
}
