// The dialogs: a reason in full, questions before a deletion, the token.

import { CLIENTS, call, deleteClient, setToken, token, wantsToken } from './api.js';
import { $, copyButton, deducedMark, el, safeText, say, textOrUnknown, timeOf, yesNo } from './dom.js';
import { IDENTITIES, grouped, inferredWords, plural, safeString } from './model.js';

/* --- the reason in full --- */

const section = (heading, ...children) => el('section', {}, el('h3', {}, heading), ...children);
const list = (items) => el('ul', {}, items.map((item) => el('li', {}, item)));
const fact = (row, field, label, value, ...more) => el('div', {}, el('dt', {}, label), el('dd', {}, value, ...more, ' ', deducedMark(row, field)));

function factText(row, field, label, note) {
  return fact(row, field, label, textOrUnknown(row[field]), typeof row[field] === 'string' && copyButton(label, row[field]), note && el('span', { class: 'under' }, note));
}

function facts(row) {
  const named = IDENTITIES[row.identity];
  return el('dl', {},
    factText(row, 'clientId', 'Client ID', named && `The log gives none: this is the ${named}.`),
    factText(row, 'username', 'Username'),
    factText(row, 'ipAddress', 'Client IP'),
    fact(row, 'passwordProvided', 'Password sent', yesNo(row.passwordProvided)),
    fact(row, 'tlsUsed', 'TLS used', yesNo(row.tlsUsed)),
    fact(row, 'broker', 'Broker', textOrUnknown(row.broker)),
    fact(row, 'attempts', 'Attempts', `${grouped(row.attempts ?? 1)} refused`),
    fact(row, 'firstTs', 'First', timeOf(row.firstTs ?? row.ts)),
    fact(row, 'ts', 'Last', timeOf(row.ts)));
}

function evidence(lines) {
  const pre = el('pre', { tabindex: '0', role: 'group', 'aria-label': 'Evidence lines' });
  lines.forEach((line, index) => pre.append(index ? '\n' : '', safeText(line)));
  return pre;
}

/** Shows all that is known about a refusal. `reasons` maps codes to what the API says about them. */
export function showReason(row, reasons) {
  const known = reasons.get(row.reasonCode);
  const { alternatives = [], inferred = [], evidence: lines = [] } = row;
  const others = alternatives.map((code) => safeText(reasons.get(code)?.title ?? code));
  $('reason-title').textContent = known?.title ?? safeString(row.reasonCode);
  $('reason-copy').replaceChildren(copyButton('row as JSON', JSON.stringify(row, null, 2)), 'Copy as JSON');
  $('reason-body').replaceChildren(...[
    el('p', { class: 'words' }, safeText(row.reason), ' ', deducedMark(row, 'reason')),
    known && el('div', { class: 'pair' }, section('Cause', el('p', {}, known.cause)), section('Solution', el('p', {}, known.solution))),
    others.length > 0 && section('The log can’t rule out', list(others)),
    inferred.length > 0 && section('Not certain', el('div', { class: 'unsure' }, list(inferred.map(inferredWords)))),
    facts(row),
    lines.length > 0 && section(`Evidence (${plural(lines.length, 'log line')})`, evidence(lines)),
  ].filter(Boolean));
  $('reason-dialog').showModal();
  $('reason-body').focus();
  $('reason-body').scrollTop = 0;
}

/* --- questions --- */

/** What is asked: the work that a yes does, and the word that must be typed first. */
let question = null;

/** Asks. `work(progress)` runs on a yes; if it fails the dialog stays and says why. */
function ask(title, body, yes, word, work) {
  question = { work, word };
  $('ask-title').textContent = title;
  $('ask-body').replaceChildren(...body, el('p', { class: 'muted' }, 'A client comes back when it is refused again.'));
  $('ask-yes').textContent = yes;
  $('ask-typed').hidden = !word;
  $('ask-word').textContent = word;
  $('ask-field').value = '';
  showError(null);
  showProgress(0, 0);
  checkWord();
  $('ask-dialog').showModal();
  $(word ? 'ask-field' : 'ask-no').focus();
}

export function checkWord() {
  $('ask-yes').disabled = $('ask-field').value.trim().toLowerCase() !== question.word;
}

