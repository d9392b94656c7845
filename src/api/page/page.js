// The page: asks the API, keeps the table, the filters and the page's URL in step, and asks before it deletes.

import {
  BOOLEAN_LISTS, COLUMNS, FILTERS, PAGE_SIZES, WINDOWS, apiQuery, clockTime, countFilters, grouped, plural, readView, safeString, viewQuery, zoneName,
} from './model.js';
import { button, copyFrom, el, icon, keyOf, reasonBody, safeText, tableBody } from './view.js';

const [POLL_MS, SOURCES_MS, TIMEOUT_MS, TYPING_MS] = [5_000, 60_000, 15_000, 250];
const TOKEN_KEY = 'turnaway-token';
const CLIENTS = 'api/unauthorized/client';
const COMES_BACK = 'A client comes back when it is refused again.';

const $ = (id) => document.getElementById(id);

const state = {
  view: readView(location.search),
  /** The page that is shown. */
  page: null,
  /** Code of a reason -> what the API says about it. */
  reasons: new Map(),
  brokers: new Set(),
  sourcesAt: -SOURCES_MS,
  /** Key of a row -> row, on this page and on others. */
  picked: new Map(),
  /** Set while the server refuses to show the table: polling waits for a token. */
  locked: false,
  loading: null,
  updated: null,
};

/* --- the API --- */

/** Status 0: there was no answer, or none that makes sense. */
function apiError(status, message) {
  return Object.assign(new Error(message), { status });
}

const token = () => sessionStorage.getItem(TOKEN_KEY);

/** One call: the parsed answer; what goes wrong is thrown as an `apiError`. */
async function call(method, path, query = {}, signal = null) {
  const url = new URL(path, document.baseURI);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  const headers = { Accept: 'application/json' };
  if (token()) headers.Authorization = `Bearer ${token()}`;
  // A header that a form on another site can't send.
  if (method !== 'GET') Object.assign(headers, { 'X-Requested-With': 'turnaway', 'Content-Type': 'application/json' });
  const limit = AbortSignal.timeout(TIMEOUT_MS);
  let answer;
  try {
    answer = await fetch(url, { method, headers, cache: 'no-store', signal: signal ? AbortSignal.any([signal, limit]) : limit });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw apiError(0, limit.aborted ? `no answer within ${TIMEOUT_MS / 1000} seconds` : 'the server does not answer');
  }
  const body = await answer.json().catch(() => null); // a delete answers with nothing
  if (!answer.ok) throw apiError(answer.status, safeString(body?.message || `status ${answer.status}`).replace(/[.!]$/, ''));
  return body;
}

/** Deletes the rows of one client ID. A call without the ID would delete them all, so an empty one never leaves. */
async function deleteClient(clientId) {
  if (typeof clientId !== 'string' || clientId === '') throw apiError(400, 'the row has no client ID');
  try {
    await call('DELETE', CLIENTS, { clientId });
  } catch (error) {
    if (error.status !== 404) throw error; // gone already: the client connected, or someone else was faster
  }
}

/* --- loading --- */

/** Loads the page that the view names. `quiet`: by the clock, so nothing is announced and no running load is cut off. */
async function load({ quiet = false } = {}) {
  if (quiet && state.loading) return;
  state.loading?.abort();
  const mine = new AbortController();
  state.loading = mine;
  if (!quiet) $('table').ariaBusy = true;
  try {
    const page = await call('GET', `${CLIENTS}/v2`, apiQuery(state.view, Date.now()), mine.signal);
    if (!Array.isArray(page?.data)) throw apiError(0, 'the answer is not a page of rows');
    if (page.data.length === 0 && page.totalPages > 0 && state.view.page >= page.totalPages) {
      return changeView({ page: page.totalPages - 1 });
    }
    await loadWords(mine.signal);
    showPage(page, quiet);
  } catch (error) {
    if (!mine.signal.aborted) showFailure(error);
  } finally {
    if (state.loading === mine) {
      state.loading = null;
      $('table').ariaBusy = false;
    }
  }
}

