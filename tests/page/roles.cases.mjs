// Who may do what: no token, a wrong one, one that may only read.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { axe, focused, ids, refusal, says, shot, shows, visit, world } from './browser.mjs';

test('without a token the page asks for one, refuses a wrong one, and keeps a right one in this tab', async () => {
  const staged = world.token === null;
  const right = world.token ?? 'right';
  const prepare = staged && ((page) => page.route('**/api/**', (route) => (route.request().headers().authorization === `Bearer ${right}` ? route.continue() : route.fulfill(refusal(401, 'Authentication failed')))));
  await visit({ token: null, prepare: prepare || undefined }, async (page) => {
    await says(page, '#panel', 'No permission');
    assert.equal(await focused(page), 'token-field');
    assert.equal(await page.locator('#rows tr').count(), 0);
    await shot(page, 'token');
    await page.keyboard.press('Escape');
    await page.click('#panel button');
    await page.fill('#token-field', 'wrong');
    await page.keyboard.press('Enter');
    await says(page, '#token-error', 'does not accept');
    assert.equal(await page.evaluate(() => sessionStorage.length), 0);
    await page.fill('#token-field', `  ${right} `);
    await page.keyboard.press('Enter');
    await shows(page, ids(await world.rows()));
    assert.equal(await page.locator('#token-dialog').isVisible(), false);
    assert.deepEqual(await page.evaluate(() => [sessionStorage.getItem('turnaway-token'), localStorage.length, document.cookie]), [right, 0, '']);
    assert.equal(page.url().includes(right), false);
    await page.reload();
    await shows(page, ids(await world.rows()));
    await page.click('#token');
    await page.click('#token-forget');
    await says(page, '#panel', 'No permission');
  });
});

const ways = ['.remove', '#rows .c-pick', '#pick-all', '#delete-all'];
const visible = (page) => Promise.all(ways.map((way) => page.locator(way).first().isVisible()));

test('who may only read is shown no way to delete, until a token of role operator comes', async (context) => {
  if (world.auditor === null) return context.skip('needs PAGE_AUDITOR_TOKEN');
  await visit({ token: world.auditor }, async (page) => {
    await shows(page, ids(await world.rows()));
    assert.deepEqual(await visible(page), ways.map(() => false));
    assert.deepEqual(await axe(page), []);
    await shot(page, 'read-only');
    await page.click('#token');
    await page.fill('#token-field', world.token);
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => !document.querySelector('#token-dialog').open);
    assert.deepEqual(await visible(page), ways.map(() => true));
  });
});

test('who may no longer delete is told that deleting needs a token of role operator', async () => {
  const expected = ids(await world.rows());
  let refuses = true;
  const prepare = (page) => page.route('**/api/unauthorized/client*', (route) => (refuses && route.request().method() === 'DELETE' ? route.fulfill(refusal(403, "You don't have permission to perform this operation!")) : route.continue()));
  await visit({ token: world.token, prepare }, async (page) => {
    await shows(page, expected);
    await page.locator('.remove').first().click();
    await page.click('#ask-yes');
    await says(page, '#ask-error', 'role operator');
    await page.click('#ask-token');
    assert.equal(await focused(page), 'token-field');
    refuses = false;
    if (world.token) {
      await page.fill('#token-field', world.token);
      await page.keyboard.press('Enter');
      await page.waitForFunction(() => document.querySelector('#ask-error').textContent === '');
    } else {
      await page.keyboard.press('Escape');
    }
    assert.equal(await page.locator('#ask-dialog').isVisible(), true);
    await page.click('#ask-no');
    await shows(page, expected);
  });
  assert.deepEqual(ids(await world.rows()), expected);
});
