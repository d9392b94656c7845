// Keeps the page up to date: follows the stream of changes, and polls where there is none.

import { follow } from './api.js';
import { $ } from './dom.js';

/** In ms: between polls, between loads because of events, before the stream is tried again: after it broke, and after there was none. */
const [POLL, PAUSE, AGAIN, NO_STREAM] = [5_000, 1_000, 2_000, 60_000];

let [paused, stream, streaming, waiting] = [false, null, false, 0];

const isIdle = () => paused || document.hidden;

/** Starts: `load()` is called when the table may have changed. Gives `start`, to call when the server lets the viewer read, and `stop`. */
export function live(load) {
  /** Loads once for all that happens until then. */
  function loadSoon() {
    waiting ||= setTimeout(() => {
      waiting = 0;
      if (!isIdle()) load();
    }, PAUSE);
  }

  async function start() {
    if (stream || isIdle()) return;
    const mine = (stream = new AbortController());
    const error = await follow(() => show((streaming = true)), loadSoon, mine.signal).catch((thrown) => thrown);
    if (stream !== mine) return;
    show((streaming = false));
    setTimeout(() => {
      if (stream !== mine) return;
      stream = null;
      start();
    }, error?.status >= 400 ? NO_STREAM : AGAIN);
  }

  function stop() {
    stream?.abort();
    show((stream = null), (streaming = false));
  }

  function show() {
    const words = paused ? 'Paused' : streaming ? 'Live' : `Every ${POLL / 1000} s`;
    $('live').ariaPressed = paused;
    $('live').dataset.state = words;
    $('live-words').textContent = words;
  }

  function look() {
    if (isIdle()) return stop();
    load();
    start();
    show();
  }

  $('live').addEventListener('click', () => look((paused = !paused)));
  document.addEventListener('visibilitychange', look);
  setInterval(() => streaming || isIdle() || load(), POLL);
  show();
  return { start, stop };
}