/** Loads the reasons once and the sources now and then. The table does without them, so a failure only delays them. */
async function loadWords(signal) {
  if (state.reasons.size === 0) {
    const reasons = await call('GET', 'api/reasons', {}, signal).catch(() => []);
    state.reasons = new Map((reasons ?? []).map((reason) => [reason.code, reason]));
    fillReasons();
  }
  if (performance.now() - state.sourcesAt < SOURCES_MS) return;
  const sources = await call('GET', 'api/sources', {}, signal).catch(() => null);
  if (!Array.isArray(sources)) return;
  state.sourcesAt = performance.now();
  showSources(sources);
}

function showPage(page, quiet) {
  state.page = page;
  state.locked = false;
  state.updated = new Date();
  for (const row of page.data) {
    state.brokers.add(row.broker);
    if (state.picked.has(keyOf(row))) state.picked.set(keyOf(row), row);
  }
  say('banner', '');
  fillBrokers();
  drawRows();
  showPager();
  showEmpty();
  $('updated').textContent = `Updated ${clockTime(state.updated)}`;
  $('table').classList.toggle('one-broker', state.brokers.size < 2);
  if (!quiet) say('said', page.totalElements > 0 ? `${rangeWords()}.` : '');
}

function wantsToken(error) {
  return error?.status === 401 || error?.status === 403;
}

/** The answer was no page: keeps the rows that are there, unless the viewer may no longer see them. */
function showFailure(error) {
  if (wantsToken(error)) {
    lock(error);
  } else if (state.page) {
    const since = `Could not load the table: ${error.message}. These rows are from ${clockTime(state.updated)}.`;
    say('banner', since, since, button({}, load, 'Try again'));
  } else {
    fillPanel('Could not load the table', `${error.message}.`, button({}, load, 'Try again'));
  }
}

/** No permission to read: takes the rows away and asks for a token. */
function lock(error) {
  const first = !state.locked;
  Object.assign(state, { locked: true, page: null });
  state.picked.clear();
  drawRows();
  showPager();
  say('banner', '');
  const words = whyToken(error);
  fillPanel('No permission', words, button({}, () => askToken(words), 'Enter token'));
  if (first && !document.querySelector('dialog[open]')) askToken(words);
}

function whyToken(error) {
  if (error.status === 403) return 'This token may not read the table. A token of role auditor or operator can.';
  return token() ? 'The server does not accept the token.' : 'This server shows the table to those who have a token.';
}

/* --- what is on the page --- */

const updateRows = tableBody($('rows'), { pick: (row, on) => pick([row], on), show: showReason, remove: (row) => askDelete([row]) }, titleOf, $('refresh'));

function titleOf(code) {
  return state.reasons.get(code)?.title ?? code;
}

/** Puts words and controls into a live region, and leaves it alone when it already holds them. */
function say(id, words, ...parts) {
  const region = $(id);
  if (region.dataset.words === words) return;
  region.dataset.words = words;
  const focused = region.contains(document.activeElement);
  region.replaceChildren(...(parts.length > 0 ? parts : [words]));
  if (focused) $('refresh').focus();
}

/** Fills the place of the rows while there are none. */
function fillPanel(title, words, ...controls) {
  say('panel', title + words, ...(title ? [el('strong', {}, title), words, ...controls] : []));
}

function showEmpty() {
  if (state.page.data.length > 0) fillPanel('', '');
  else if (countFilters(state.view) > 0) {
    fillPanel('No client matches', 'No refused client matches these filters.', button({}, clearFilters, 'Clear filters'));
  } else {
    fillPanel('No refused clients', 'No connection attempt was refused, or the clients have connected since.');
  }
}

function rangeWords() {
  const { data, totalElements } = state.page;
  const first = state.view.page * state.view.pageSize + 1;
  return `${grouped(first)}–${grouped(first + data.length - 1)} of ${grouped(totalElements)}`;
}

function showPager() {
  const filled = state.page !== null && state.page.totalElements > 0;
  $('pager').hidden = !filled;
  if (!filled) return;
  $('range').textContent = rangeWords();
  const last = state.page.totalPages - 1;
  const now = state.view.page;
  const target = { first: 0, prev: now - 1, next: now + 1, last };
  for (const step of $('pager').querySelectorAll('[data-step]')) {
    const page = target[step.dataset.step];
    step.dataset.page = page;
    // Not `disabled`: that would drop the focus of who pages by keyboard.
    step.ariaDisabled = page < 0 || page > last || page === now;
  }
}

