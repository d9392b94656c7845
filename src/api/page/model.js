// What the page shows, as pure functions: safe text, times, words, and the view as the page's URL and the API's query.

/* --- text from the log: hostile until proven otherwise --- */

/** Longest text that is put into the document, in characters; the rest is counted, not shown. */
const MAX_SHOWN = 4096;

/** Characters that can't be seen, that move or hide their neighbours, or that pile up on them. */
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]|(?! )\p{Zs}|(?<=\p{M}{3})\p{M}/u;

/** The visible name of a character: U+202E. */
export function escapeName(character) {
  return `U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}`;
}

/**
 * Cuts text into pieces `{ text, escaped }`: runs to show as they are, and the names of single characters that must not be. A
 * last piece with `more` counts what is left out.
 * Spaces at either end are named as well: `"a "` and `"a"` are two clients.
 */
export function safePieces(text, limit = MAX_SHOWN) {
  const characters = Array.from(text.slice(0, limit * 2)).slice(0, limit);
  const firstInk = characters.findIndex((character) => character !== ' ');
  const lastInk = characters.findLastIndex((character) => character !== ' ');
  const pieces = [];
  characters.forEach((character, index) => {
    const outside = index < firstInk || index > lastInk || firstInk < 0;
    const marks = characters.slice(Math.max(0, index - 3), index + 1).join('');
    const escaped = outside || UNSEEN.test(/^\p{M}/u.test(character) ? marks : character);
    const last = pieces.at(-1);
    if (!escaped && last && !last.escaped) last.text += character;
    else pieces.push({ text: escaped ? escapeName(character) : character, escaped });
  });
  const left = text.length - characters.join('').length;
  if (left > 0) pieces.push({ text: ` … and ${left} more`, escaped: false, more: true });
  return pieces;
}

/** The same as one string, for tooltips and accessible names. */
export function safeString(text, limit = 300) {
  return safePieces(text, limit).map((piece) => (piece.escaped ? `[${piece.text}]` : piece.text)).join('');
}

/** How many characters of a text the reader can't see. */
export function countUnseen(text) {
  return safePieces(text).filter((piece) => piece.escaped).length;
}

/** The first `length` characters, and `...` when there are more. */
export function cut(text, length) {
  const characters = Array.from(text.slice(0, length * 2 + 2));
  return characters.length > length ? `${characters.slice(0, length).join('')}...` : text;
}

/* --- times and words --- */

const two = (number) => String(number).padStart(2, '0');

