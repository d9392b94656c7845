// The page in a real browser, against the mock or a running turnaway (see browser.mjs). Cases that delete come last.

import assert from 'node:assert/strict';
import { after, before } from 'node:test';

import { begin, world } from './browser.mjs';

import './files.cases.mjs';
import './table.cases.mjs';
import './reason.cases.mjs';
import './live.cases.mjs';
import './looks.cases.mjs';
import './roles.cases.mjs';
import './delete.cases.mjs';

before(async () => {
  await begin();
  const { totalElements } = await world.rows();
  assert.ok(totalElements >= 25, `the tests need 25 rows, the table has ${totalElements}`);
});

after(() => world?.close());
