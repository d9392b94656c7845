// The page in a real browser, against the mock or a running turnaway (see browser.mjs). Tests that delete come last.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { safeString } from '../../src/api/page/model.js';
import { ROWS_URL, closePage, focused, openPage, says, shows, start, tabTo } from './browser.mjs';
import { HOSTILE } from './seed.mjs';

const SOURCES = new URL('../../src/api/page/', import.meta.url);
const ids = (page) => page.data.map((row) => row.clientId);
const json = (body, status = 200) => ({ status, contentType: 'application/json', body: JSON.stringify(body) });
const refusal = (status, message) => json({ status, message, errorCode: status === 401 ? 10 : 20, timestamp: 0 }, status);

let world;

before(async () => {
  world = await start();
  const { totalElements } = await world.rows();
  assert.ok(totalElements >= 21, `the tests need 21 rows, the table has ${totalElements}`);
});

after(() => world?.close());

/** Opens the page, runs the steps, and checks that nothing forbidden happened. */
async function visit(options, steps) {
  const page = await openPage(world, options);
  try {
    await steps(page);
  } finally {
    await closePage(page);
  }
}

const shot = (page, name, options) => page.screenshot({ path: join(world.shots, `${name}.png`), ...options });

/* ---------- the files ---------- */

test('the page is small, and its sources have no markup sink and no inline script or style', () => {
  const files = readdirSync(SOURCES).map((name) => [name, readFileSync(new URL(name, SOURCES), 'utf8')]);
  const size = files.reduce((sum, [, text]) => sum + Buffer.byteLength(text), 0);
  assert.ok(size < 60_000, `${size} bytes`);
  for (const [name, text] of files) {
    assert.doesNotMatch(text, /innerHTML|outerHTML\s*=|insertAdjacentHTML|document\.write|\beval\(|new Function/, name);
    assert.doesNotMatch(text, /https?:\/\/(?!www\.w3\.org\/2000\/svg)/, name);
    if (name.endsWith('.html')) assert.doesNotMatch(text, /<style|\sstyle=|\son\w+=|<script(?![^>]*src=)/, name);
  }
});

test('the server sends the strict policy', async () => {
  const answer = await fetch(`${world.base}/`);
  const policy = answer.headers.get('content-security-policy');
  for (const part of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"]) assert.ok(policy.includes(part), policy);
});

/* ---------- the table ---------- */

test('lists what the API gives, newest first, in the columns of the reference', async () => {
  const expected = await world.rows();
  await visit({}, async (page) => {
    await shows(page, ids(expected));
    const headings = await page.locator('thead th').allInnerTexts();
    assert.deepEqual(headings.slice(1, -1).map((text) => text.trim()), ['Last update time', 'Client ID', 'Username', 'Password', 'TLS', 'Client IP', 'Reason']);
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
      assert.equal(await tr.locator('.c-reason > .value').getAttribute('title'), safeString(row.reason, 1000));
    }
    assert.ok((await page.locator('#range').innerText()).endsWith(`of ${expected.totalElements}`));
    await shot(page, 'light', { fullPage: true });
  });
});

test('filters by text, keeps the filter in the URL, and clears it', async () => {
  const all = await world.rows();
  const part = all.data.at(-1).clientId.slice(0, 5).toUpperCase();
  const expected = await world.rows({ clientId: part });
  await visit({}, async (page) => {
    await shows(page, ids(all));
    await page.fill('input[name=clientId]', part);
    await shows(page, ids(expected));
    assert.equal(new URL(page.url()).searchParams.get('clientId'), part);
    await page.reload();
    await shows(page, ids(expected));
    assert.equal(await page.inputValue('input[name=clientId]'), part);
    await page.click('#clear-filters');
    await shows(page, ids(all));
    assert.equal(new URL(page.url()).search, '');
  });
});

test('filters by reason, password, TLS, broker, address and reason text', async () => {
  const all = await world.rows({ pageSize: 100 });
  const sample = all.data.find((row) => row.ipAddress !== null) ?? all.data[0];
  const filters = [
    ['select', 'reasonCode', sample.reasonCode],
    ['select', 'passwordProvidedList', 'true'],
    ['select', 'tlsUsedList', 'false'],
    ['select', 'tlsUsedList', 'true,false'],
    ['select', 'broker', sample.broker],
    ['input', 'ipAddress', sample.ipAddress ?? '1'],
    ['input', 'reason', sample.reason.slice(3, 12)],
    ['input', 'username', all.data.find((row) => row.username)?.username ?? 'nobody-at-all'],
  ];
  for (const [kind, name, value] of filters) {
    const expected = await world.rows({ [name]: value });
    await visit({}, async (page) => {
      await shows(page, ids({ data: all.data.slice(0, 10) }));
      if (kind === 'select') await page.selectOption(`select[name=${name}]`, value);
      else await page.fill(`input[name=${name}]`, value);
      // The rows may be the same as before; the address tells that the filter is at work.
      await page.waitForURL((url) => url.searchParams.get(name) === value);
      await shows(page, ids(expected));
    });
  }
});

test('a time window asks for what came since', async () => {
  await visit({}, async (page) => {
    await shows(page, ids(await world.rows()));
    const asked = page.waitForRequest((request) => request.url().includes('startTime='));
    await page.selectOption('select[name=window]', '24h');
    const start = Number(new URL((await asked).url()).searchParams.get('startTime'));
    const age = (await page.evaluate(() => Date.now())) - start;
    assert.ok(age >= 86_400_000 && age < 86_460_000, `${age} ms`);
  });
});

test('sorts by a heading, both ways', async () => {
  await visit({}, async (page) => {
    for (const name of ['clientId', 'ipAddress', 'reason']) {
      for (const [sortOrder, word] of [['ASC', 'ascending'], ['DESC', 'descending']]) {
        await page.click(`[data-sort=${name}]`);
        await shows(page, ids(await world.rows({ sortProperty: name, sortOrder })));
        assert.equal(await page.locator(`th.c-${name}`).getAttribute('aria-sort'), word);
        assert.equal(await page.locator('th[aria-sort]').count(), 1);
      }
    }
  });
});

test('pages, changes the page size, and comes back from past the end', async () => {
  const { totalElements } = await world.rows();
  await visit({}, async (page) => {
    await shows(page, ids(await world.rows()));
    assert.equal(await page.locator('[data-step=prev]').getAttribute('aria-disabled'), 'true');
    await page.click('[data-step=next]');
    await shows(page, ids(await world.rows({ page: 1 })));
    assert.equal(await page.locator('#range').innerText(), `11–20 of ${totalElements}`);
    await page.click('[data-step=last]');
    await shows(page, ids(await world.rows({ page: Math.ceil(totalElements / 10) - 1 })));
    await page.selectOption('#page-size', '20');
    await shows(page, ids(await world.rows({ pageSize: 20 })));
    await page.goto(`${world.base}/?pageSize=20&page=999`);
    await shows(page, ids(await world.rows({ pageSize: 20, page: Math.ceil(totalElements / 20) - 1 })));
  });
});

/* ---------- the reason ---------- */

test('Show reason opens the full text with cause, solution, alternatives, deduced fields and evidence', async () => {
  const { data } = await world.rows({ pageSize: 100 });
  const reasons = new Map((await world.api('api/reasons')).body.map((reason) => [reason.code, reason]));
  const richest = data.map((row) => row.alternatives.length * 2 + row.inferred.length);
  const index = richest.indexOf(Math.max(...richest));
  const row = data[index];
  await visit({ path: '/?pageSize=100' }, async (page) => {
    await shows(page, ids({ data }));
    await page.locator('[data-control=show]').nth(index).click();
    const body = page.locator('#reason-body');
    assert.equal(await page.locator('#reason-title').innerText(), reasons.get(row.reasonCode).title);
    assert.equal(await page.locator('#reason-code').innerText(), row.reasonCode);
    const text = await body.innerText();
    const { cause, solution } = reasons.get(row.reasonCode);
    for (const words of [cause, solution, ...row.alternatives.map((code) => reasons.get(code).title)]) assert.ok(text.includes(words), words);
    assert.equal(await body.locator('pre').count(), row.evidence.length > 0 ? 1 : 0);
    assert.equal(await body.locator('.unsure li').count(), row.inferred.length);
    await shot(page, 'reason');
    await page.keyboard.press('Escape');
    assert.equal(await page.locator('#reason-dialog').isVisible(), false);
    assert.equal(await focused(page), 'show');
  });
});

test('a click on a row opens its reason', async () => {
  await visit({}, async (page) => {
    await shows(page, ids(await world.rows()));
    await page.locator('#rows tr').nth(1).locator('.c-reason').click();
    assert.equal(await page.locator('#reason-dialog').isVisible(), true);
  });
});

test('copies the true value', async () => {
  const expected = await world.rows();
  await world.context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: world.base });
  await visit({}, async (page) => {
    await shows(page, ids(expected));
    await page.locator('#rows tr').nth(2).locator('.c-clientId .copy').click();
    await says(page, '#said', 'Copied the client ID');
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), expected.data[2].clientId);
  });
});