/** Milliseconds since the epoch as date and time in the viewer's zone; what is no time stays a number. */
export function localTime(ms) {
  const date = new Date(ms);
  if (Number.isNaN(date.getTime())) return String(ms);
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${clockTime(date)}`;
}

/** Hours, minutes and seconds of a Date in the viewer's zone. */
export function clockTime(date) {
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** The same instant in ISO 8601, UTC, or null. */
export function isoTime(ms) {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
}

/** The name of the viewer's time zone. */
export function zoneName() {
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** A number with its thousands apart. */
export function grouped(number) {
  return number.toLocaleString('en');
}

/** "1 row", "2 rows". */
export function plural(count, one) {
  return `${grouped(count)} ${one}${count === 1 ? '' : 's'}`;
}

/** The columns of the reference's table: field and heading. */
export const COLUMNS = [
  { name: 'ts', label: 'Last update time' },
  { name: 'clientId', label: 'Client ID' },
  { name: 'username', label: 'Username' },
  { name: 'passwordProvided', label: 'Password' },
  { name: 'tlsUsed', label: 'TLS' },
  { name: 'ipAddress', label: 'Client IP' },
  { name: 'reason', label: 'Reason' },
];

/** What the name of a row was taken from, when it is not the MQTT client ID. */
export const IDENTITIES = {
  certificate: 'certificate subject',
  username: 'username',
  address: 'client address',
};

const JOINED = 'joined from records that may belong to another connection, or written where a stranger may write freely';

const INFERRED = {
  clientId: `Client ID: ${JOINED}.`,
  ipAddress: 'Client IP: deduced. Several connections were open, and the refusal may belong to another one of them.',
  ts: 'Time: the log line carries none; it is the time at which the line was read.',
  username: `Username: ${JOINED}.`,
  passwordProvided: `Password: ${JOINED}.`,
  tlsUsed: `TLS: ${JOINED}.`,
  reason: `Reason: ${JOINED}.`,
};

/** In plain words, why a field is not certain. */
export function inferredWords(field) {
  return INFERRED[field] ?? `${field}: deduced, not certain.`;
}

/* --- the view: filters, order, page --- */

/** Filters, by the names that TBMQ's page and API use; the last three are ours. */
export const FILTERS = [
  'clientId', 'username', 'ipAddress', 'reason', 'passwordProvidedList', 'tlsUsedList', 'reasonCode', 'broker', 'window',
];

/** Time windows that end now: value in the URL, words, length in milliseconds. */
export const WINDOWS = [
  ['15m', 'Last 15 minutes', 900_000],
  ['1h', 'Last hour', 3_600_000],
  ['6h', 'Last 6 hours', 21_600_000],
  ['24h', 'Last 24 hours', 86_400_000],
  ['3d', 'Last 3 days', 259_200_000],
];

export const PAGE_SIZES = [10, 20, 50, 100];

/** Filters that are lists of booleans. */
export const BOOLEAN_LISTS = ['passwordProvidedList', 'tlsUsedList'];

/** A list of booleans, repeated or comma-separated, in one of four forms: `''`, `true`, `false`, `true,false`. */
function booleanList(values) {
  const items = values.flatMap((value) => value.split(',')).map((item) => item.trim().toLowerCase()).filter(Boolean);
  const yes = items.includes('true');
  const no = items.some((item) => item !== 'true');
  return [yes && 'true', no && 'false'].filter(Boolean).join(',');
}

/** The view that a URL query asks for; what makes no sense falls back to the reference's defaults. */
export function readView(search) {
  const query = new URLSearchParams(search);
  const filters = {};
  for (const name of FILTERS) {
    filters[name] = BOOLEAN_LISTS.includes(name) ? booleanList(query.getAll(name)) : query.get(name) ?? '';
  }
  if (!WINDOWS.some(([value]) => value === filters.window)) filters.window = '';
  const size = Number(query.get('pageSize'));
  const page = Number(query.get('page'));
  const sorted = COLUMNS.some((column) => column.name === query.get('sortProperty'));
  return {
    filters,
    sortProperty: sorted ? query.get('sortProperty') : 'ts',
    sortOrder: sorted && query.get('sortOrder')?.toUpperCase() !== 'DESC' ? 'ASC' : 'DESC',
    pageSize: PAGE_SIZES.includes(size) ? size : 10,
    page: Number.isSafeInteger(page) && page > 0 ? page : 0,
  };
}

/** The URL query that gives this view again: only what differs from the defaults. */
export function viewQuery(view) {
  const query = new URLSearchParams();
  for (const name of FILTERS) if (view.filters[name]) query.set(name, view.filters[name]);
  if (view.sortProperty !== 'ts' || view.sortOrder !== 'DESC') {
    query.set('sortProperty', view.sortProperty);
    query.set('sortOrder', view.sortOrder);
  }
  if (view.pageSize !== 10) query.set('pageSize', view.pageSize);
  if (view.page > 0) query.set('page', view.page);
  return query.toString();
}

/** The API's query for this view at this time. */
export function apiQuery(view, now) {
  const { window: span, ...filters } = view.filters;
  const query = { pageSize: view.pageSize, page: view.page, sortProperty: view.sortProperty, sortOrder: view.sortOrder };
  for (const [name, value] of Object.entries(filters)) if (value) query[name] = value;
  const found = WINDOWS.find(([value]) => value === span);
  if (found) query.startTime = now - found[2];
  return query;
}

/** How many filters are set. */
export function countFilters(view) {
  return FILTERS.filter((name) => view.filters[name]).length;
}
