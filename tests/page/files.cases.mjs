// What the page is made of.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';

import { world } from './browser.mjs';

const SOURCES = new URL('../../src/api/page/', import.meta.url);

test('the page has no markup sink, no inline script or style, and nothing of anybody else', () => {
  for (const name of readdirSync(SOURCES)) {
    const text = readFileSync(new URL(name, SOURCES), 'utf8');
    assert.doesNotMatch(text, /innerHTML|outerHTML\s*=|insertAdjacentHTML|document\.write|\beval\(|new Function/, name);
    assert.doesNotMatch(text, /https?:\/\/(?!www\.w3\.org\/2000\/svg)/, name);
    if (name.endsWith('.html')) assert.doesNotMatch(text, /<style|\sstyle=|\son\w+=|<script(?![^>]*src=)/, name);
  }
});

test('all of it together is under 60,000 bytes as it is served, uncompressed', async () => {
  let size = 0;
  for (const name of readdirSync(SOURCES)) {
    const answer = await fetch(`${world.base}/${name === 'index.html' ? '' : name}`, { headers: { 'Accept-Encoding': 'identity' } });
    assert.equal(answer.status, 200, name);
    size += (await answer.arrayBuffer()).byteLength;
  }
  assert.ok(size < 60_000, `${size} bytes`);
});

test('the server sends the strict policy', async () => {
  const policy = (await fetch(`${world.base}/`)).headers.get('content-security-policy');
  for (const part of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"]) assert.ok(policy.includes(part), policy);
  assert.doesNotMatch(policy, /unsafe/);
});