function showOrder() {
  const { sortProperty, sortOrder } = state.view;
  for (const control of document.querySelectorAll('[data-sort]')) {
    const order = sortOrder === 'ASC' ? 'ascending' : 'descending';
    control.closest('th').ariaSort = control.dataset.sort === sortProperty ? order : null;
  }
  $('sort-cards').value = `${sortProperty} ${sortOrder}`;
}

function showFilters() {
  const form = $('filters');
  for (const name of FILTERS) {
    const control = form.elements[name];
    const value = state.view.filters[name];
    if (control.tagName === 'SELECT' && !Array.from(control.options).some((option) => option.value === value)) {
      control.append(new Option(safeString(value), value)); // asked for by the URL, not known (yet)
    }
    if (control.value !== value) control.value = value;
  }
  const count = countFilters(state.view);
  $('filter-count').textContent = count;
  $('filter-count').hidden = $('clear-filters').hidden = count === 0;
}

function openFilters(open) {
  $('filters').hidden = !open;
  $('toggle-filters').ariaExpanded = open;
}

function fillReasons() {
  const select = $('filters').elements.reasonCode;
  const families = { basic: 'Username and password', tls: 'TLS and certificates', other: 'Other' };
  select.replaceChildren(new Option('Any', ''));
  for (const [family, words] of Object.entries(families)) {
    const reasons = [...state.reasons.values()].filter((reason) => reason.family === family);
    if (reasons.length > 0) select.append(el('optgroup', { label: words }, ...reasons.map((reason) => new Option(reason.title, reason.code))));
  }
  showFilters();
}

function fillBrokers() {
  const select = $('filters').elements.broker;
  const known = new Set(Array.from(select.options, (option) => option.value));
  for (const broker of [...state.brokers].sort()) if (!known.has(broker)) select.append(new Option(safeString(broker), broker));
}

/** Names the logs that are read, and the trouble with them: without it an empty table would look like good news. */
function showSources(sources) {
  const parts = sources.flatMap((source) => {
    const name = String(source.name ?? source.path ?? '?');
    state.brokers.add(name);
    const trouble = source.lastError?.message ?? source.lastError;
    return [', ', safeText(name), ...(trouble ? [' ', el('span', { class: 'tag warn' }, safeText(String(trouble), 200))] : [])];
  });
  $('sources').replaceChildren(`Times in ${zoneName()}`, ...(parts.length > 0 ? [' · Logs: ', ...parts.slice(1)] : []));
  fillBrokers();
}

/* --- changing the view --- */

/** Changes the view, and takes in what is being typed. Any change but that of the page starts at the first page. */
function changeView(change) {
  clearTimeout(typing);
  state.view = { ...state.view, page: 0, filters: typedFilters(), ...change };
  const query = viewQuery(state.view);
  history.replaceState(null, '', query ? `?${query}` : location.pathname);
  showFilters();
  showOrder();
  return load();
}

let typing = 0;

function typedFilters() {
  return Object.fromEntries(FILTERS.map((name) => [name, $('filters').elements[name].value]));
}

function readFilters() {
  const typed = typedFilters();
  if (FILTERS.some((name) => typed[name] !== state.view.filters[name])) changeView({});
}

function clearFilters() {
  $('toggle-filters').focus();
  changeView({ filters: Object.fromEntries(FILTERS.map((name) => [name, ''])) });
}

function sortBy(name) {
  const { sortProperty, sortOrder } = state.view;
  const other = sortOrder === 'ASC' ? 'DESC' : 'ASC';
  changeView({ sortProperty: name, sortOrder: name === sortProperty ? other : name === 'ts' ? 'DESC' : 'ASC' });
}

/* --- picking rows --- */

function pick(rows, on) {
  for (const row of rows) {
    if (on) state.picked.set(keyOf(row), row);
    else state.picked.delete(keyOf(row));
  }
  drawRows();
}