function showError(error) {
  const isToken = wantsToken(error);
  $('ask-token').hidden = !isToken;
  say('ask-error', error ? `${isToken ? 'Deleting needs a token of role operator. The server says: ' : ''}${error.message}.` : '');
}

function showProgress(done, all) {
  $('ask-progress').hidden = all < 2;
  Object.assign($('ask-progress'), { max: all || 1, value: done });
  say('ask-done', all < 2 ? '' : `${grouped(done)} of ${grouped(all)} deleted`);
}

/** Does what was asked; `finish(words)` loads the table again and tells. */
export async function answerYes(finish) {
  if (question.runs) return;
  question.runs = true;
  $('ask-yes').ariaDisabled = true;
  showError(null);
  const words = await question.work(showProgress).catch(showError);
  question.runs = false;
  $('ask-yes').ariaDisabled = false;
  if (words) $('ask-dialog').close();
  await finish(words);
}

/** Ends what runs, between two rows. */
export const stopAsking = () => (question.stopped = true);

/** One call for each client. What fails is told with its reason, and is tried again on the next yes. */
async function deleteEach(left, progress, onDone) {
  const all = left.size;
  const failed = [];
  progress(0, all);
  for (const name of [...left]) {
    if (question.stopped) break;
    try {
      await deleteClient(name);
      left.delete(name);
      onDone(name);
      progress(all - left.size, all);
    } catch (error) {
      if (wantsToken(error) || all === 1) throw error;
      failed.push(`${safeString(name, 60)}: ${error.message}`);
    }
  }
  if (left.size === 0) return `Deleted ${plural(all, 'client')}.`;
  const more = failed.length > 3 ? ` and ${failed.length - 3} more` : '';
  throw new Error(`Deleted ${grouped(all - left.size)} of ${plural(all, 'client')}. ${question.stopped ? 'Stopped' : `Failed: ${failed.slice(0, 3).join('; ')}${more}`}`);
}

/** Asks before these rows go. `onDone(name)`: the rows of this client are gone. */
export function askDelete(rows, severalBrokers, onDone) {
  const left = new Set(rows.map((row) => row.clientId));
  const names = [...left].map((name) => el('li', {}, safeText(name, 200)));
  const others = severalBrokers && el('p', { class: 'muted' }, 'A row of the same client ID at another broker goes with it.');
  const title = left.size === 1 ? 'Delete this client?' : `Delete ${grouped(left.size)} clients?`;
  const body = [el('ul', { class: 'names', tabindex: '0', 'aria-label': 'Clients to delete' }, names), others].filter(Boolean);
  ask(title, body, 'Delete', '', (progress) => deleteEach(left, progress, onDone));
}

/** Asks before all rows go, which is worth a typed word. */
export function askDeleteAll(hasFilters, onDone) {
  const hidden = hasFilters && ' The filters don’t matter: rows that they hide go as well.';
  ask('Delete all clients?', [el('p', {}, 'Every row of the table goes.', hidden)], 'Delete all', 'delete all', async () => {
    await call('DELETE', CLIENTS);
    onDone();
    return 'Deleted all clients.';
  });
}

/* --- the token --- */

export function askToken(words) {
  $('token-why').textContent = words;
  $('token-field').value = '';
  $('token-forget').hidden = !token();
  say('token-error', '');
  if (!$('token-dialog').open) $('token-dialog').showModal();
  $('token-field').focus();
}

/** Keeps a token that the server lets read the table; puts the one before it back otherwise. */
export async function useToken(finish) {
  const entered = $('token-field').value.trim();
  const before = token();
  if (!/^[\x21-\x7e]+$/.test(entered)) return say('token-error', 'A token has neither spaces nor letters beyond ASCII.');
  setToken(entered);
  try {
    await call('GET', `${CLIENTS}/v2`, { pageSize: 1, page: 0 });
  } catch (error) {
    setToken(before);
    return say('token-error', `${wantsToken(error) ? 'The server does not accept this token' : 'Could not try the token'}: ${error.message}.`);
  }
  $('token-dialog').close();
  showError(null);
  return finish();
}
