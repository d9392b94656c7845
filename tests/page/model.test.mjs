// The page's pure functions, without a browser.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { apiQuery, countUnseen, cut, escapeName, localTime, isoTime, readView, safePieces, safeString, viewQuery } from '../../src/api/page/model.js';

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

test('a reason is cut after fifty characters, never inside one', () => {
  assert.equal(cut('x'.repeat(50), 50), 'x'.repeat(50));
  assert.equal(cut('x'.repeat(51), 50), `${'x'.repeat(50)}...`);
  assert.equal(cut('😀'.repeat(51), 50), `${'😀'.repeat(50)}...`);
});

test('a time that is none stays a number', () => {
  assert.equal(localTime(8.64e15 + 1), String(8.64e15 + 1));
  assert.equal(isoTime(8.64e15 + 1), null);
  assert.equal(isoTime(0), '1970-01-01T00:00:00.000Z');
});

test('the view without a query is that of the reference: newest first, ten rows', () => {
  const view = readView('');
  assert.deepEqual([view.sortProperty, view.sortOrder, view.pageSize, view.page], ['ts', 'DESC', 10, 0]);
  assert.equal(viewQuery(view), '');
  assert.deepEqual(apiQuery(view, 0), { pageSize: 10, page: 0, sortProperty: 'ts', sortOrder: 'DESC' });
});

test('a view and its query name each other', () => {
  const query = 'clientId=a%26b&username=u&ipAddress=10.0&reason=x&passwordProvidedList=true&tlsUsedList=false&reasonCode=other&broker=b&window=1h&sortProperty=clientId&sortOrder=ASC&pageSize=50&page=3';
  assert.equal(viewQuery(readView(`?${query}`)), query);
  const api = apiQuery(readView(`?${query}`), 10_000_000);
  assert.equal(api.startTime, 10_000_000 - 3_600_000);
  assert.equal(api.clientId, 'a&b');
  assert.equal('window' in api, false);
});

test('lists of booleans are read as the reference reads them', () => {
  const list = (query) => readView(query).filters.tlsUsedList;
  assert.equal(list('?tlsUsedList=TRUE'), 'true');
  assert.equal(list('?tlsUsedList=nonsense'), 'false');
  assert.equal(list('?tlsUsedList=,'), '');
  assert.equal(list('?tlsUsedList=false&tlsUsedList=true'), 'true,false');
});

test('a query that makes no sense falls back to the defaults', () => {
  const view = readView('?pageSize=7&page=-3&sortProperty=__proto__&sortOrder=x&window=9y');
  assert.deepEqual(view, readView(''));
});