/** Draws the rows, which are picked, and what can be done with them. */
function drawRows() {
  const rows = state.page?.data ?? [];
  updateRows(rows, state.picked);
  const here = rows.filter((row) => state.picked.has(keyOf(row))).length;
  $('pick-all').checked = here > 0 && here === rows.length;
  $('pick-all').indeterminate = here > 0 && here < rows.length;
  $('pick-all').disabled = rows.length === 0;
  const focused = $('selection').contains(document.activeElement);
  $('selection').hidden = state.picked.size === 0;
  if (focused && $('selection').hidden) $('refresh').focus();
  $('selection-count').textContent = `${state.picked.size} selected`;
  $('delete-all').disabled = state.page === null;
}

/* --- dialogs --- */

function showReason(row) {
  $('reason-title').textContent = titleOf(row.reasonCode);
  $('reason-code').textContent = row.reasonCode;
  $('reason-body').replaceChildren(reasonBody(row, state.reasons));
  $('reason-dialog').showModal();
  $('reason-body').focus();
  $('reason-body').scrollTop = 0;
}

/** What the confirmation does on Yes. */
let onYes = null;

/** Asks Yes or No. `work` runs on Yes; while it fails the dialog stays and says why. */
function confirm(title, body, work) {
  onYes = work;
  $('confirm-title').textContent = title;
  $('confirm-body').replaceChildren(...body);
  showConfirmError(null);
  $('confirm-dialog').showModal();
  $('confirm-no').focus();
}

function showConfirmError(error) {
  const needs = wantsToken(error) ? 'deleting needs a token of role operator. The server says: ' : '';
  $('confirm-token').hidden = !needs;
  say('confirm-error', error ? `Not deleted: ${needs}${error.message}.` : '');
}

async function answerYes() {
  const yes = $('confirm-yes');
  if (yes.ariaDisabled === 'true') return;
  yes.ariaDisabled = true;
  try {
    const words = await onYes();
    $('confirm-dialog').close();
    await load();
    say('said', words);
  } catch (error) {
    showConfirmError(error);
  } finally {
    yes.ariaDisabled = false;
  }
}

function askDelete(rows) {
  const names = [...new Set(rows.map((row) => row.clientId))];
  const listed = names.map((name) => el('li', {}, safeText(name, 200)));
  const others = state.brokers.size > 1 && ' A row of the same client ID at another broker goes with it.';
  const title = names.length === 1 ? 'Delete this client?' : `Delete ${names.length} clients?`;
  confirm(title, [el('ul', { class: 'names' }, ...listed), el('p', { class: 'muted' }, COMES_BACK, others)], async () => {
    for (const name of names) {
      await deleteClient(name);
      for (const [key, row] of state.picked) if (row.clientId === name) state.picked.delete(key);
    }
    return `Deleted ${plural(names.length, 'client')}.`;
  });
}

function askDeleteAll() {
  const hidden = countFilters(state.view) > 0 && ' The filters don’t matter: rows that they hide go as well.';
  confirm('Delete all clients?', [el('p', {}, 'Every row of the table goes.', hidden), el('p', { class: 'muted' }, COMES_BACK)], async () => {
    await call('DELETE', CLIENTS);
    state.picked.clear();
    return 'Deleted all clients.';
  });
}

function askToken(words) {
  $('token-why').textContent = words;
  $('token-field').value = '';
  $('token-forget').hidden = !token();
  say('token-error', '');
  if (!$('token-dialog').open) $('token-dialog').showModal();
  $('token-field').focus();
}

/** Keeps a token that the server lets read the table; puts the one before it back otherwise. */
async function useToken() {
  const entered = $('token-field').value.trim();
  const before = token();
  if (!/^[\x21-\x7e]+$/.test(entered)) return say('token-error', 'A token has neither spaces nor letters beyond ASCII.');
  sessionStorage.setItem(TOKEN_KEY, entered);
  try {
    await call('GET', `${CLIENTS}/v2`, { pageSize: 1, page: 0 });
  } catch (error) {
    if (before) sessionStorage.setItem(TOKEN_KEY, before);
    else sessionStorage.removeItem(TOKEN_KEY);
    return say('token-error', `${wantsToken(error) ? 'The server does not accept this token' : 'Could not try the token'}: ${error.message}.`);
  }
  $('token-dialog').close();
  showConfirmError(null);
  return load();
}

