// Deleting: one, several, all, and what goes wrong meanwhile. The last cases, for they empty the table.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { safeString } from '../../src/api/page/model.js';
import { axe, focused, ids, json, says, shot, shows, visit, world } from './browser.mjs';

const deletes = (name, body) => test(name, async (context) => {
  if (world.token === null) return context.skip('needs PAGE_TOKEN, a token of role operator');
  return body();
});

deletes('deletes one client: No keeps it, Yes deletes it, the focus stays in the table', async () => {
  const before = await world.rows();
  const victim = before.data[1].clientId;
  await visit({}, async (page) => {
    await shows(page, ids(before));
    await page.locator('.remove').nth(1).click();
    assert.equal(await page.locator('#ask-body .names .value').innerText(), safeString(victim).replaceAll(/\[(U\+\w+)\]/g, '$1'));
    await page.click('#ask-no');
    assert.equal(await focused(page), 'remove');
    assert.deepEqual(ids(await world.rows()), ids(before));
    await page.locator('.remove').nth(1).click();
    await page.click('#ask-yes');
    await says(page, '#said', 'Deleted 1 client.');
    const left = await world.rows();
    assert.equal(ids(left).includes(victim), false);
    await shows(page, ids(left));
    assert.equal(await focused(page), 'remove');
  });
});

deletes('a client that is gone already counts as deleted', async () => {
  const before = await world.rows();
  const victim = before.data[0].clientId;
  await visit({}, async (page) => {
    await shows(page, ids(before));
    await page.locator('.remove').first().click();
    assert.equal((await world.api(`api/unauthorized/client?clientId=${encodeURIComponent(victim)}`, 'DELETE')).status, 200);
    await page.click('#ask-yes');
    await shows(page, ids(await world.rows()));
  });
});

deletes('deletes the picked clients of two pages', async () => {
  const first = await world.rows();
  const second = await world.rows({ page: 1 });
  await visit({}, async (page) => {
    await shows(page, ids(first));
    await page.locator('.c-pick input').nth(1).check();
    await page.click('#next');
    await shows(page, ids(second));
    await page.locator('.c-pick input').nth(2).check();
    assert.equal(await page.locator('#selection-count').innerText(), '2 selected');
    await page.click('#delete-selected');
    assert.equal(await page.locator('#ask-body .names li').count(), 2);
    await page.click('#ask-yes');
    await says(page, '#said', 'Deleted 2 clients.');
    await shows(page, ids(await world.rows({ page: 1 })));
    assert.equal(await page.locator('#selection').isVisible(), false);
  });
});

deletes('a row that cannot be deleted is told with its reason, the others go, and the next Yes tries it again', async () => {
  const before = await world.rows();
  const [first, stuck, last] = ids(before).slice(0, 3);
  let broken = true;
  const prepare = (page) => page.route('**/api/unauthorized/client?clientId=*', (route) => {
    const isStuck = broken && new URL(route.request().url()).searchParams.get('clientId') === stuck;
    return isStuck ? route.fulfill(json({ status: 500, message: 'Database error', errorCode: 46, timestamp: 0 }, 500)) : route.continue();
  });
  await visit({ prepare }, async (page) => {
    await shows(page, ids(before));
    for (const row of [1, 2, 3]) await page.locator('.c-pick input').nth(row).check();
    await page.click('#delete-selected');
    await page.click('#ask-yes');
    await says(page, '#ask-error', 'Deleted 2 of 3 clients.');
    const words = await page.locator('#ask-error').innerText();
    assert.ok(words.includes(safeString(stuck, 60)) && words.includes('Database error'), words);
    assert.deepEqual(await page.locator('#ask-progress').evaluate((bar) => [bar.value, bar.max]), [2, 3]);
    assert.deepEqual(await axe(page), []);
    await shot(page, 'partial-failure');
    const left = ids(await world.rows());
    assert.deepEqual([first, stuck, last].map((id) => left.includes(id)), [false, true, false]);
    await says(page, '#selection-count', '1 selected');
    broken = false;
    await page.click('#ask-yes');
    await says(page, '#said', 'Deleted 1 client.');
    assert.equal(ids(await world.rows()).includes(stuck), false);
  });
});

deletes('cancelling ends a bulk delete between two rows', async () => {
  const before = await world.rows();
  let deleted = 0;
  let go;
  const held = new Promise((resolve) => { go = resolve; });
  const prepare = (page) => page.route('**/api/unauthorized/client?clientId=*', async (route) => {
    deleted += 1;
    if (deleted === 2) await held;
    await route.continue();
  });
  await visit({ prepare }, async (page) => {
    await shows(page, ids(before));
    for (const row of [1, 2, 3, 4]) await page.locator('.c-pick input').nth(row).check();
    await page.click('#delete-selected');
    await page.click('#ask-yes');
    await says(page, '#ask-done', '1 of 4 deleted');
    await page.click('#ask-no');
    go();
    await says(page, '#selection-count', '2 selected');
    await shows(page, ids(await world.rows()));
    assert.equal((await world.rows()).totalElements, before.totalElements - 2);
  });
});

deletes('deletes all only after the words are typed; Cancel keeps them', async () => {
  const before = await world.rows();
  await visit({}, async (page) => {
    await shows(page, ids(before));
    await page.click('#delete-all');
    assert.equal(await focused(page), 'ask-field');
    assert.equal(await page.locator('#ask-yes').isDisabled(), true);
    await page.keyboard.type('delete');
    await page.keyboard.press('Enter');
    assert.equal(await page.locator('#ask-yes').isDisabled(), true);
    await shot(page, 'delete-all');
    await page.click('#ask-no');
    assert.equal((await world.rows()).totalElements, before.totalElements);
    await page.click('#delete-all');
    await page.keyboard.type('delete all');
    await page.keyboard.press('Enter');
    await says(page, '#panel', 'No refused clients');
    assert.equal((await world.rows()).totalElements, 0);
    assert.equal(await focused(page), 'delete-all');
  });
});
