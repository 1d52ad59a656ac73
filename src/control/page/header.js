/**
 * The head of the page: is the service ready, is it draining, how long is it up, and how the page is told.
 * It never asks by itself: facts in, text out.
 */
import { button, element, setText } from './elements.js';
import { durationText, UNKNOWN } from './formats.js';

/** @typedef {import('./service-client.js').Service} Service */
/** @typedef {import('./service-client.js').Readiness} Readiness */
/** @typedef {import('./live-feed.js').FeedMode} FeedMode */

const MODES = { events: 'live', polling: 'every 2 s', silent: 'none' };

/** One word, and why where there is something to say. @param {Service | undefined} service @param {Readiness | undefined} readiness */
export function healthOf(service, readiness) {
  if (service === undefined || readiness === undefined) return { state: 'starting', word: 'connecting', why: '' };
  if (service.isDraining) return { state: 'slate', word: 'draining', why: 'New viewers are sent elsewhere.' };
  if (readiness.ready) return { state: 'live', word: 'ready', why: '' };
  const whys = readiness.channels.flatMap(({ id, why }) => (why ? [`${id}: ${why}`] : []));
  return { state: 'stale', word: 'not ready', why: [readiness.why, ...whys].filter(Boolean).join('; ') };
}

/** @param {Service | undefined} service @param {Readiness | undefined} readiness @param {number} nowMs the service's */
export function showHealth(service, readiness, nowMs) {
  const { state, word, why } = healthOf(service, readiness);
  const pill = element('ready');
  pill.dataset['state'] = state;
  setText('ready', word);
  pill.title = why;
  setText('uptime', service === undefined ? UNKNOWN : durationText(nowMs - service.startedMs));
  setText('version', service?.version ?? UNKNOWN);
  const isDraining = service?.isDraining ?? false;
  button('drain').dataset['action'] = isDraining ? 'undrain' : 'drain';
  setText('drain', isDraining ? 'Undrain' : 'Drain');
}

/** @param {FeedMode} mode */
export function showFeed(mode) {
  element('feed').dataset['mode'] = mode;
  setText('feed', MODES[mode]);
  element('feed').title = `Updates: ${MODES[mode]}`;
}

/** What everybody has to see first; undefined takes it away. @param {string | undefined} text */
export function showBanner(text) {
  element('banner').hidden = text === undefined;
  setText('banner', text ?? '');
}
