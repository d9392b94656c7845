// The table: columns, filters, order, pages, sums, export, and what it says when there are no rows.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { safeString } from '../../src/api/page/model.js';
import { ROWS_URL, ids, json, says, shot, shows, visit, world } from './browser.mjs';

const fragment = (page) => new URLSearchParams(new URL(page.url()).hash.slice(1));

test('lists what the API gives, newest first, in the columns of the reference', async () => {
  const expected = await world.rows();
  await visit({}, async (page) => {
    await shows(page, ids(expected));
    const headings = await page.locator('thead th').allInnerTexts();
    assert.deepEqual(headings.slice(1, -1).map((text) => text.trim()), ['Last update time', 'Client ID', 'Username', 'Password', 'TLS', 'Client IP', 'Reason', 'Attempts']);
    assert.equal(await page.locator('th[aria-sort]').getAttribute('aria-sort'), 'descending');
    const words = (value) => (value === null ? '–' : value ? 'Yes' : 'No');
    for (const [index, row] of expected.data.entries()) {
      const tr = page.locator('#rows tr').nth(index);
      assert.equal(await tr.locator('.c-ts time').getAttribute('datetime'), new Date(row.ts).toISOString());
      assert.equal(await tr.locator('.c-clientId > .value').getAttribute('title'), safeString(row.clientId));
      assert.ok((await tr.locator('.c-passwordProvided').innerText()).startsWith(words(row.passwordProvided)));
      assert.ok((await tr.locator('.c-tlsUsed').innerText()).startsWith(words(row.tlsUsed)));
      assert.ok((await tr.locator('.c-ipAddress').innerText()).startsWith(row.ipAddress ?? '–'));
      assert.equal(await tr.locator('.c-ipAddress .warn').count(), row.inferred.includes('ipAddress') ? 1 : 0);
      assert.equal(await tr.locator('.c-reason .line').getAttribute('title'), safeString(row.reason, 1000));
      assert.equal(await tr.locator('.c-attempts').innerText(), row.attempts.toLocaleString('en'));
    }
    assert.ok((await page.locator('#range').innerText()).endsWith(`of ${expected.totalElements}`));
  });
});

test('filters by text, keeps the filter in the fragment of the address, and clears it', async () => {
  const all = await world.rows();
  const part = all.data.at(-1).clientId.slice(0, 5).toUpperCase();
  const expected = await world.rows({ clientId: part });
  await visit({}, async (page) => {
    await shows(page, ids(all));
    await page.fill('input[name=clientId]', part);
    await shows(page, ids(expected));
    assert.equal(fragment(page).get('clientId'), part);
    assert.equal(new URL(page.url()).search, '');
    await page.reload();
    await shows(page, ids(expected));
    assert.equal(await page.inputValue('input[name=clientId]'), part);
    assert.equal((await page.locator('.chip').textContent()).startsWith('Client ID: '), true);
    await shot(page, 'filtered');
    await page.click('#clear-filters');
    await shows(page, ids(all));
    assert.equal(new URL(page.url()).hash, '');
  });
});

test('every filter asks the API, has a chip, and goes when the chip is pressed', async () => {
  const all = await world.rows({ pageSize: 100 });
  const sample = all.data.find((row) => row.ipAddress !== null);
  const filters = [
    ['select', 'reasonCode', sample.reasonCode],
    ['select', 'passwordProvidedList', 'true'],
    ['select', 'tlsUsedList', 'false'],
    ['select', 'tlsUsedList', 'true,false'],
    ['select', 'broker', sample.broker],
    ['input', 'ipAddress', sample.ipAddress],
    ['input', 'reason', sample.reason.slice(3, 12)],
    ['input', 'username', all.data.find((row) => row.username)?.username ?? 'nobody-at-all'],
  ];
  await visit({}, async (page) => {
    for (const [kind, name, value] of filters) {
      await shows(page, ids(await world.rows()));
      if (kind === 'select') await page.selectOption(`select[name=${name}]`, value);
      else await page.fill(`input[name=${name}]`, value);
      // The rows may be the same as before; the address tells that the filter is at work.
      await page.waitForURL((url) => new URLSearchParams(url.hash.slice(1)).get(name) === value);
      await shows(page, ids(await world.rows({ [name]: value })));
      await page.click('.chip');
      await page.waitForURL((url) => url.hash === '');
    }
  });
});

