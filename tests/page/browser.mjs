// The browser and the server under test.
//
// PAGE_URL     a running turnaway that holds the rows of seed.mjs (the tests empty its table); without it they start the mock
// PAGE_TOKEN   an operator's token for it; without one the tests that delete are skipped
// PAGE_AUDITOR_TOKEN   an auditor's token; without one the server's refusal is staged
// PAGE_LOG     a log of Mosquitto 2.1 that it follows: a line at its end makes a row, which the page must show by itself
// SHOTS        where screenshots go (default: a folder under the temporary one)
// CHROMIUM     the browser (default /usr/bin/chromium)

import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

import { AUDITOR, OPERATOR, startMock } from './mock.mjs';

const require = createRequire(import.meta.url);
const ARGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
/** Rows on a page of the page, if nobody says otherwise. */
export const PAGE_SIZE = 20;
export const ROWS_URL = '**/api/unauthorized/client/v2?*';

/** Starts browser and server: what the tests share. */
async function start() {
  const mock = process.env.PAGE_URL ? null : await startMock();
  const base = (process.env.PAGE_URL ?? mock.url).replace(/\/$/, '');
  const token = mock ? OPERATOR : process.env.PAGE_TOKEN ?? null;
  const auditor = mock ? AUDITOR : process.env.PAGE_AUDITOR_TOKEN ?? null;
  const shots = process.env.SHOTS ?? mkdtempSync(join(tmpdir(), 'turnaway-shots-'));
  mkdirSync(shots, { recursive: true });
  const profile = mkdtempSync(join(tmpdir(), 'turnaway-profile-'));
  const context = await chromium.launchPersistentContext(profile, { executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', headless: true, args: ARGS });

  async function close() {
    await context.close();
    rmSync(profile, { recursive: true, force: true });
    mock?.close();
  }

  /** Calls the API beside the browser. */
  async function api(path, method = 'GET') {
    const headers = { 'X-Requested-With': 'turnaway', ...(token ? { Authorization: `Bearer ${token}` } : {}) };
    const answer = await fetch(`${base}/${path}`, { method, headers });
    return { status: answer.status, headers: answer.headers, body: answer.ok && method === 'GET' ? await answer.json() : null };
  }

  /** A page of rows as the API gives it. */
  async function rows(query = {}) {
    const all = { pageSize: PAGE_SIZE, page: 0, sortProperty: 'ts', sortOrder: 'DESC', ...query };
    return (await api(`api/unauthorized/client/v2?${new URLSearchParams(all)}`)).body;
  }

  /** Has a client refused, now: as the mock's log would tell, or by a line in the log of the real program. */
  function refuse(clientId) {
    if (mock) return mock.add(clientId);
    const from = '198.51.100.250:50999';
    const time = Math.floor(Date.now() / 1000);
    return appendFileSync(process.env.PAGE_LOG, `${time}: New connection from ${from} on port 1883.\n${time}: Client ${clientId} [${from}] disconnected: not authorised.\n`);
  }

  return { base, token, auditor, shots, context, api, rows, refuse, close };
}

/**
 * Opens the page in a new tab. `prepare(page)` runs before it loads. Whatever must never happen on the page is kept in
 * `page.faults`: script errors, dialogs of scripts, breaches of the policy, requests to anyone else.
 */
async function openPage({ path = '/', token = world.token, size = { width: 1366, height: 900 }, scheme = 'light', prepare } = {}) {
  const page = await world.context.newPage();
  page.faults = [];
  page.on('pageerror', (error) => page.faults.push(`script error: ${error.message}`));
  page.on('dialog', (dialog) => {
    page.faults.push(`dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  page.on('console', (message) => {
    const expected = message.text().startsWith('Failed to load resource');
    if (message.type() === 'error' && !expected) page.faults.push(`console: ${message.text()}`);
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(`${world.base}/`) && !request.url().startsWith('data:')) page.faults.push(`request: ${request.url()}`);
  });
  await page.setViewportSize(size);
  await page.emulateMedia({ colorScheme: scheme });
  await page.addInitScript((value) => {
    globalThis.breaches = [];
    document.addEventListener('securitypolicyviolation', (event) => globalThis.breaches.push(`${event.violatedDirective} ${event.blockedURI}`));
    if (value && !sessionStorage.getItem('turnaway-token')) sessionStorage.setItem('turnaway-token', value);
  }, token);
  await prepare?.(page);
  await page.goto(world.base + path);
  return page;
}

/** Ends a visit: nothing that must never happen did. */
async function closePage(page) {
  const faults = [...page.faults, ...(await page.evaluate(() => globalThis.breaches))];
  await page.close();
  if (faults.length > 0) throw new Error(faults.join('\n'));
}

/** Waits until the table shows these client IDs in this order, and nothing is loading. */
export async function shows(page, ids) {
  await page.waitForFunction((wanted) => {
    const shown = Array.from(document.querySelectorAll('#rows .c-clientId .copy'), (button) => button.dataset.copy);
    return document.querySelector('#table').getAttribute('aria-busy') === 'false' && JSON.stringify(shown) === wanted;
  }, JSON.stringify(ids), { timeout: 10_000 });
}

/** Waits until an element's text holds these words. */
export async function says(page, selector, words) {
  await page.waitForFunction(([where, what]) => document.querySelector(where)?.textContent.includes(what), [selector, words], { timeout: 10_000 });
}

/** What has the focus: its ID, or what it is there for. */
export function focused(page) {
  return page.evaluate(() => {
    const at = document.activeElement;
    const part = ['show', 'remove', 'copy', 'chip'].find((name) => at.classList.contains(name));
    return at.id || part || at.dataset.sort || at.name || (at.type === 'checkbox' && 'pick') || at.tagName;
  });
}

/** Presses Tab until the focus is on what `focused` names so. */
export async function tabTo(page, name, limit = 120) {
  for (let pressed = 0; pressed < limit; pressed += 1) {
    await page.keyboard.press('Tab');
    if (await focused(page) === name) return;
  }
  throw new Error(`Tab never reached ${name}`);
}

/** What axe-core finds that is serious or worse, as `rule: selector`. */
export async function axe(page) {
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8'));
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
  const bad = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  return bad.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id}: ${target.join(' ')} ${failureSummary}`));
}

/* --- what all tests share --- */

/** Browser and server; `page.test.mjs` starts and ends it. */
export let world;

export async function begin() {
  world = await start();
}

export const ids = (page) => page.data.map((row) => row.clientId);
export const json = (body, status = 200) => ({ status, contentType: 'application/json', body: JSON.stringify(body) });
export const refusal = (status, message) => json({ status, message, errorCode: status === 401 ? 10 : 20, timestamp: 0 }, status);
export const shot = (page, name, options) => page.screenshot({ path: join(world.shots, `${name}.png`), ...options });

/** Opens the page, runs the steps, and checks that nothing forbidden happened. */
export async function visit(options, steps) {
  const page = await openPage(options);
  try {
    await steps(page);
  } finally {
    await closePage(page);
  }
}