/* ---------- hostile rows ---------- */

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
    await page.locator('[data-control=show]').first().click();
    assert.ok((await page.locator('#reason-body pre').innerText()).includes('U+001B'));
    assert.equal(await page.locator('#reason-title').innerText(), '<u>y</u>');
    await page.keyboard.press('Escape');
    await page.locator('[data-control=remove]').first().click();
    assert.ok((await page.locator('#confirm-body').innerText()).startsWith(HOSTILE.markup));
    await shot(page, 'hostile');
    await page.click('#confirm-no');
    assert.equal(await page.locator('img, #rows script, #rows svg[onload]').count(), 0);
    assert.ok(await page.evaluate(() => document.scrollingElement.scrollWidth <= innerWidth));
  });
});

test('hostile client IDs that the table really holds are found and shown as text', async () => {
  for (const id of [HOSTILE.markup, HOSTILE.bidi]) {
    const expected = await world.rows({ clientId: id });
    await visit({ path: `/?clientId=${encodeURIComponent(id)}` }, async (page) => {
      await shows(page, ids(expected));
      assert.equal(await page.locator('img').count(), 0);
    });
  }
});

/* ---------- refreshing ---------- */

test('a refresh by the clock keeps the focus, the marked text and the picked rows', async () => {
  let extra = null;
  const prepare = async (page) => {
    await page.clock.install();
    await page.route(ROWS_URL, async (route) => {
      const answer = await (await route.fetch()).json();
      if (extra) answer.data.unshift({ ...answer.data[0], clientId: extra });
      await route.fulfill(json(answer));
    });
  };
  const expected = ids(await world.rows());
  await visit({ prepare }, async (page) => {
    await shows(page, expected);
    await page.locator('[data-control=pick]').nth(2).check();
    await page.locator('[data-control=show]').nth(4).focus();
    await page.evaluate(() => getSelection().selectAllChildren(document.querySelectorAll('#rows .c-clientId > .value')[3]));
    const marked = await page.evaluate(() => String(getSelection()));
    extra = 'newcomer';
    await page.clock.runFor(5_000);
    await shows(page, ['newcomer', ...expected]);
    assert.equal(await page.evaluate(() => Array.from(document.querySelectorAll('[data-control=show]')).indexOf(document.activeElement)), 5);
    assert.equal(await page.evaluate(() => String(getSelection())), marked);
    assert.equal(await page.locator('[data-control=pick]').nth(3).isChecked(), true);
    assert.equal(await page.locator('#selection-count').innerText(), '1 selected');
  });
});

