// The page: asks the API, keeps the table, the filters and the address in step, and wires the controls.

import { CLIENTS, address, apiError, call, send, setToken, token, wantsToken } from './api.js';
import { answerYes, askDelete, askDeleteAll, askToken, checkWord, showReason, stopAsking, useToken } from './dialogs.js';
import { $, button, copyFrom, el, say } from './dom.js';
import { fillChoices, makeForm, openFilters, readForm, showFilters } from './filters.js';
import { live } from './live.js';
import { CHOICES, COLUMNS, PAGE_SIZES, activeFilters, clockTime, filterQuery, grouped, noFilters, pageQuery, readView, viewFragment, zoneName } from './model.js';
import { showSources, showSummary } from './overview.js';
import { keyOf, tableBody } from './table.js';

/** In ms: before sums and sources are asked for again, and a pause in typing. */
const [REST, TYPING] = [10_000, 250];

const state = {
  view: readView(location.hash.length > 1 ? location.hash : location.search),
  /** The page that is shown, and when it came. */
  page: null,
  updated: 0,
  /** Code of a reason -> what the API says about it. */
  reasons: new Map(),
  brokers: new Set(),
  /** Key of a row -> row, on this page and on others. */
  picked: new Map(),
  /** The server refuses to show the table: nothing is asked until there is another token. */
  locked: false,
  loading: null,
  /** When sums and sources were asked for. */
  asked: 0,
};

const titleOf = (code) => state.reasons.get(code)?.title ?? code;
const updateRows = tableBody({ pick: (row, on) => pick([row], on), show: (row) => showReason(row, state.reasons), remove: (row) => remove([row]) }, titleOf);
makeForm();
const updates = live(() => load({ quiet: true }));

/* --- loading --- */

/** Loads what the view names. `quiet`: nobody asked, so nothing is announced and no running load is cut off. */
async function load({ quiet = false } = {}) {
  if (quiet && (state.loading || state.locked)) return;
  state.loading?.abort();
  const mine = (state.loading = new AbortController());
  if (!quiet) $('table').ariaBusy = true;
  try {
    const [page] = await Promise.all([call('GET', `${CLIENTS}/v2`, pageQuery(state.view, Date.now()), mine.signal), loadReasons(mine.signal)]);
    if (!Array.isArray(page?.data)) throw apiError(0, 'the answer is not a page of rows');
    if (page.data.length === 0 && page.totalPages > 0) return changeView({ page: page.totalPages - 1 });
    showPage(page, quiet);
    loadRest(quiet, mine.signal);
  } catch (error) {
    if (!mine.signal.aborted) showFailure(error);
  } finally {
    if (state.loading === mine) {
      state.loading = null;
      $('table').ariaBusy = false;
    }
  }
}

/** The table does without the reasons' words, so a failure only delays them. */
async function loadReasons(signal) {
  if (state.reasons.size > 0) return;
  const reasons = await call('GET', 'api/reasons', {}, signal).catch(() => []);
  state.reasons = new Map(reasons.map((reason) => [reason.code, reason]));
  fillChoices('reasonCode', reasons.map(({ code, title }) => [code, title]));
}

/** Loads sums and sources; when nobody asked, not often. */
function loadRest(quiet, signal) {
  const now = Date.now();
  if (quiet && now - state.asked < REST) return;
  state.asked = now;
  const get = (path, query, show) => call('GET', path, query, signal).then((found) => signal.aborted || show(found)).catch(() => {});
  get(`${CLIENTS}/summary`, filterQuery(state.view, now), drawSummary);
  get('api/sources', {}, (sources) => {
    showSources(sources);
    addBrokers(sources.map(({ name }) => name));
  });
}

function drawSummary(summary) {
  const { window, reasonCode } = state.view.filters;
  const onSpan = (startTime, endTime) => changeFilters({ window: 'custom', startTime: String(startTime), endTime: String(endTime) });
  showSummary(summary, { until: window && window !== 'custom' ? Date.now() : 0, chosen: reasonCode, titleOf, onSpan, onReason: (code) => changeFilters({ reasonCode: code }) });
  addBrokers(summary.brokers.map(({ broker }) => broker));
}

function addBrokers(names) {
  const before = state.brokers.size;
  names.filter(Boolean).forEach((name) => state.brokers.add(name));
  if (state.brokers.size === before) return;
  fillChoices('broker', [...state.brokers].sort().map((name) => [name, name]));
  $('table').classList.toggle('one-broker', state.brokers.size < 2);
}

