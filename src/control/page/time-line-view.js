/**
 * Draws the time line of one channel: bands, and marks that are buttons in one toolbar (one stop of the Tab key, arrows within).
 * It never fetches. Invariant: a mark keeps its element while it is on the line, so nobody loses the focus.
 */
import { element, fill, make, setText, write } from './elements.js';
import { clockText, durationText } from './formats.js';
import { bandsOf, marksOf, sharesOf, TIME_LINE_MS } from './time-line.js';

/** @typedef {import('./time-line.js').Entry} Entry */
/** @typedef {import('./time-line.js').Mark} Mark */
/** @typedef {import('./time-line.js').Band} Band */

const NAMES = { publish: 'publish', unpublish: 'unpublish', fault: 'fault', state: 'state' };
/** A mark is 12 px wide or more. */
const MARK_PX = 14;

const bar = element('marks');
/** @type {string | undefined} */
let current;
/** @type {Map<string, string>} */
const texts = new Map();

/** @param {Mark} mark */
function textOf({ atMs, kind, text, times }) {
  return `${clockText(atMs)} ${NAMES[kind]}${times > 1 ? ` (${times} times)` : ''}: ${text}`;
}

/** @param {Element | null | undefined} target */
function keyOf(target) {
  return /** @type {HTMLElement | null} */ (target?.closest?.('button') ?? null)?.dataset['key'];
}

function showText() {
  const focused = keyOf(bar.querySelector(':focus')) ?? keyOf(bar.querySelector(':hover'));
  const marks = bar.children.length;
  const words =
    marks === 0
      ? 'Nothing happened.'
      : `${marks} ${marks === 1 ? 'event' : 'events'}; point at one, or go to it with Tab and the arrows.`;
  setText('time-line-text', (focused && texts.get(focused)) ?? words);
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  const marks = /** @type {HTMLButtonElement[]} */ ([...bar.children]);
  const at = marks.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement));
  const next = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: marks.length - 1 }[event.key];
  if (at < 0 || next === undefined) return;
  event.preventDefault();
  marks[Math.max(0, Math.min(marks.length - 1, next))]?.focus();
}

/** @param {Band} band */
function bandWords({ state, fromMs, toMs }) {
  return `${state} for ${durationText(toMs - fromMs)} from ${clockText(fromMs)}`;
}

/** @param {readonly Band[]} bands */
function showBands(bands) {
  fill(
    element('bands'),
    bands,
    ({ state, fromMs, left }) => `${state} ${left === 0 ? 'first' : fromMs}`,
    () => make('div', 'band'),
    (band, one) => {
      band.dataset['state'] = one.state;
      band.style.left = `${(one.left * 100).toFixed(3)}%`;
      band.style.width = `${(one.width * 100).toFixed(3)}%`;
      band.title = bandWords(one);
    },
  );
  const shares = sharesOf(bands);
  const words = shares.map(([state, ms]) => `${state} ${durationText(ms)}`).join(', ');
  element('bands').ariaLabel = words || 'nothing known';
  fill(
    element('time-line-legend'),
    shares,
    ([state]) => state,
    ([state]) => {
      const item = make('li', '', make('i', ''), make('span', '', state), make('b', ''));
      item.dataset['state'] = state;
      return item;
    },
    (item, [, ms]) => write(item.lastElementChild ?? item, durationText(ms)),
  );
}

/** @param {readonly Mark[]} marks */
function showMarks(marks) {
  texts.clear();
  for (const mark of marks) texts.set(mark.key, textOf(mark));
  if (current === undefined || !texts.has(current)) current = marks.at(-1)?.key;
  fill(
    bar,
    marks,
    ({ key }) => key,
    ({ kind }) => {
      const made = make('button', 'mark');
      made.type = 'button';
      made.dataset['kind'] = kind;
      return made;
    },
    (child, mark) => {
      child.style.left = `${(mark.left * 100).toFixed(3)}%`;
      child.ariaLabel = textOf(mark);
      child.tabIndex = mark.key === current ? 0 : -1;
    },
  );
}

/** @param {readonly Entry[]} entries @param {{ nowMs: number, knownFromMs: number, state: string | undefined }} now */
export function showTimeLine(entries, now) {
  showBands(bandsOf(entries, now));
  const nearMs = (MARK_PX / Math.max(200, bar.clientWidth)) * TIME_LINE_MS;
  showMarks(marksOf(entries, now.nowMs, nearMs));
  showText();
}

export function startTimeLine() {
  bar.addEventListener('keydown', onKey);
  bar.addEventListener('focusin', (event) => {
    current = keyOf(/** @type {Element} */ (event.target)) ?? current;
    /** @type {HTMLElement} */ for (const mark of /** @type {NodeListOf<HTMLElement>} */ (
      bar.querySelectorAll('button')
    ))
      mark.tabIndex = keyOf(mark) === current ? 0 : -1;
    showText();
  });
  for (const type of ['focusout', 'pointerover', 'pointerout']) bar.addEventListener(type, showText);
}