test('a time window asks for what came since, and a custom one for what came between', async () => {
  await visit({}, async (page) => {
    await shows(page, ids(await world.rows()));
    assert.equal(await page.locator('input[name=startTime]').isVisible(), false);
    for (const [window, span] of [['5m', 300_000], ['24h', 86_400_000]]) {
      const asked = page.waitForRequest((request) => request.url().includes('/v2?') && request.url().includes('startTime='));
      await page.selectOption('select[name=window]', window);
      const start = Number(new URL((await asked).url()).searchParams.get('startTime'));
      const age = (await page.evaluate(() => Date.now())) - start;
      assert.ok(age >= span && age < span + 60_000, `${age} ms`);
    }
    await page.selectOption('select[name=window]', 'custom');
    const { data } = await world.rows({ pageSize: 100 });
    const [from, until] = [data[12].ts, data[4].ts].map((ms) => Math.floor(ms / 1000) * 1000);
    const local = (ms) => page.evaluate((time) => new Date(time - new Date(time).getTimezoneOffset() * 60_000).toISOString().slice(0, 19), ms);
    await page.fill('input[name=startTime]', await local(from));
    await page.fill('input[name=endTime]', await local(until));
    await page.waitForURL((url) => url.hash.includes(`endTime=${until + 999}`));
    await shows(page, ids(await world.rows({ startTime: from, endTime: until + 999 })));
    await page.reload();
    await shows(page, ids(await world.rows({ startTime: from, endTime: until + 999 })));
    assert.equal(await page.inputValue('input[name=endTime]'), await local(until));
  });
});

test('a view that another one shares opens, also by the query that the reference uses', async () => {
  const { data } = await world.rows({ pageSize: 100 });
  const part = data[3].clientId.slice(0, 6);
  const expected = ids(await world.rows({ clientId: part, sortProperty: 'clientId', sortOrder: 'ASC' }));
  const query = new URLSearchParams({ clientId: part, sortProperty: 'clientId', sortOrder: 'ASC' });
  for (const path of [`/#${query}`, `/?${query}`]) {
    await visit({ path }, (page) => shows(page, expected));
  }
  await visit({}, async (page) => {
    await shows(page, ids(await world.rows()));
    await page.evaluate((hash) => { location.hash = hash; }, `${query}`);
    await shows(page, expected);
  });
});

test('sorts by every heading, both ways', async () => {
  await visit({}, async (page) => {
    for (const [name, orders] of [['clientId', ['ASC', 'DESC']], ['ipAddress', ['ASC', 'DESC']], ['reason', ['ASC', 'DESC']], ['attempts', ['DESC', 'ASC']], ['ts', ['DESC', 'ASC']]]) {
      for (const sortOrder of orders) {
        await page.click(`[data-sort=${name}]`);
        await shows(page, ids(await world.rows({ sortProperty: name, sortOrder })));
        assert.equal(await page.locator(`th.c-${name}`).getAttribute('aria-sort'), sortOrder === 'ASC' ? 'ascending' : 'descending');
        assert.equal(await page.locator('th[aria-sort]').count(), 1);
      }
    }
  });
});

test('pages, changes the page size, and comes back from past the end', async () => {
  const { totalElements } = await world.rows();
  await visit({}, async (page) => {
    await shows(page, ids(await world.rows()));
    assert.equal(await page.locator('#previous').getAttribute('aria-disabled'), 'true');
    await page.selectOption('#page-size', '10');
    await shows(page, ids(await world.rows({ pageSize: 10 })));
    await page.click('#next');
    await shows(page, ids(await world.rows({ pageSize: 10, page: 1 })));
    assert.equal(await page.locator('#range').innerText(), `11–20 of ${totalElements}`);
    const last = Math.ceil(totalElements / 10) - 1;
    await page.goto(`${world.base}/#pageSize=10&page=999`);
    await page.reload();
    await shows(page, ids(await world.rows({ pageSize: 10, page: last })));
    assert.equal(await page.locator('#next').getAttribute('aria-disabled'), 'true');
    await page.click('#previous');
    await shows(page, ids(await world.rows({ pageSize: 10, page: last - 1 })));
  });
});