function showPage(page, quiet) {
  const isNews = quiet && state.page !== null;
  Object.assign(state, { page, locked: false, updated: Date.now() });
  for (const row of page.data) if (state.picked.has(keyOf(row))) state.picked.set(keyOf(row), row);
  say('banner', '');
  draw(isNews);
  if (page.data.length > 0) fillPanel('', '');
  else if (activeFilters(state.view).length > 0) fillPanel('No client matches', 'No refused client matches these filters.', button({}, clearFilters, 'Clear filters'));
  else fillPanel('No refused clients', 'No connection attempt was refused, or the clients have connected since.');
  $('updated').textContent = `Updated ${clockTime(state.updated)}`;
  if (!quiet) say('said', page.data.length > 0 ? `${$('range').textContent}.` : '');
  updates.start();
}

/** The answer was no page: keeps the rows that are there, unless the viewer may no longer see them. */
function showFailure(error) {
  const again = button({}, load, 'Try again');
  const words = `Could not load the table: ${error.message}. These rows are from ${clockTime(state.updated)}.`;
  if (wantsToken(error)) lock(error);
  else if (state.page) say('banner', words, words, again);
  else fillPanel('Could not load the table', `${error.message}.`, again);
}

/** No permission to read: takes the rows away and asks for a token. */
function lock({ status }) {
  const isFirst = !state.locked;
  Object.assign(state, { locked: true, page: null });
  updates.stop();
  state.picked.clear();
  draw();
  showSummary(null);
  say('banner', '');
  const stranger = token() ? 'The server does not accept the token.' : 'This server shows the table to those who have a token.';
  const words = status === 403 ? 'This token may not read the table.' : stranger;
  fillPanel('No permission', words, button({ class: 'solid' }, () => askToken(words), 'Enter token'));
  if (isFirst && !document.querySelector('dialog[open]')) askToken(words);
}

/** Fills the place of the rows while there are none. */
function fillPanel(title, words, ...controls) {
  say('panel', title + words, ...(title ? [el('strong', {}, title), words, ...controls] : []));
}

/* --- the table --- */

/** Draws the rows, which are picked, where they stand in the table, and what can be done with them. */
function draw(isNews = false) {
  const { page, picked, view } = state;
  const rows = page?.data ?? [];
  updateRows(rows, picked, isNews);
  const here = rows.filter((row) => picked.has(keyOf(row))).length;
  Object.assign($('pick-all'), { checked: here > 0 && here === rows.length, indeterminate: here > 0 && here < rows.length, disabled: rows.length === 0 });
  const focused = $('selection').contains(document.activeElement);
  $('selection').hidden = picked.size === 0;
  if (focused && picked.size === 0) $('table').focus();
  $('selection-count').textContent = `${grouped(picked.size)} selected`;
  $('delete-all').disabled = page === null;
  $('pager').hidden = rows.length === 0;
  if (!page) return;
  const first = view.page * view.pageSize + 1;
  $('range').textContent = `${grouped(first)}–${grouped(first + rows.length - 1)} of ${grouped(page.totalElements)}`;
  $('previous').ariaDisabled = view.page === 0;
  $('next').ariaDisabled = !page.hasNext;
}

function pick(rows, on) {
  for (const row of rows) on ? state.picked.set(keyOf(row), row) : state.picked.delete(keyOf(row));
  draw();
}

function remove(rows) {
  askDelete(rows, state.brokers.size > 1, (name) => {
    for (const [key, row] of state.picked) if (row.clientId === name) state.picked.delete(key);
  });
}

async function finish(words) {
  await load();
  if (words) say('said', words);
}

/* --- changing the view --- */

let typing = 0;

/** Changes the view; any change but that of the page starts at the first page. */
function changeView(change) {
  clearTimeout(typing);
  state.view = { ...state.view, page: 0, ...change };
  const fragment = viewFragment(state.view);
  history.replaceState(null, '', location.pathname + (fragment && `#${fragment}`));
  showView();
  return load();
}

const changeFilters = (change) => changeView({ filters: { ...readForm(), ...change } });

function clearFilters() {
  $('toggle-filters').focus();
  changeView({ filters: noFilters() });
}

