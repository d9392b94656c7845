// One row: its reason in full, its values copied, its hostile texts.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ROWS_URL, focused, ids, json, says, shot, shows, visit, world } from './browser.mjs';
import { HOSTILE } from './seed.mjs';

test('Show reason opens the full text with cause, solution, alternatives, deduced fields and evidence', async () => {
  const { data } = await world.rows({ pageSize: 100 });
  const reasons = new Map((await world.api('api/reasons')).body.map((reason) => [reason.code, reason]));
  const richest = data.map((row) => row.alternatives.length * 2 + row.inferred.length * 3);
  const index = richest.indexOf(Math.max(...richest));
  const row = data[index];
  await visit({ path: '/#pageSize=100' }, async (page) => {
    await shows(page, ids({ data }));
    await page.locator('.show').nth(index).click();
    const body = page.locator('#reason-body');
    assert.equal(await page.locator('#reason-title').innerText(), reasons.get(row.reasonCode).title);
    const text = await body.innerText();
    const { cause, solution } = reasons.get(row.reasonCode);
    for (const words of [cause, solution, ...row.alternatives.map((code) => reasons.get(code).title)]) assert.ok(text.includes(words), words);
    assert.equal(await body.locator('pre').count(), row.evidence.length > 0 ? 1 : 0);
    assert.equal(await body.locator('.unsure li').count(), row.inferred.length);
    if (row.inferred.includes('ipAddress')) assert.ok(text.includes('Client IP deduced: Several connections were open'), text);
    await shot(page, 'reason');
    await page.keyboard.press('Escape');
    assert.equal(await page.locator('#reason-dialog').isVisible(), false);
    assert.equal(await focused(page), 'show');
  });
});

test('a click on a row opens its reason', async () => {
  await visit({}, async (page) => {
    await shows(page, ids(await world.rows()));
    await page.locator('#rows tr').nth(1).locator('.c-ts').click();
    assert.equal(await page.locator('#reason-dialog').isVisible(), true);
  });
});

test('copies the true value, and the row as JSON', async () => {
  const expected = await world.rows();
  await world.context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: world.base });
  await visit({}, async (page) => {
    await shows(page, ids(expected));
    await page.locator('#rows tr').nth(2).locator('.c-clientId .copy').click();
    await says(page, '#said', 'Copied the client ID');
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), expected.data[2].clientId);
    await page.locator('.show').nth(2).click();
    await page.click('#reason-copy button');
    await says(page, '#said-here', 'Copied the row');
    assert.deepEqual(JSON.parse(await page.evaluate(() => navigator.clipboard.readText())), expected.data[2]);
  });
});

test('hostile text is shown as text, with what can’t be seen made visible', async () => {
  const evil = `${HOSTILE.markup}\u202E\u0007`;
  const prepare = (page) => page.route(ROWS_URL, async (route) => {
    const answer = await (await route.fetch()).json();
    Object.assign(answer.data[0], { clientId: evil, username: '<script>alert(2)</script>\u2066', reason: `${HOSTILE.markup} javascript:alert(3)`, broker: '"><svg onload=alert(4)>', evidence: [`${HOSTILE.markup}\u001B[31m\u202E`], inferred: ['ipAddress', '<b>'], alternatives: ['<i>x</i>'], reasonCode: '<u>y</u>' });
    Object.assign(answer.data[1], { clientId: HOSTILE.long.repeat(40), username: 'a'.repeat(60_000), reason: 'w'.repeat(60_000) });
    await route.fulfill(json(answer));
  });
  await visit({ prepare }, async (page) => {
    await page.waitForSelector('#rows tr');
    const cell = page.locator('#rows tr').first().locator('.c-clientId');
    assert.ok((await cell.innerText()).startsWith(HOSTILE.markup));
    assert.deepEqual(await cell.locator('.escape').allInnerTexts(), ['U+202E', 'U+0007']);
    assert.equal(await cell.locator('bdi').count() > 0, true);
    await page.locator('.show').first().click();
    assert.ok((await page.locator('#reason-body pre').innerText()).includes('U+001B'));
    assert.equal(await page.locator('#reason-title').innerText(), '<u>y</u>');
    await shot(page, 'hostile-reason');
    await page.keyboard.press('Escape');
    await page.locator('.remove').first().click();
    assert.ok((await page.locator('#ask-body').innerText()).startsWith(HOSTILE.markup));
    await shot(page, 'hostile');
    await page.click('#ask-no');
    assert.equal(await page.locator('img, #rows script, svg[onload], i, u').count(), 0);
    assert.ok(await page.evaluate(() => document.scrollingElement.scrollWidth <= innerWidth));
  });
});

test('hostile client IDs that the table really holds are found and shown as text', async () => {
  for (const id of [HOSTILE.markup, HOSTILE.bidi]) {
    const expected = await world.rows({ clientId: id });
    assert.deepEqual(ids(expected), [id]);
    await visit({ path: `/#clientId=${encodeURIComponent(id)}` }, async (page) => {
      await shows(page, [id]);
      assert.equal(await page.locator('img').count(), 0);
      assert.equal((await page.locator('.c-clientId .escape').count()) > 0, id === HOSTILE.bidi);
    });
  }
});