test('the overview sums up what the filters let through, and filters by reason and by time', async () => {
  const all = await world.api('api/unauthorized/client/summary');
  const { clients, reasonCode } = all.body.reasons[0];
  await visit({}, async (page) => {
    await says(page, '#totals', `${all.body.totalElements} clients`);
    const chart = page.locator('#over-time svg');
    assert.equal(await chart.getAttribute('role'), 'img');
    assert.match(await chart.getAttribute('aria-label'), new RegExp(`^${all.body.totalElements} clients by the time of the last attempt`));
    assert.equal(await page.locator('#by-reason button').count(), all.body.reasons.length);
    await page.locator('#by-reason button').first().click();
    await shows(page, ids(await world.rows({ reasonCode })));
    await says(page, '#totals', `${clients} client`);
    assert.equal(await page.locator('#by-reason button').first().getAttribute('aria-pressed'), 'true');
    await page.locator('#by-reason button').first().click();
    await says(page, '#totals', `${all.body.totalElements} clients`);
    await page.locator('#over-time g').first().click();
    await page.waitForURL((url) => url.hash.includes('window=custom'));
    const { startTime, step } = all.body;
    assert.deepEqual(['startTime', 'endTime'].map((name) => Number(fragment(page).get(name))), [startTime, startTime + step - 1]);
    await shows(page, ids(await world.rows({ startTime, endTime: startTime + step - 1 })));
  });
});

test('the logs stand there with their health', async () => {
  const sources = (await world.api('api/sources')).body;
  await visit({}, async (page) => {
    await page.waitForSelector('#sources li');
    const text = await page.locator('#sources').innerText();
    for (const { name, lastError } of sources) assert.ok(text.includes(name) && text.includes(lastError ?? ''), text);
    assert.equal(await page.locator('#sources .bad').count(), sources.filter(({ lastError, state }) => lastError || state === 'waiting').length);
  });
});

test('exports what the filters let through', async () => {
  const { data } = await world.rows({ pageSize: 100 });
  const part = data[2].clientId.slice(0, 4);
  const expected = await world.rows({ clientId: part, pageSize: 100 });
  await visit({ path: `/#clientId=${encodeURIComponent(part)}` }, async (page) => {
    await shows(page, ids(await world.rows({ clientId: part })));
    assert.equal(new URL(await page.locator('[data-format=csv]').getAttribute('href')).searchParams.get('clientId'), part);
    const coming = page.waitForEvent('download');
    await page.click('[data-format=ndjson]');
    const download = await coming;
    assert.match(download.suggestedFilename(), /\.ndjson$/);
    const lines = readFileSync(await download.path(), 'utf8').trim().split('\n').map((line) => JSON.parse(line).clientId);
    assert.deepEqual(lines.sort(), ids(expected).sort());
  });
});

test('an empty table and a filter that finds nothing read differently', async () => {
  const prepare = (page) => page.route(ROWS_URL, (route) => route.fulfill(json({ data: [], totalPages: 0, totalElements: 0, hasNext: false })));
  await visit({ prepare }, async (page) => {
    await says(page, '#panel', 'No refused clients');
    await shot(page, 'empty');
    await page.fill('input[name=clientId]', 'zzz');
    await says(page, '#panel', 'No client matches');
    await page.click('#panel button');
    await says(page, '#panel', 'No refused clients');
  });
});

test('a failure is said, keeps the rows, and is taken back', async () => {
  let broken = false;
  const prepare = (page) => page.route(ROWS_URL, (route) => (broken ? route.fulfill(json({ status: 500, message: 'Database error', errorCode: 46, timestamp: 0 }, 500)) : route.continue()));
  const expected = ids(await world.rows());
  await visit({ prepare }, async (page) => {
    await shows(page, expected);
    broken = true;
    await page.click('[data-sort=ts]');
    await says(page, '#banner', 'Database error');
    await shows(page, expected);
    await shot(page, 'failure');
    broken = false;
    await page.click('#banner button');
    await page.waitForFunction(() => document.querySelector('#banner').textContent === '');
  });
});

test('a server that does not answer at first is said, and tried again', async () => {
  let broken = true;
  const prepare = (page) => page.route(ROWS_URL, (route) => (broken ? route.abort() : route.continue()));
  await visit({ prepare }, async (page) => {
    await says(page, '#panel', 'the server does not answer');
    broken = false;
    await page.click('#panel button');
    await shows(page, ids(await world.rows()));
  });
});
