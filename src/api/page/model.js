// What the page shows, as pure functions: safe text, times, words, and the view as the page's address and the API's query.

/** Longest text that is put into the document, in characters; the rest is counted. */
const MAX_SHOWN = 4096;
/** Characters that can't be seen, that move or hide their neighbours, or that pile up on them. */
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]|(?! )\p{Zs}|(?<=\p{M}{3})\p{M}/u;

/** The visible name of a character: U+202E. */
export const escapeName = (character) => `U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}`;

/**
 * Cuts text into pieces `{ text, escaped }`: runs to show as they are, and names of characters that must not be. A last piece with
 * `more` counts what is left out. Spaces at either end are named too: `"a "` and `"a"` are two clients.
 */
export function safePieces(text, limit = MAX_SHOWN) {
  const characters = Array.from(text.slice(0, limit * 2)).slice(0, limit);
  const isInk = (character) => character !== ' ';
  const [first, last] = [characters.findIndex(isInk), characters.findLastIndex(isInk)];
  const pieces = [];
  characters.forEach((character, at) => {
    const marks = /^\p{M}/u.test(character) ? characters.slice(Math.max(0, at - 3), at + 1).join('') : character;
    const escaped = at < first || at > last || first < 0 || UNSEEN.test(marks);
    const before = pieces.at(-1);
    if (!escaped && before && !before.escaped) before.text += character;
    else pieces.push({ text: escaped ? escapeName(character) : character, escaped });
  });
  const left = text.length - characters.join('').length;
  if (left > 0) pieces.push({ text: ` … and ${left} more`, escaped: false, more: true });
  return pieces;
}

/** The same as one string, for tooltips and accessible names. */
export const safeString = (text, limit = 300) => safePieces(text, limit).map((piece) => (piece.escaped ? `[${piece.text}]` : piece.text)).join('');

/** How many characters of a text the reader can't see. */
export const countUnseen = (text) => safePieces(text).filter((piece) => piece.escaped).length;

/* --- times and words --- */

const two = (number) => String(number).padStart(2, '0');
const isTime = (ms) => !Number.isNaN(new Date(ms).getTime());

/** Hours, minutes and seconds in the viewer's zone. */
export function clockTime(ms) {
  const date = new Date(ms);
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':');
}

/** Date and time in the viewer's zone; what is no time stays a number. */
export function localTime(ms) {
  const date = new Date(ms);
  return isTime(ms) ? `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${clockTime(ms)}` : String(ms);
}

/** The same instant in ISO 8601, UTC, or null. */
export const isoTime = (ms) => (isTime(ms) ? new Date(ms).toISOString() : null);
export const zoneName = () => Intl.DateTimeFormat().resolvedOptions().timeZone;
/** A number with its thousands apart. */
export const grouped = (number) => number.toLocaleString('en');
/** "1 row", "2 rows". */
export const plural = (count, one) => `${grouped(count)} ${one}${count === 1 ? '' : 's'}`;

/** Field, heading, and whether the greatest comes first when sorted by it. The first seven are the reference's. */
export const COLUMNS = [
  ['ts', 'Last update time', true], ['clientId', 'Client ID'], ['username', 'Username'], ['passwordProvided', 'Password'],
  ['tlsUsed', 'TLS'], ['ipAddress', 'Client IP'], ['reason', 'Reason'], ['attempts', 'Attempts', true],
];

/** What the name of a row was taken from, when it is not the MQTT client ID. */
export const IDENTITIES = { certificate: 'certificate subject', username: 'username', address: 'client address' };

const WHY = {
  ipAddress: 'Several connections were open, and the refusal may belong to another one of them.',
  ts: 'The log line carries no time; this is when the line was read.',
};

/** In plain words, why a field is not certain. */
export function inferredWords(field) {
  const label = COLUMNS.find(([name]) => name === field)?.[1] ?? field;
  return `${label} deduced: ${WHY[field] ?? 'joined from records that may belong to another connection, or written where a stranger may write freely.'}`;
}

/* --- the view: filters, order, page --- */