/** Shows the view in the form, the headings and the links. */
function showView() {
  const { view } = state;
  showFilters(view, titleOf, changeFilters);
  for (const control of document.querySelectorAll('[data-sort]')) {
    const order = view.sortOrder === 'ASC' ? 'ascending' : 'descending';
    control.closest('th').ariaSort = control.dataset.sort === view.sortProperty ? order : null;
  }
  $('page-size').value = view.pageSize;
  for (const link of document.querySelectorAll('[data-format]')) link.href = address(`${CLIENTS}/export`, { format: link.dataset.format, ...filterQuery(view, Date.now()) });
}

function sortBy(name) {
  const { sortProperty, sortOrder } = state.view;
  const first = COLUMNS.find(([column]) => column === name)[2] ? 'DESC' : 'ASC';
  const other = sortOrder === 'ASC' ? 'DESC' : 'ASC';
  changeView({ sortProperty: name, sortOrder: name === sortProperty ? other : first });
}

/** A link can't send a token: with one, the file is fetched first. */
async function exportRows(event) {
  if (!token()) return;
  event.preventDefault();
  try {
    const file = await (await send('GET', event.target.href)).blob();
    const href = URL.createObjectURL(file);
    el('a', { href, download: `unauthorized-clients.${event.target.dataset.format}` }).click();
    setTimeout(() => URL.revokeObjectURL(href), 60_000);
  } catch (error) {
    say('banner', `Could not export: ${error.message}.`);
  }
}

/* --- wiring --- */

function fillFixedParts() {
  for (const [name, choices] of Object.entries(CHOICES)) fillChoices(name, choices);
  const headings = COLUMNS.map(([name, label]) => el('th', { class: `c-${name}`, scope: 'col', role: 'columnheader' }, button({ 'data-sort': name }, null, label)));
  $('headings').lastElementChild.before(...headings);
  $('page-size').append(...PAGE_SIZES.map((size) => new Option(size, size)));
  $('zone').textContent = `Times in ${zoneName()}`;
  const isWide = matchMedia('(min-width: 900px)').matches;
  openFilters(isWide);
  $('overview').open = isWide;
}

function wireControls() {
  const on = (id, event, handle) => $(id).addEventListener(event, handle);
  const onSubmit = (id, handle) => on(id, 'submit', (event) => handle(event.preventDefault()));
  on('token', 'click', () => askToken(''));
  on('toggle-filters', 'click', () => openFilters($('filters').hidden));
  on('clear-filters', 'click', clearFilters);
  onSubmit('filters', () => changeFilters({}));
  on('filters', 'input', ({ target }) => {
    clearTimeout(typing);
    typing = setTimeout(changeFilters, target.options ? 0 : TYPING, {});
  });
  on('page-size', 'change', ({ target }) => changeView({ pageSize: Number(target.value) }));
  const turn = ({ target }, by) => target.ariaDisabled === 'true' || changeView({ page: state.view.page + by });
  on('previous', 'click', (event) => turn(event, -1));
  on('next', 'click', (event) => turn(event, 1));
  on('pick-all', 'change', ({ target }) => pick(state.page.data, target.checked));
  on('clear-selection', 'click', () => pick([...state.picked.values()], false));
  on('delete-selected', 'click', () => remove([...state.picked.values()]));
  on('delete-all', 'click', () => askDeleteAll(activeFilters(state.view).length > 0, () => state.picked.clear()));
  onSubmit('ask-form', () => answerYes(finish));
  on('ask-field', 'input', checkWord);
  on('ask-dialog', 'close', stopAsking);
  on('ask-token', 'click', () => askToken('Deleting needs a token of role operator.'));
  onSubmit('token-form', () => useToken(load));
  on('token-forget', 'click', () => {
    setToken(null);
    $('token-dialog').close();
    load();
  });
  for (const link of document.querySelectorAll('[data-format]')) link.addEventListener('click', exportRows);
  document.addEventListener('click', ({ target }) => {
    const [sort, copy, close] = ['sort', 'copy', 'close'].map((name) => target.closest(`[data-${name}]`));
    if (sort) sortBy(sort.dataset.sort);
    if (copy) copyFrom(copy);
    if (close) close.closest('dialog').close();
  });
  addEventListener('hashchange', () => changeView(readView(location.hash)));
}

fillFixedParts();
wireControls();
showView();
draw();
fillPanel('Loading …', '');
load();
