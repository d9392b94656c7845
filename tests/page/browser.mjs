// The browser and the server under test.
//
// PAGE_URL     a running turnaway that holds the rows of seed.mjs (the tests empty its table); without it they start the mock
// PAGE_TOKEN   an operator's token for it; without one the tests that delete are skipped
// PAGE_AUDITOR_TOKEN   an auditor's token; without one the server's refusal is staged
// SHOTS        where screenshots go (default: a folder under the temporary one)
// CHROMIUM     the browser (default /usr/bin/chromium)

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

import { AUDITOR, OPERATOR, startMock } from './mock.mjs';

const ARGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
export const ROWS_URL = '**/api/unauthorized/client/v2?*';

/** Starts browser and server: what the tests share. */
export async function start() {
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
    const all = { pageSize: 10, page: 0, sortProperty: 'ts', sortOrder: 'DESC', ...query };
    return (await api(`api/unauthorized/client/v2?${new URLSearchParams(all)}`)).body;
  }

  return { base, token, auditor, shots, context, api, rows, close };
}

/**
 * Opens the page in a new tab. `prepare(page)` runs before it loads. Whatever must never happen on the page is kept in
 * `page.faults`: script errors, dialogs of scripts, breaches of the policy, requests to anyone else.
 */
export async function openPage(world, { path = '/', token = world.token, size = { width: 1366, height: 900 }, scheme = 'light', prepare } = {}) {
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
export async function closePage(page) {
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

/** What has the focus, as a selector-like word. */
export function focused(page) {
  return page.evaluate(() => {
    const at = document.activeElement;
    return at.id || at.dataset.control || at.dataset.sort || at.getAttribute('aria-label') || at.tagName;
  });
}

/** Presses Tab until the focus is on what `focused` names so. */
export async function tabTo(page, name, limit = 80) {
  for (let pressed = 0; pressed < limit; pressed += 1) {
    await page.keyboard.press('Tab');
    if (await focused(page) === name) return;
  }
  throw new Error(`Tab never reached ${name}`);
}
