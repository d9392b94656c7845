// The page's pure functions, without a browser.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { activeFilters, countUnseen, escapeName, inferredWords, isoTime, localTime, pageQuery, readView, safePieces, safeString, viewFragment } from '../../src/api/page/model.js';
import { sourceWords, spansOf, timeWords } from '../../src/api/page/overview.js';

test('plain text of any script stays as it is', () => {
  for (const text of ['sensor-7', 'Zähler Süd 9', 'الشمال', '北-1', 'a b', '<b>&amp;']) assert.equal(safeString(text), text);
});

test('characters that hide, move or pile up are named', () => {
  const cases = {
    'a\u202Eb': 'a[U+202E]b',
    'a\u0000b\u001B[2J': 'a[U+0000]b[U+001B][2J',
    'a\u200Bb\uFEFF': 'a[U+200B]b[U+FEFF]',
    'a\u2028b\u00A0c': 'a[U+2028]b[U+00A0]c',
    'a\uFE0Fb\u{E0041}': 'a[U+FE0F]b[U+E0041]',
    'a\uD800b': 'a[U+D800]b',
    ' a  b ': '[U+0020]a  b[U+0020]',
    ' ': '[U+0020]',
    'z\u0301\u0301\u0301\u0301\u0301': 'z\u0301\u0301\u0301[U+0301][U+0301]',
    '\u2066x\u2069': '[U+2066]x[U+2069]',
  };
  for (const [text, shown] of Object.entries(cases)) assert.equal(safeString(text), shown, JSON.stringify(text));
  assert.equal(escapeName('\u{1F600}'), 'U+1F600');
});

test('what is too long is cut, and counted', () => {
  assert.deepEqual(safePieces('abcdef', 4), [{ text: 'abcd', escaped: false }, { text: ' … and 2 more', escaped: false, more: true }]);
  assert.equal(safePieces('x'.repeat(100_000)).length, 2);
  assert.equal(countUnseen('a\u202E\u200B'), 2);
  assert.equal(countUnseen('x'.repeat(5000)), 0);
});

test('a time that is none stays a number', () => {
  assert.equal(localTime(8.64e15 + 1), String(8.64e15 + 1));
  assert.equal(isoTime(8.64e15 + 1), null);
  assert.equal(isoTime(0), '1970-01-01T00:00:00.000Z');
});

test('the view without an address is newest first', () => {
  const view = readView('');
  assert.deepEqual([view.sortProperty, view.sortOrder, view.pageSize, view.page], ['ts', 'DESC', 20, 0]);
  assert.equal(viewFragment(view), '');
  assert.deepEqual(pageQuery(view, 0), { pageSize: 20, page: 0, sortProperty: 'ts', sortOrder: 'DESC' });
});

test('a view and its fragment name each other', () => {
  const text = 'clientId=a%26b&username=u&ipAddress=10.0&reason=x&reasonCode=other&passwordProvidedList=true&tlsUsedList=false&broker=b&window=1h&sortProperty=clientId&sortOrder=ASC&pageSize=50&page=3';
  const view = readView(`#${text}`);
  assert.equal(viewFragment(view), text);
  const api = pageQuery(view, 10_000_000);
  assert.equal(api.startTime, 10_000_000 - 3_600_000);
  assert.equal(api.clientId, 'a&b');
  assert.equal('window' in api, false);
  assert.equal(activeFilters(view).length, 9);
});

test('a custom window has its ends, and either end makes one', () => {
  const view = readView('#window=custom&startTime=5000&endTime=9999');
  assert.equal(viewFragment(view), 'window=custom&startTime=5000&endTime=9999');
  assert.deepEqual(activeFilters(view), ['window']);
  assert.deepEqual([pageQuery(view, 0).startTime, pageQuery(view, 0).endTime], ['5000', '9999']);
  assert.equal(readView('#startTime=5000').filters.window, 'custom');
  assert.deepEqual(readView('#startTime=x&endTime=99999999999999999999'), readView(''));
});

test('what is deduced is said in plain words', () => {
  assert.match(inferredWords('ipAddress'), /^Client IP deduced: Several connections were open/);
  assert.match(inferredWords('username'), /^Username deduced: joined/);
  assert.match(inferredWords('novel'), /^novel deduced/);
});

test('lists of booleans are read as the reference reads them', () => {
  const list = (query) => readView(query).filters.tlsUsedList;
  assert.equal(list('?tlsUsedList=TRUE'), 'true');
  assert.equal(list('?tlsUsedList=nonsense'), 'false');
  assert.equal(list('?tlsUsedList=,'), '');
  assert.equal(list('?tlsUsedList=false&tlsUsedList=true'), 'true,false');
});

test('a chart has the spans of the sums, those until now that are empty, and its words', () => {
  const summary = { totalElements: 3, startTime: 0, step: 60_000, times: [1, 2] };
  assert.deepEqual(spansOf(summary, 0), [[0, 1], [60_000, 2]]);
  const spans = spansOf(summary, 130_000);
  assert.deepEqual(spans, [[0, 1], [60_000, 2], [120_000, 0]]);
  assert.equal(timeWords(summary, spans), `3 clients by the time of the last attempt, from ${localTime(0)} to ${localTime(180_000)}; most, 2, from ${localTime(60_000)} on.`);
});

test('a log that cannot be read, waits or has gaps is in trouble', () => {
  const good = { state: 'following', lag: 0, gaps: 0, lastError: null, lastChange: null };
  assert.deepEqual(sourceWords(good), [true, 'read']);
  assert.deepEqual(sourceWords({ ...good, lag: 1200 }), [true, 'read, 1,200 bytes behind']);
  assert.deepEqual(sourceWords({ ...good, state: 'waiting' }), [false, 'not there yet']);
  assert.deepEqual(sourceWords({ ...good, lastError: 'denied' }), [false, 'read, denied']);
  assert.equal(sourceWords({ ...good, gaps: 1 })[0], false);
});

test('a query that makes no sense falls back to the defaults', () => {
  const view = readView('?pageSize=7&page=-3&sortProperty=__proto__&sortOrder=x&window=9y');
  assert.deepEqual(view, readView(''));
});