/** The filters in the order of the form: the API's name (`window` is ours), words, and the kind of field. */
export const FILTERS = [
  ['clientId', 'Client ID', 'search'], ['username', 'Username', 'search'], ['ipAddress', 'Client IP', 'search'],
  ['reason', 'Reason text', 'search'], ['reasonCode', 'Reason', 'choice'], ['passwordProvidedList', 'Password sent', 'choice'],
  ['tlsUsedList', 'TLS used', 'choice'], ['broker', 'Broker', 'choice'], ['window', 'Time', 'choice'],
  ['startTime', 'From', 'datetime-local'], ['endTime', 'Until', 'datetime-local'],
];

const YES_NO = [['true', 'Yes'], ['false', 'No'], ['true,false', 'Known']];

/** The choices that do not come from the API: value and words; a window that ends now has its length in ms, too. */
export const CHOICES = {
  passwordProvidedList: YES_NO,
  tlsUsedList: YES_NO,
  window: [['5m', 'Last 5 minutes', 300_000], ['1h', 'Last hour', 3_600_000], ['24h', 'Last 24 hours', 86_400_000], ['3d', 'Last 3 days', 259_200_000], ['custom', 'Custom …']],
};

export const PAGE_SIZES = [10, 20, 50, 100];
const PAGE_SIZE = 20;

/** A list of booleans as the reference reads it: `''`, `true`, `false` or `true,false`. */
function booleanList(values) {
  const items = values.flatMap((value) => value.split(',')).map((item) => item.trim().toLowerCase()).filter(Boolean);
  return [items.includes('true') && 'true', items.some((item) => item !== 'true') && 'false'].filter(Boolean).join(',');
}

export const noFilters = () => Object.fromEntries(FILTERS.map(([name]) => [name, '']));

/** The view that an address asks for, by its fragment or query; what makes no sense falls back to the defaults. */
export function readView(text) {
  const query = new URLSearchParams(text.replace(/^[#?]/, ''));
  const filters = noFilters();
  for (const [name, , kind] of FILTERS) {
    const value = name.endsWith('List') ? booleanList(query.getAll(name)) : query.get(name) ?? '';
    if (kind !== 'datetime-local' || (/^\d+$/.test(value) && isTime(Number(value)))) filters[name] = value;
  }
  if (!CHOICES.window.some(([value]) => value === filters.window)) filters.window = filters.startTime || filters.endTime ? 'custom' : '';
  if (filters.window !== 'custom') filters.startTime = filters.endTime = '';
  const [size, page] = [Number(query.get('pageSize')), Number(query.get('page'))];
  const column = COLUMNS.find(([name]) => name === query.get('sortProperty'));
  return {
    filters,
    sortProperty: column?.[0] ?? 'ts',
    sortOrder: column && query.get('sortOrder')?.toUpperCase() !== 'DESC' ? 'ASC' : 'DESC',
    pageSize: PAGE_SIZES.includes(size) ? size : PAGE_SIZE,
    page: Number.isSafeInteger(page) && page > 0 ? page : 0,
  };
}

const setOnes = (filters) => Object.fromEntries(Object.entries(filters).filter(([, value]) => value));

/** The fragment that gives this view again: only what differs from the defaults. */
export function viewFragment({ filters, sortProperty, sortOrder, pageSize, page }) {
  const query = new URLSearchParams(setOnes(filters));
  if (sortProperty !== 'ts' || sortOrder !== 'DESC') {
    query.set('sortProperty', sortProperty);
    query.set('sortOrder', sortOrder);
  }
  if (pageSize !== PAGE_SIZE) query.set('pageSize', pageSize);
  if (page > 0) query.set('page', page);
  return query.toString();
}

/** The API's filters for this view at this time. */
export function filterQuery({ filters: { window, ...filters } }, now) {
  const span = CHOICES.window.find(([value]) => value === window)?.[2];
  return { ...setOnes(filters), ...(span && { startTime: now - span }) };
}

/** The API's query for a page of this view at this time. */
export function pageQuery(view, now) {
  const { pageSize, page, sortProperty, sortOrder } = view;
  return { pageSize, page, sortProperty, sortOrder, ...filterQuery(view, now) };
}

/** The names of the filters that are set; the ends of a custom window belong to the window. */
export const activeFilters = ({ filters }) => Object.keys(setOnes(filters)).filter((name) => !name.endsWith('Time'));
