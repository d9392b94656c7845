// What the rows come to: attempts over time, by reason, and how the logs are read.

import { $, button, el, safeText, svg } from './dom.js';
import { clockTime, grouped, localTime, plural, safeString } from './model.js';

const [WIDTH, HEIGHT] = [600, 80];
/** Bars that are drawn at most. */
const BARS = 120;

/** The spans of a summary as `[start, clients]`, with those until then that nothing fell into. */
export function spansOf({ startTime, step, times }, until) {
  const spans = times.map((clients, index) => [startTime + index * step, clients]);
  for (let at = startTime + spans.length * step; at <= until && spans.length < BARS; at += step) spans.push([at, 0]);
  return spans;
}

/** The chart in words. */
export function timeWords({ totalElements, step }, spans) {
  const [at, most] = spans.reduce((best, span) => (span[1] > best[1] ? span : best));
  const [from, to] = [spans[0][0], spans.at(-1)[0] + step].map(localTime);
  return `${plural(totalElements, 'client')} by the time of the last attempt, from ${from} to ${to}; most, ${grouped(most)}, from ${localTime(at)} on.`;
}

/** Bars over time; a click on one narrows the view to its span. */
function timeChart(summary, until, onSpan) {
  const spans = spansOf(summary, until);
  const most = Math.max(...spans.map(([, clients]) => clients));
  const width = WIDTH / spans.length;
  const bars = spans.map(([start, clients], index) => {
    const end = start + summary.step;
    const height = clients && Math.max(2, (clients / most) * HEIGHT);
    const bar = svg('g', {}, svg('title', {}, `${plural(clients, 'client')}, ${localTime(start)} to ${clockTime(end)}`),
      svg('rect', { x: index * width, width, height: HEIGHT, class: 'hit' }),
      svg('rect', { x: (index + 0.08) * width, width: width * 0.84, y: HEIGHT - height, height }));
    if (clients) bar.addEventListener('click', () => onSpan(start, end - 1));
    return bar;
  });
  const label = { role: 'img', 'aria-label': timeWords(summary, spans) };
  const axis = [spans[0][0], spans.at(-1)[0] + summary.step].map((ms) => el('span', {}, localTime(ms).slice(0, -3)));
  axis.splice(1, 0, `most ${grouped(most)}`);
  return [svg('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', class: 'times', ...label }, bars), el('div', { class: 'axis muted', 'aria-hidden': 'true' }, axis)];
}

/** A bar for each reason, the most frequent first, that filters by it, or no longer does. */
function reasonChart(reasons, chosen, titleOf, onReason) {
  const most = Math.max(...reasons.map(({ clients }) => clients));
  return reasons.map(({ reasonCode, clients }) => {
    const bar = svg('svg', { viewBox: '0 0 100 4', preserveAspectRatio: 'none', 'aria-hidden': 'true' }, svg('rect', { width: (clients / most) * 100, height: 4 }));
    const attributes = { 'aria-pressed': reasonCode === chosen, 'data-code': reasonCode, title: 'Filter by this reason' };
    return button(attributes, () => onReason(reasonCode === chosen ? '' : reasonCode), el('span', {}, safeText(titleOf(reasonCode))), el('b', {}, grouped(clients)), bar);
  });
}

/** `until`: the end of the time axis, or 0; `act`: `onSpan(start, end)` and `onReason(code)`. */
export function showSummary(summary, { until, chosen, titleOf, onSpan, onReason } = {}) {
  const has = summary?.totalElements > 0;
  const none = () => [el('p', { class: 'muted' }, 'Nothing to show.')];
  const { code } = $('by-reason').contains(document.activeElement) ? document.activeElement.dataset : {};
  $('over-time').replaceChildren(...(has ? timeChart(summary, until, onSpan) : none()));
  $('by-reason').replaceChildren(...(has ? reasonChart(summary.reasons, chosen, titleOf, onReason) : none()));
  if (code) ($('by-reason').querySelector(`[data-code="${CSS.escape(code)}"]`) ?? $('table')).focus();
  $('totals').textContent = summary ? `${plural(summary.totalElements, 'client')}, ${plural(summary.attempts, 'attempt')}` : '';
}

const STATES = { following: 'read', waiting: 'not there yet', failing: 'cannot be read', finished: 'read to its end' };

/** One log: whether all is well, and in words. Without this an empty table would look like good news. */
export function sourceWords({ state, lastError, lag, lastChange, gaps }) {
  const words = [STATES[state] ?? state, lag > 0 && `${grouped(lag)} bytes behind`, gaps > 0 && `${plural(gaps, 'gap')}: lines were lost`,
    lastChange > 0 && `last line ${localTime(lastChange)}`, lastError];
  return [!lastError && !gaps && !['waiting', 'failing'].includes(state), words.filter(Boolean).join(', ')];
}

export function showSources(sources) {
  let bad = 0;
  const items = sources.map((source) => {
    const [isGood, words] = sourceWords(source);
    bad += isGood ? 0 : 1;
    const name = el('b', { title: safeString(String(source.path)) }, safeText(String(source.name), 64));
    const product = safeText(String(source.product ?? source.grammar ?? 'not recognised yet'), 60);
    return el('li', { class: isGood ? 'good' : 'bad' }, name, ' ', product, el('span', { class: 'under' }, safeText(words, 300)));
  });
  $('sources').replaceChildren(...items);
  $('health').textContent = bad > 0 ? `${bad} of ${plural(sources.length, 'log')} in trouble` : `${plural(sources.length, 'log')} read`;
  $('health').className = bad > 0 ? 'tag warn' : 'muted';
}
