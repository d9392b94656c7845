// A stand-in for the daemon while the page is developed: the API in memory, with the same policy and the same errors.
//
//   node mock.mjs [PORT]    serves the page with the tokens `operator-token` and `auditor-token`

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { pathToFileURL } from 'node:url';

import { seedRows } from './seed.mjs';

export const OPERATOR = 'operator-token';
export const AUDITOR = 'auditor-token';

const PAGE = new URL('../../src/api/page/', import.meta.url);
const KINDS = { html: 'text/html', js: 'text/javascript', css: 'text/css' };
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const REASONS = [
  ['no-credentials-found', 'No Credentials Found', 'basic', 'Nothing that the server stores matches this client ID and username.', 'Check that the client ID and the username of the device are those of the stored credentials.'],
  ['password-does-not-match', 'Password Does Not Match', 'basic', 'The password that the client sent is not the stored one.', 'Give the device the right password, or set a new one on the server.'],
  ['no-password-provided', 'No Password Provided', 'basic', 'The credentials ask for a password and the client sent none.', 'Have the device send its password.'],
  ['peer-identity-not-verified', 'Peer Identity Not Verified', 'tls', 'The client\'s certificate is missing or invalid.', 'Make sure that the client has a valid certificate and is configured to send it.'],
  ['no-authorization-rules-for-cn', 'No Authorization Rules for CN', 'tls', 'The server has no authorization rules for this common name.', 'Add authorization rules for the certificate\'s common name.'],
  ['other', 'Other', 'other', 'The broker refused for a reason outside the documented ones; its own words say which.', 'Read the broker\'s words in the reason and the evidence lines.'],
].map(([code, title, family, cause, solution]) => ({ code, title, family, cause, solution }));

/** What the program sends of a file. */
const lean = (text) => text.replace(/^\s*\/\*[^]*?\*\/\n/gm, '').split('\n').map((line) => line.trim()).filter((line) => line && !line.startsWith('//')).map((line) => `${line}\n`).join('');

class Refusal extends Error {
  constructor(status, errorCode, message) {
    super(message);
    Object.assign(this, { status, errorCode });
  }
}