function forgetToken() {
  sessionStorage.removeItem(TOKEN_KEY);
  $('token-dialog').close();
  return load();
}

/* --- wiring --- */

function fillFixedParts() {
  const { elements } = $('filters');
  for (const [value, words] of WINDOWS) elements.window.append(new Option(words, value));
  for (const name of BOOLEAN_LISTS) elements[name].append(new Option('Yes', 'true'), new Option('No', 'false'), new Option('Known', 'true,false'));
  for (const { name, label } of COLUMNS) {
    $('headings').lastElementChild.before(el('th', { class: `c-${name}` }, button({ 'data-sort': name }, null, label)));
    $('sort-cards').append(new Option(`${label} ↓`, `${name} DESC`), new Option(`${label} ↑`, `${name} ASC`));
  }
  $('page-size').replaceChildren(...PAGE_SIZES.map((size) => new Option(size, size)));
  $('page-size').value = state.view.pageSize;
  for (const node of document.querySelectorAll('[data-icon]')) node.prepend(icon(node.dataset.icon));
  $('sources').textContent = `Times in ${zoneName()}`;
}

function wireControls() {
  const on = (id, event, handle) => $(id).addEventListener(event, handle);
  const onSubmit = (id, handle) => on(id, 'submit', (event) => {
    event.preventDefault();
    handle();
  });
  on('refresh', 'click', () => {
    state.sourcesAt = -SOURCES_MS;
    load();
  });
  on('token', 'click', () => askToken('A token of role auditor reads the table; one of role operator may also delete.'));
  on('toggle-filters', 'click', () => openFilters($('filters').hidden));
  on('clear-filters', 'click', clearFilters);
  onSubmit('filters', readFilters);
  on('filters', 'input', (event) => {
    clearTimeout(typing);
    if (event.target.tagName === 'SELECT') readFilters();
    else typing = setTimeout(readFilters, TYPING_MS);
  });
  on('sort-cards', 'change', (event) => {
    const [sortProperty, sortOrder] = event.target.value.split(' ');
    changeView({ sortProperty, sortOrder });
  });
  on('page-size', 'change', (event) => changeView({ pageSize: Number(event.target.value) }));
  on('pager', 'click', (event) => {
    const step = event.target.closest('[data-step]');
    if (step && step.ariaDisabled !== 'true') changeView({ page: Number(step.dataset.page) });
  });
  on('pick-all', 'change', (event) => pick(state.page.data, event.target.checked));
  on('clear-selection', 'click', () => pick([...state.picked.values()], false));
  on('delete-selected', 'click', () => askDelete([...state.picked.values()]));
  on('delete-all', 'click', askDeleteAll);
  on('confirm-yes', 'click', answerYes);
  on('confirm-token', 'click', () => askToken('Deleting needs a token of role operator.'));
  on('token-forget', 'click', forgetToken);
  onSubmit('token-form', useToken);
  document.addEventListener('click', (event) => {
    const sort = event.target.closest('[data-sort]');
    const copy = event.target.closest('[data-copy]');
    const close = event.target.closest('[data-close]');
    if (sort) sortBy(sort.dataset.sort);
    if (copy) copyFrom(copy, (words) => say(copy.closest('dialog') ? 'said-here' : 'said', words));
    if (close) close.closest('dialog').close();
  });
}

/** Polls while someone looks; comes back at once when the tab does. */
function startPolling() {
  const poll = () => {
    if (document.visibilityState === 'visible' && !state.locked) load({ quiet: true });
  };
  setInterval(poll, POLL_MS);
  document.addEventListener('visibilitychange', poll);
}

fillFixedParts();
wireControls();
showFilters();
showOrder();
drawRows();
openFilters(countFilters(state.view) > 0 || matchMedia('(min-width: 900px)').matches);
fillPanel('Loading …', '');
load();
startPolling();
