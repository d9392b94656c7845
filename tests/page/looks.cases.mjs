// Widths, schemes, the keyboard, and what axe-core says.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { PAGE_SIZE, axe, focused, ids, shot, shows, tabTo, visit, world } from './browser.mjs';
import { HOSTILE } from './seed.mjs';

const fits = (page) => page.evaluate(() => document.scrollingElement.scrollWidth <= innerWidth);

test('works by keyboard alone, and every stop can be seen', async () => {
  await visit({}, async (page) => {
    await shows(page, ids(await world.rows()));
    await tabTo(page, 'clientId');
    await tabTo(page, 'ts');
    await tabTo(page, 'clientId');
    assert.equal(await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle), 'solid');
    await page.keyboard.press('Enter');
    await shows(page, ids(await world.rows({ sortProperty: 'clientId', sortOrder: 'ASC' })));
    assert.equal(await focused(page), 'clientId');
    await tabTo(page, 'show');
    await page.keyboard.press('Enter');
    assert.equal(await page.locator('#reason-dialog').isVisible(), true);
    for (let pressed = 0; pressed < 20; pressed += 1) {
      await page.keyboard.press('Tab');
      assert.ok(await page.evaluate(() => document.activeElement === document.body || document.activeElement.closest('#reason-dialog') !== null));
    }
    await page.keyboard.press('Escape');
    assert.equal(await focused(page), 'show');
    await tabTo(page, 'remove');
    await page.keyboard.press('Enter');
    assert.equal(await focused(page), 'ask-no');
    await page.keyboard.press('Escape');
    assert.equal(await page.locator('#ask-dialog').isVisible(), false);
    assert.equal(await focused(page), 'remove');
    await tabTo(page, 'pick');
    await page.keyboard.press('Space');
    assert.equal(await page.locator('#selection-count').innerText(), '1 selected');
    await page.keyboard.press('Space');
    await tabTo(page, 'next', 200);
    await page.keyboard.press('Space');
    await shows(page, ids(await world.rows({ sortProperty: 'clientId', sortOrder: 'ASC', page: 1 })));
    assert.equal(await focused(page), 'next');
    await page.keyboard.press('Shift+Tab');
    await page.keyboard.press('Space');
    await shows(page, ids(await world.rows({ sortProperty: 'clientId', sortOrder: 'ASC' })));
  });
});

test('at 390 pixels: cards, sorting and dialogs without sideways scrolling', async () => {
  const size = { width: 390, height: 844 };
  for (const scheme of ['light', 'dark']) {
    await visit({ size, scheme }, async (page) => {
      await shows(page, ids(await world.rows()));
      assert.equal(await fits(page), true);
      await shot(page, `phone-${scheme}`);
      await page.click('#overview summary');
      await page.click('#toggle-filters');
      assert.equal(await fits(page), true);
      await shot(page, `phone-open-${scheme}`, { fullPage: true });
      await page.click('[data-sort=clientId]');
      await shows(page, ids(await world.rows({ sortProperty: 'clientId', sortOrder: 'ASC' })));
      await page.locator('.show').first().click();
      assert.equal(await fits(page), true);
      const box = await page.locator('#reason-dialog').boundingBox();
      assert.ok(box.x >= 0 && box.x + box.width <= 390 && box.y >= 0 && box.y + box.height <= 844, JSON.stringify(box));
      await shot(page, `phone-reason-${scheme}`);
      assert.deepEqual(await axe(page), []);
      await page.keyboard.press('Escape');
      assert.deepEqual(await axe(page), []);
    });
  }
  await visit({ size, path: `/#clientId=${HOSTILE.long.slice(0, 40)}` }, async (page) => {
    await shows(page, ids(await world.rows({ clientId: HOSTILE.long.slice(0, 40) })));
    assert.equal(await fits(page), true);
  });
});

test('no width between phone and desk scrolls sideways', async () => {
  await visit({}, async (page) => {
    await shows(page, ids(await world.rows()));
    for (const width of [320, 480, 700, 701, 1040, 1041, 1280, 1366, 1920, 2560]) {
      await page.setViewportSize({ width, height: 800 });
      assert.ok(await fits(page), `${width} px`);
    }
  });
});

for (const scheme of ['light', 'dark']) {
  test(`axe-core finds nothing serious on the page, in the dialogs and in its states (${scheme})`, async () => {
    await visit({ scheme, size: { width: 1280, height: 900 } }, async (page) => {
      await shows(page, ids(await world.rows()));
      const back = await page.evaluate(() => getComputedStyle(document.body).backgroundColor.match(/\d+/g).reduce((sum, part) => sum + Number(part), 0));
      assert.equal(back < 384, scheme === 'dark');
      await page.waitForSelector('#by-reason button');
      assert.deepEqual(await axe(page), []);
      await shot(page, `desk-${scheme}`);
      await shot(page, `desk-all-${scheme}`, { fullPage: true });
      await page.locator('.show').first().click();
      assert.deepEqual(await axe(page), []);
      await shot(page, `desk-reason-${scheme}`);
      await page.keyboard.press('Escape');
      await page.locator('.remove').first().click();
      assert.deepEqual(await axe(page), []);
      await shot(page, `desk-delete-${scheme}`);
      await page.keyboard.press('Escape');
      await page.click('#delete-all');
      assert.deepEqual(await axe(page), []);
      await page.keyboard.press('Escape');
      await page.click('#token');
      assert.deepEqual(await axe(page), []);
      await page.keyboard.press('Escape');
      await page.check('#pick-all');
      await page.click('#by-reason button');
      await page.waitForSelector('.chip');
      assert.deepEqual(await axe(page), []);
      await shot(page, `desk-picked-${scheme}`);
    });
  });
}

test('a screen reader finds names, roles and news', async () => {
  await visit({}, async (page) => {
    await shows(page, ids(await world.rows()));
    assert.equal(await page.getByRole('table', { name: 'Unauthorized clients' }).count(), 1);
    assert.equal(await page.getByRole('columnheader').count(), 10);
    assert.equal(await page.getByRole('row').count(), 1 + PAGE_SIZE);
    assert.ok((await page.getByRole('button', { name: /^Show reason: / }).count()) >= PAGE_SIZE);
    assert.equal(await page.getByRole('search', { name: 'Filters' }).count(), 1);
    await page.click('[data-sort=clientId]');
    await page.waitForFunction(() => /^1–20 of \d+\.$/.test(document.querySelector('#said').textContent));
    await page.emulateMedia({ reducedMotion: 'reduce' });
    await page.evaluate(() => document.querySelector('#rows tr').classList.add('news'));
    assert.equal(await page.evaluate(() => getComputedStyle(document.querySelector('.news td')).animationName), 'none');
  });
});