/** Starts the mock on a free port of the loopback: `{ url, close }`. */
export async function startMock(port = 0) {
  let rows = seedRows(Date.now());

  const watchers = new Set();
  const tell = () => watchers.forEach((response) => response.write('event: reset\ndata: {}\n\n'));

  function check(request, response) {
    const token = request.headers.authorization?.replace(/^Bearer /, '');
    if (token !== OPERATOR && token !== AUDITOR) throw new Refusal(401, 10, 'Authentication failed');
    response.setHeader('X-Turnaway-Role', token === OPERATOR ? 'operator' : 'auditor');
    if (request.method === 'DELETE' && token !== OPERATOR) throw new Refusal(403, 20, "You don't have permission to perform this operation!");
  }

  function remove(query) {
    const clientId = query.get('clientId');
    if (clientId === '') throw new Refusal(400, 31, 'Incorrect clientId ');
    const left = clientId === null ? [] : rows.filter((row) => row.clientId !== clientId);
    if (clientId !== null && left.length === rows.length) throw new Refusal(404, 32, "Requested item wasn't found!");
    rows = left;
    tell();
    return '';
  }

  function answer(request, response, url) {
    check(request, response);
    const route = `${request.method} ${url.pathname}`;
    if (route === 'GET /api/unauthorized/client/v2') return pageOf(rows, url.searchParams);
    if (route === 'GET /api/unauthorized/client/summary') return summaryOf(rows.filter((row) => matches(row, url.searchParams)));
    if (route === 'DELETE /api/unauthorized/client') return remove(url.searchParams);
    if (route === 'GET /api/reasons') return REASONS;
    if (route === 'GET /api/sources') return [{ name: 'tbmq', path: '/var/log/tbmq/tbmq.log', grammar: 'tbmq', state: 'following', product: 'TBMQ', lag: 0, gaps: 0, lastChange: Date.now() - 4000, lastError: null }, { name: 'edge-mosquitto', path: '/var/log/mosquitto/mosquitto.log', grammar: 'mosquitto', product: 'Eclipse Mosquitto', state: 'failing', lag: 512, gaps: 0, lastChange: Date.now() - 9e6, lastError: 'cannot open the log: permission denied' }];
    throw new Refusal(404, 32, "Requested item wasn't found!");
  }

  const server = createServer(async (request, response) => {
    const url = new URL(request.url, 'http://mock');
    response.setHeader('Content-Security-Policy', POLICY);
    response.setHeader('X-Content-Type-Options', 'nosniff');
    response.setHeader('Cache-Control', 'no-store');
    const name = url.pathname === '/' ? 'index.html' : url.pathname.slice(1);
    if (/^\w+\.(html|js|css)$/.test(name)) {
      response.setHeader('Content-Type', `${KINDS[name.split('.')[1]]}; charset=utf-8`);
      response.end(lean(await readFile(new URL(name, PAGE), 'utf8')));
      return;
    }
    response.setHeader('Content-Type', 'application/json');
    try {
      if (url.pathname === '/api/unauthorized/client/events') {
        check(request, response);
        response.setHeader('Content-Type', 'text/event-stream');
        response.write('retry: 3000\n\n');
        watchers.add(response);
        request.on('close', () => watchers.delete(response));
        return;
      }
      if (url.pathname === '/api/unauthorized/client/export') {
        check(request, response);
        response.setHeader('Content-Type', 'application/x-ndjson');
        response.end(rows.filter((row) => matches(row, url.searchParams)).map((row) => `${JSON.stringify(row)}\n`).join(''));
        return;
      }
      const body = answer(request, response, url);
      response.end(body === '' ? '' : JSON.stringify(body));
    } catch (error) {
      response.statusCode = error.status ?? 500;
      response.end(JSON.stringify({ status: response.statusCode, message: error.message, errorCode: error.errorCode ?? 2, timestamp: Date.now() }));
    }
  });
  await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    /** Adds a row, as if the log had just told of it. */
    add: (clientId) => {
      rows.push({ ...rows[0], clientId, ts: Date.now() });
      tell();
    },
    url: `http://127.0.0.1:${server.address().port}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

function pageOf(rows, query) {
  const size = Number(query.get('pageSize'));
  const number = Number(query.get('page'));
  if (!(size >= 1)) throw new Refusal(400, 31, `Incorrect page link page size '${size}'. Page size must be greater than zero.`);
  const found = rows.filter((row) => matches(row, query));
  sort(found, query.get('sortProperty') ?? 'clientId', query.get('sortOrder')?.toUpperCase() === 'DESC' ? -1 : 1);
  const totalPages = Math.ceil(found.length / size);
  return { data: found.slice(number * size, (number + 1) * size), totalPages, totalElements: found.length, hasNext: number + 1 < totalPages };
}

function summaryOf(rows) {
  if (rows.length === 0) return { totalElements: 0, attempts: 0, startTime: null, step: 0, times: [], reasons: [], brokers: [] };
  const sums = (field) => [...new Set(rows.map((row) => row[field]))].map((value) => [value, rows.filter((row) => row[field] === value)]).map(([value, group]) => ({ [field]: value, clients: group.length, attempts: group.reduce((sum, row) => sum + row.attempts, 0) }));
  const [step, startTime] = [900_000, Math.floor(Math.min(...rows.map((row) => row.ts)) / 900_000) * 900_000];
  const times = [];
  for (const row of rows) times[Math.floor((row.ts - startTime) / step)] = (times[Math.floor((row.ts - startTime) / step)] ?? 0) + 1;
  return { totalElements: rows.length, attempts: rows.reduce((sum, row) => sum + row.attempts, 0), startTime, step, times: Array.from(times, (each) => each ?? 0), reasons: sums('reasonCode').sort((a, b) => b.clients - a.clients), brokers: sums('broker') };
}

function matches(row, query) {
  const holds = (name) => {
    const part = query.get(name);
    return !part || (row[name] ?? '').toLowerCase().includes(part.toLowerCase());
  };
  const among = (list, value) => {
    const items = query.getAll(list).flatMap((item) => item.split(',')).filter(Boolean);
    return items.length === 0 || items.some((item) => (item.toLowerCase() === 'true') === value);
  };
  const is = (name) => !query.get(name) || row[name] === query.get(name);
  return ['clientId', 'ipAddress', 'username', 'reason'].every(holds)
    && among('passwordProvidedList', row.passwordProvided)
    && among('tlsUsedList', row.tlsUsed)
    && is('broker')
    && is('reasonCode')
    && row.ts >= Number(query.get('startTime') ?? 0)
    && row.ts <= Number(query.get('endTime') ?? Infinity);
}

function sort(rows, name, sign) {
  const key = (row) => row[name] ?? '';
  rows.sort((a, b) => sign * (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0) || (a.clientId < b.clientId ? -1 : 1));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const mock = await startMock(Number(process.argv[2] ?? 8080));
  console.log(`${mock.url} (tokens: ${OPERATOR}, ${AUDITOR})`);
}