test('a failure is said, keeps the rows, and is taken back', async () => {
  let broken = false;
  const prepare = (page) => page.route(ROWS_URL, (route) => (broken ? route.fulfill(json({ status: 500, message: 'Database error', errorCode: 46, timestamp: 0 }, 500)) : route.continue()));
  const expected = ids(await world.rows());
  await visit({ prepare }, async (page) => {
    await shows(page, expected);
    broken = true;
    await page.click('#refresh');
    await says(page, '#banner', 'Database error');
    await shows(page, expected);
    broken = false;
    await page.click('#banner button');
    await page.waitForFunction(() => document.querySelector('#banner').textContent === '');
    assert.equal(await focused(page), 'refresh');
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

test('an empty table and a filter that finds nothing read differently', async () => {
  const prepare = (page) => page.route(ROWS_URL, (route) => route.fulfill(json({ data: [], totalPages: 0, totalElements: 0, hasNext: false })));
  await visit({ prepare }, async (page) => {
    await says(page, '#panel', 'No refused clients');
    await shot(page, 'empty');
    await page.goto(`${world.base}/?clientId=zzz`);
    await says(page, '#panel', 'No client matches');
    await page.click('#panel button');
    await says(page, '#panel', 'No refused clients');
  });
});

/* ---------- looks and keyboard ---------- */

test('works by keyboard alone', async () => {
  const expected = ids(await world.rows());
  await visit({}, async (page) => {
    await shows(page, expected);
    await tabTo(page, 'clientId');
    await page.keyboard.press('Enter');
    await shows(page, ids(await world.rows({ sortProperty: 'clientId', sortOrder: 'ASC' })));
    assert.equal(await focused(page), 'clientId');
    await tabTo(page, 'show');
    await page.keyboard.press('Enter');
    assert.equal(await page.locator('#reason-dialog').isVisible(), true);
    await page.keyboard.press('Escape');
    assert.equal(await focused(page), 'show');
    await tabTo(page, 'remove');
    await page.keyboard.press('Enter');
    assert.equal(await focused(page), 'confirm-no');
    await page.keyboard.press('Escape');
    assert.equal(await page.locator('#confirm-dialog').isVisible(), false);
    assert.equal(await focused(page), 'remove');
    await tabTo(page, 'Next page', 120);
    await page.keyboard.press('Space');
    await shows(page, ids(await world.rows({ sortProperty: 'clientId', sortOrder: 'ASC', page: 1 })));
    assert.equal(await focused(page), 'Next page');
    const ring = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
    assert.equal(ring, 'solid');
  });
});

test('fits 360 pixels: cards, sorting and dialogs without sideways scrolling', async () => {
  const fits = (page) => page.evaluate(() => document.scrollingElement.scrollWidth <= 360);
  await visit({ size: { width: 360, height: 780 } }, async (page) => {
    await shows(page, ids(await world.rows()));
    assert.equal(await fits(page), true);
    await shot(page, 'phone', { fullPage: true });
    await page.click('#toggle-filters');
    assert.equal(await fits(page), true);
    await page.selectOption('#sort-cards', 'clientId ASC');
    await shows(page, ids(await world.rows({ sortProperty: 'clientId', sortOrder: 'ASC' })));
    await page.locator('[data-control=show]').first().click();
    assert.equal(await fits(page), true);
    const box = await page.locator('#reason-dialog').boundingBox();
    assert.ok(box.x >= 0 && box.x + box.width <= 360 && box.y >= 0 && box.y + box.height <= 780, JSON.stringify(box));
    await shot(page, 'phone-reason');
  });
  await visit({ size: { width: 360, height: 780 }, path: `/?clientId=${HOSTILE.long.slice(0, 40)}` }, async (page) => {
    await shows(page, ids(await world.rows({ clientId: HOSTILE.long.slice(0, 40) })));
    assert.equal(await fits(page), true);
  });
});

test('no width between phone and desk scrolls sideways', async () => {
  await visit({}, async (page) => {
    await shows(page, ids(await world.rows()));
    for (const width of [320, 480, 700, 1160, 1161, 1280, 1366, 1920, 2560]) {
      await page.setViewportSize({ width, height: 800 });
      assert.ok(await page.evaluate(() => document.scrollingElement.scrollWidth <= innerWidth), `${width} px`);
    }
  });
});

for (const scheme of ['light', 'dark']) {
  test(`text has a contrast of 4.5 or more (${scheme})`, async () => {
    await visit({ scheme }, async (page) => {
      await shows(page, ids(await world.rows()));
      const back = await page.evaluate(() => getComputedStyle(document.body).backgroundColor.match(/\d+/g).reduce((sum, part) => sum + Number(part), 0));
      assert.equal(back < 384, scheme === 'dark');
      assert.deepEqual(await page.evaluate(weakTexts), []);
      await page.locator('[data-control=show]').first().click();
      assert.deepEqual(await page.evaluate(weakTexts), []);
      await shot(page, `${scheme}-reason`);
      await page.keyboard.press('Escape');
      await page.locator('[data-control=remove]').first().click();
      assert.deepEqual(await page.evaluate(weakTexts), []);
      await shot(page, `${scheme}-delete`);
      await page.keyboard.press('Escape');
      await shot(page, scheme, { fullPage: true });
    });
  });
}

/** In the page: texts whose colour is too near to what lies behind them. */
function weakTexts() {
  const parse = (colour) => colour.match(/[\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((part) => part / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)).reduce((sum, part, index) => sum + part * [0.2126, 0.7152, 0.0722][index], 0);
  const behind = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const open = document.querySelector('dialog[open]') ?? document.body;
  const weak = [];
  for (const node of open.querySelectorAll('*')) {
    const own = Array.from(node.childNodes).some((child) => child.nodeType === 3 && child.data.trim());
    if (!own || !node.checkVisibility({ opacityProperty: true }) || node.closest('[aria-disabled=true], :disabled, .unseen, option')) continue;
    const [a, b] = [light(parse(getComputedStyle(node).color)), light(behind(node))].sort((x, y) => y - x);
    const contrast = (a + 0.05) / (b + 0.05);
    if (contrast < 4.5) weak.push(`${node.tagName}.${node.className} ${contrast.toFixed(2)} ${node.textContent.slice(0, 30)}`);
  }
  return weak;
}

/* ---------- roles ---------- */

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

test('who may only read is told that deleting needs a token of role operator', async () => {
  const expected = ids(await world.rows());
  const staged = world.auditor === null;
  const prepare = staged ? (page) => page.route('**/api/unauthorized/client*', (route) => (route.request().method() === 'DELETE' ? route.fulfill(refusal(403, "You don't have permission to perform this operation!")) : route.continue())) : undefined;
  await visit({ token: world.auditor ?? world.token, prepare }, async (page) => {
    await shows(page, expected);
    await page.locator('[data-control=remove]').first().click();
    await page.click('#confirm-yes');
    await says(page, '#confirm-error', 'role operator');
    await shot(page, 'read-only');
    await page.click('#confirm-token');
    assert.equal(await focused(page), 'token-field');
    if (world.token && !staged) {
      await page.fill('#token-field', world.token);
      await page.keyboard.press('Enter');
      await page.waitForFunction(() => document.querySelector('#confirm-error').textContent === '');
    } else {
      await page.keyboard.press('Escape');
    }
    assert.equal(await page.locator('#confirm-dialog').isVisible(), true);
    await page.click('#confirm-no');
    await shows(page, expected);
  });
  assert.deepEqual(ids(await world.rows()), expected);
});

/* ---------- deleting ---------- */

const deletes = (name, body) => test(name, async (context) => {
  if (world.token === null) return context.skip('needs PAGE_TOKEN, a token of role operator');
  return body();
});

deletes('deletes one client: No keeps it, Yes deletes it, the focus stays in the table', async () => {
  const before = await world.rows();
  const victim = before.data[1].clientId;
  await visit({}, async (page) => {
    await shows(page, ids(before));
    await page.locator('[data-control=remove]').nth(1).click();
    assert.equal(await page.locator('#confirm-body .names .value').innerText(), safeString(victim).replaceAll(/\[(U\+\w+)\]/g, '$1'));
    await page.click('#confirm-no');
    assert.equal(await focused(page), 'remove');
    assert.deepEqual(ids(await world.rows()), ids(before));
    await page.locator('[data-control=remove]').nth(1).click();
    await page.click('#confirm-yes');
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
    await page.locator('[data-control=remove]').first().click();
    assert.equal((await world.api(`api/unauthorized/client?clientId=${encodeURIComponent(victim)}`, 'DELETE')).status, 200);
    await page.click('#confirm-yes');
    await shows(page, ids(await world.rows()));
  });
});

deletes('deletes the picked clients of two pages', async () => {
  const first = await world.rows();
  const second = await world.rows({ page: 1 });
  await visit({}, async (page) => {
    await shows(page, ids(first));
    await page.locator('[data-control=pick]').first().check();
    await page.click('[data-step=next]');
    await shows(page, ids(second));
    await page.locator('[data-control=pick]').nth(1).check();
    assert.equal(await page.locator('#selection-count').innerText(), '2 selected');
    await page.click('#delete-selected');
    assert.equal(await page.locator('#confirm-body .names li').count(), 2);
    await page.click('#confirm-yes');
    await says(page, '#said', 'Deleted 2 clients.');
    await shows(page, ids(await world.rows({ page: 1 })));
    assert.equal(await page.locator('#selection').isVisible(), false);
  });
});

deletes('deletes all: No keeps them, Yes leaves an empty table', async () => {
  const before = await world.rows();
  await visit({}, async (page) => {
    await shows(page, ids(before));
    await page.click('#delete-all');
    await shot(page, 'delete-all');
    await page.click('#confirm-no');
    assert.equal((await world.rows()).totalElements, before.totalElements);
    await page.click('#delete-all');
    await page.click('#confirm-yes');
    await says(page, '#panel', 'No refused clients');
    assert.equal((await world.rows()).totalElements, 0);
    assert.equal(await focused(page), 'delete-all');
  });
});
