/**
 * All channels at a glance: a card for each, and the service's figures above them.
 * It never fetches but by the thumbnail it is given. Invariant: a card keeps its element, and the focus in it, while its channel is there.
 */
import { element, fill, setFigure, setText, write } from './elements.js';
import { ageText, bitrateText, clockText, countText, speedText, UNKNOWN } from './formats.js';
import { hashOf } from './route.js';
import { SPARK_SAMPLES, sparkPath } from './sparkline.js';
import { watchThumbnail } from './thumbnail.js';
import { TIME_LINE_MS } from './time-line.js';
import { airStateOf, airSummary, sourceWords, stateWords } from './words.js';

/** @typedef {import('../../channel/view.ts').ChannelStatus} ChannelStatus */
/** @typedef {import('./history.js').FigureHistory} FigureHistory */

/** @type {Map<string, { stop(): void }>} */
const thumbnails = new Map();

/** @param {Element} card @param {string} selector */
function part(card, selector) {
  const found = card.querySelector(selector);
  if (found === null) throw new Error(`a card has no ${selector}`);
  return /** @type {HTMLElement} */ (found);
}

/** @param {ChannelStatus} status @param {(id: string) => Promise<ImageBitmap | undefined>} fetchPicture */
function buildCard({ id }, fetchPicture) {
  const template = /** @type {HTMLTemplateElement} */ (element('card-template'));
  const copy = /** @type {DocumentFragment} */ (template.content.cloneNode(true));
  const card = /** @type {HTMLElement} */ (copy.firstElementChild);
  const link = /** @type {HTMLAnchorElement} */ (part(card, 'h3 a'));
  link.href = hashOf({ view: 'channel', id });
  link.textContent = id;
  const canvas = /** @type {HTMLCanvasElement} */ (part(card, 'canvas'));
  canvas.ariaLabel = `What ${id} has on air`;
  thumbnails.set(id, watchThumbnail({ canvas, fetchPicture: () => fetchPicture(id) }));
  return card;
}

/** @param {ChannelStatus} status @param {number} nowMs @returns {Record<string, string>} */
function factsOf({ publisher, encoder, newestEndMs, lastFaults }, nowMs) {
  const fault = lastFaults.at(-1);
  return {
    publisher: publisher ? `${publisher.address} · ${sourceWords(publisher.source)}` : 'nobody publishes',
    encoder: encoder ? `${speedText(encoder.speed)} · ${Math.round(encoder.fps)} fps` : UNKNOWN,
    age: newestEndMs === undefined ? UNKNOWN : `${ageText(nowMs - newestEndMs)} old`,
    fault: fault ? `${clockText(fault.atMs)} ${fault.code}` : 'none',
  };
}

/**
 * @typedef {object} Now
 * @property {number} nowMs
 * @property {boolean} isKnown the service answers
 * @property {(id: string) => Promise<ImageBitmap | undefined>} fetchPicture
 */

/** @param {HTMLElement} card @param {ChannelStatus} status @param {Now} now */
function updateCard(card, status, { nowMs, isKnown }) {
  const pill = part(card, '.pill');
  pill.dataset['state'] = isKnown ? airStateOf(status) : 'starting';
  write(pill, isKnown ? airStateOf(status) : 'no answer');
  write(part(card, '.card-state'), stateWords(status));
  for (const [name, text] of Object.entries(factsOf(status, nowMs))) {
    const target = part(card, `[data-fact=${name}]`);
    write(target, text);
    target.title = text;
  }
  part(card, '[data-fact=encoder]').classList.toggle('bad', (status.encoder?.speed ?? 1) < 0.97);
  part(card, '[data-fact=age]').classList.toggle('bad', !status.fresh && status.onAir !== 'starting');
  const faultMs = status.lastFaults.at(-1)?.atMs ?? 0;
  part(card, '[data-fact=fault]').classList.toggle('bad', nowMs - faultMs < TIME_LINE_MS);
}

/** @param {readonly ChannelStatus[]} statuses @param {Now} now */
export function showOverview(statuses, now) {
  fill(
    element('cards'),
    statuses,
    ({ id }) => id,
    (status) => buildCard(status, now.fetchPicture),
    (card, status) => updateCard(card, status, now),
  );
  const ids = new Set(statuses.map(({ id }) => id));
  for (const [id, thumbnail] of thumbnails) {
    if (ids.has(id)) continue;
    thumbnail.stop();
    thumbnails.delete(id);
  }
  element('no-channels').hidden = statuses.length > 0;
  setText('overview-sum', airSummary(statuses));
}

/** @typedef {import('./history.js').Figures} Figures */

const requestsOf = (/** @type {Figures} */ { requests }) => requests.reduce((sum, one) => sum + one.perSecond, 0);

/** @param {FigureHistory} history */
export function showTotals(history) {
  const draw = (
    /** @type {string} */ name,
    /** @type {(figures: Figures) => number} */ read,
    /** @type {number} */ floor,
  ) => {
    const values = history.totals(read).slice(-SPARK_SAMPLES);
    element(`${name}-line`).querySelector('path')?.setAttribute('d', sparkPath(values, floor));
    return values.at(-1) ?? 0;
  };
  if (history.isEmpty) return;
  setFigure('total-requests', countText(draw('requests', requestsOf, 5)), 'a second');
  const [value = '', unit = ''] = bitrateText(draw('bytes', (one) => one.bytesPerSecond, 12_500) * 8).split(' ');
  setFigure('total-bytes', value, unit);
  setFigure('total-waiters', countText(draw('waiters', (one) => one.waiters, 5)), 'requests');
  const shed = draw('shed', (one) => one.shedPerSecond, 5);
  setFigure('total-shed', countText(shed), 'a second');
  element('total-shed').classList.toggle('bad', shed > 0);
}
