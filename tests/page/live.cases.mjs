// What happens without anybody asking: the stream, polling, and what outlives both.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ROWS_URL, ids, json, says, shot, shows, visit, world } from './browser.mjs';

const EVENTS = '**/api/unauthorized/client/events';

test('a client that is refused now appears by itself, through the stream', async () => {
  const polled = [];
  await visit({}, async (page) => {
    await shows(page, ids(await world.rows()));
    await says(page, '#live-words', 'Live');
    page.on('request', (request) => request.url().includes('/v2?') && polled.push(request.url()));
    world.refuse('just-now-1');
    await page.waitForFunction(() => document.querySelector('#rows .copy').dataset.copy === 'just-now-1', null, { timeout: 30_000 });
    await shows(page, ids(await world.rows()));
    assert.equal(await page.locator('#live-words').innerText(), 'Live');
    assert.ok(polled.length > 0);
    await shot(page, 'live');
  });
});

test('the token travels in a header of the stream, never in an address', async () => {
  const seen = [];
  const prepare = (page) => page.on('request', (request) => seen.push(request));
  await visit({ prepare }, async (page) => {
    await says(page, '#live-words', 'Live');
    const stream = seen.find((request) => request.url().endsWith('/events'));
    assert.equal(await stream.headerValue('authorization'), world.token ? `Bearer ${world.token}` : null);
    for (const request of seen) assert.equal(Boolean(world.token) && request.url().includes(world.token), false);
  });
});

test('without a stream the table is polled, and says so', async () => {
  const prepare = async (page) => {
    await page.clock.install();
    await page.route(EVENTS, (route) => route.fulfill(json({ status: 404, message: 'no', errorCode: 32, timestamp: 0 }, 404)));
  };
  await visit({ prepare }, async (page) => {
    await shows(page, ids(await world.rows()));
    await says(page, '#live-words', 'Every 5 s');
    world.refuse('just-now-2');
    for (let tries = 0; tries < 60; tries += 1) {
      await page.clock.runFor(5_000);
      if ((await page.locator('#rows .copy').first().getAttribute('data-copy')) === 'just-now-2') break;
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    await shows(page, ids(await world.rows()));
    assert.equal(await page.locator('#rows .copy').first().getAttribute('data-copy'), 'just-now-2');
  });
});

test('pausing stops all requests, and going on catches up', async () => {
  const prepare = (page) => page.clock.install();
  await visit({ prepare }, async (page) => {
    await shows(page, ids(await world.rows()));
    await says(page, '#live-words', 'Live');
    await page.click('#live');
    await says(page, '#live-words', 'Paused');
    assert.equal(await page.locator('#live').getAttribute('aria-pressed'), 'true');
    const asked = [];
    page.on('request', (request) => asked.push(request.url()));
    await page.clock.runFor(60_000);
    assert.deepEqual(asked, []);
    await page.click('#live');
    await says(page, '#live-words', 'Live');
    assert.ok(asked.some((url) => url.includes('/v2?')));
  });
});

test('an update keeps the focus, the marked text, the picked rows and the scrolled place', async () => {
  let extra = null;
  const prepare = async (page) => {
    await page.clock.install();
    await page.route(EVENTS, (route) => route.abort());
    await page.route(ROWS_URL, async (route) => {
      const answer = await (await route.fetch()).json();
      if (extra) answer.data.unshift({ ...answer.data[0], clientId: extra });
      await route.fulfill(json(answer));
    });
  };
  const expected = ids(await world.rows());
  await visit({ prepare }, async (page) => {
    await shows(page, expected);
    await page.locator('.c-pick input').nth(3).check();
    await page.locator('.show').nth(4).focus();
    await page.evaluate(() => getSelection().selectAllChildren(document.querySelectorAll('#rows .c-clientId > .value')[3]));
    const marked = await page.evaluate(() => String(getSelection()));
    await page.evaluate(() => scrollTo(0, 240));
    const before = await page.evaluate(() => [scrollY, document.querySelectorAll('#rows tr')[4].getBoundingClientRect().top]);
    extra = 'newcomer';
    await page.clock.runFor(5_000);
    await shows(page, ['newcomer', ...expected]);
    const [scrolled, top] = await page.evaluate(() => [scrollY, document.activeElement.closest('tr').getBoundingClientRect().top]);
    assert.ok(scrolled === before[0] || Math.abs(top - before[1]) < 2, `${before} ${scrolled} ${top}`);
    assert.equal(await page.evaluate(() => [...document.querySelectorAll('.show')].indexOf(document.activeElement)), 5);
    assert.equal(await page.evaluate(() => String(getSelection())), marked);
    assert.equal(await page.locator('.c-pick input').nth(4).isChecked(), true);
    assert.equal(await page.locator('#selection-count').innerText(), '1 selected');
    assert.equal(await page.locator('#rows tr.news').count(), 1);
  });
});
