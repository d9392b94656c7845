// Calls of the API. The token travels in a header and lives in this tab alone.

import { safeString } from './model.js';

const TIMEOUT_MS = 15_000;
/** The server says something every 15 seconds. */
const SILENCE_MS = 35_000;
const TOKEN_KEY = 'turnaway-token';

export const CLIENTS = 'api/unauthorized/client';

export const token = () => sessionStorage.getItem(TOKEN_KEY);
export const setToken = (value) => (value ? sessionStorage.setItem(TOKEN_KEY, value) : sessionStorage.removeItem(TOKEN_KEY));

/** What went wrong. Status 0: there was no answer, or none that makes sense. */
export const apiError = (status, message) => Object.assign(new Error(message), { status });
/** Whether another token would help. */
export const wantsToken = (error) => error?.status === 401 || error?.status === 403;

export function address(path, query = {}) {
  const url = new URL(path, document.baseURI);
  url.search = new URLSearchParams(query);
  return url.href;
}

/** An answer that is none of the errors; those are thrown as an `apiError`. */
export async function send(method, url, signal) {
  const headers = token() ? { Authorization: `Bearer ${token()}` } : {};
  // A header that a form on another site can't send.
  if (method !== 'GET') headers['X-Requested-With'] = 'turnaway';
  const answer = await fetch(url, { method, headers, cache: 'no-store', signal });
  if (answer.ok) {
    document.body.dataset.role = answer.headers.get('X-Turnaway-Role');
    return answer;
  }
  const body = await answer.json().catch(() => null);
  throw apiError(answer.status, safeString(body?.message || `status ${answer.status}`).replace(/[.!]$/, ''));
}

/** One call: the parsed answer, or null where it has none. */
export async function call(method, path, query, signal = null) {
  const limit = AbortSignal.timeout(TIMEOUT_MS);
  try {
    const answer = await send(method, address(path, query), signal ? AbortSignal.any([signal, limit]) : limit);
    return await answer.json().catch(() => null);
  } catch (error) {
    if (signal?.aborted || 'status' in error) throw error;
    throw apiError(0, limit.aborted ? `no answer within ${TIMEOUT_MS / 1000} seconds` : 'the server does not answer');
  }
}

/** Deletes the rows of one client ID. A call without the ID would delete all, so an empty one never leaves. */
export async function deleteClient(clientId) {
  if (typeof clientId !== 'string' || clientId === '') throw apiError(400, 'the row has no client ID');
  await call('DELETE', CLIENTS, { clientId }).catch((error) => {
    if (error.status !== 404) throw error; // gone already: the client connected, or someone else was faster
  });
}

/** Follows the stream of changes until it ends: `onOpen()` once it stands, `onChange()` for events. An EventSource sends no token. */
export async function follow(onOpen, onChange, signal) {
  const silent = new AbortController();
  let watch = 0;
  const alive = () => {
    clearTimeout(watch);
    watch = setTimeout(() => silent.abort(), SILENCE_MS);
  };
  try {
    alive();
    const answer = await send('GET', address(`${CLIENTS}/events`), AbortSignal.any([signal, silent.signal]));
    if (!answer.headers.get('Content-Type')?.startsWith('text/event-stream')) throw apiError(404, 'no stream of events');
    onOpen();
    // What changed matters less than that something did: the view decides what of it is shown. A comment is no news.
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let chunk; !(chunk = await reader.read()).done; alive()) if (!chunk.value.startsWith(':')) onChange();
  } finally {
    clearTimeout(watch);
  }
}
