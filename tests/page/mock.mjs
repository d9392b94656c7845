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
const FILES = {
  '/': ['index.html', 'text/html; charset=utf-8'],
  '/page.js': ['page.js', 'text/javascript; charset=utf-8'],
  '/model.js': ['model.js', 'text/javascript; charset=utf-8'],
  '/view.js': ['view.js', 'text/javascript; charset=utf-8'],
  '/page.css': ['page.css', 'text/css; charset=utf-8'],
};
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const REASONS = [
  ['no-credentials-found', 'No Credentials Found', 'basic', 'Nothing that the server stores matches this client ID and username.', 'Check that the client ID and the username of the device are those of the stored credentials.'],
  ['password-does-not-match', 'Password Does Not Match', 'basic', 'The password that the client sent is not the stored one.', 'Give the device the right password, or set a new one on the server.'],
  ['no-password-provided', 'No Password Provided', 'basic', 'The credentials ask for a password and the client sent none.', 'Have the device send its password.'],
  ['peer-identity-not-verified', 'Peer Identity Not Verified', 'tls', 'The client\'s certificate is missing or invalid.', 'Make sure that the client has a valid certificate and is configured to send it.'],
  ['no-authorization-rules-for-cn', 'No Authorization Rules for CN', 'tls', 'The server has no authorization rules for this common name.', 'Add authorization rules for the certificate\'s common name.'],
  ['other', 'Other', 'other', 'The broker refused for a reason outside the documented ones; its own words say which.', 'Read the broker\'s words in the reason and the evidence lines.'],
].map(([code, title, family, cause, solution]) => ({ code, title, family, cause, solution }));

class Refusal extends Error {
  constructor(status, errorCode, message) {
    super(message);
    Object.assign(this, { status, errorCode });
  }
}

/** Starts the mock on a free port of the loopback: `{ url, close }`. */
export async function startMock(port = 0) {
  let rows = seedRows(Date.now());

  function check(request) {
    const token = request.headers.authorization?.replace(/^Bearer /, '');
    if (token !== OPERATOR && token !== AUDITOR) throw new Refusal(401, 10, 'Authentication failed');
    if (request.method === 'DELETE' && token !== OPERATOR) throw new Refusal(403, 20, "You don't have permission to perform this operation!");
  }

  function remove(query) {
    const clientId = query.get('clientId');
    if (clientId === '') throw new Refusal(400, 31, 'Incorrect clientId ');
    const left = clientId === null ? [] : rows.filter((row) => row.clientId !== clientId);
    if (clientId !== null && left.length === rows.length) throw new Refusal(404, 32, "Requested item wasn't found!");
    rows = left;
    return '';
  }

  function answer(request, url) {
    check(request);
    const route = `${request.method} ${url.pathname}`;
    if (route === 'GET /api/unauthorized/client/v2') return pageOf(rows, url.searchParams);
    if (route === 'DELETE /api/unauthorized/client') return remove(url.searchParams);
    if (route === 'GET /api/reasons') return REASONS;
    if (route === 'GET /api/sources') return [{ name: 'tbmq', path: '/var/log/tbmq/tbmq.log', grammar: 'tbmq', lastError: null }, { name: 'edge-mosquitto', path: '/var/log/mosquitto/mosquitto.log', grammar: 'mosquitto', lastError: null }];
    throw new Refusal(404, 32, "Requested item wasn't found!");
  }

  const server = createServer(async (request, response) => {
    const url = new URL(request.url, 'http://mock');
    response.setHeader('Content-Security-Policy', POLICY);
    response.setHeader('X-Content-Type-Options', 'nosniff');
    response.setHeader('Cache-Control', 'no-store');
    const file = FILES[url.pathname];
    if (file) {
      response.setHeader('Content-Type', file[1]);
      response.end(await readFile(new URL(file[0], PAGE)));
      return;
    }
    response.setHeader('Content-Type', 'application/json');
    try {
      const body = answer(request, url);
      response.end(body === '' ? '' : JSON.stringify(body));
    } catch (error) {
      response.statusCode = error.status ?? 500;
      response.end(JSON.stringify({ status: response.statusCode, message: error.message, errorCode: error.errorCode ?? 2, timestamp: Date.now() }));
    }
  });
  await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
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
