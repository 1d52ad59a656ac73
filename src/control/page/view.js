/**
 * Writes what is known into the page. It never fetches and never decides what to play.
 * Invariant: text from the service goes in as text, never as markup.
 */
import { adviceSummary, showAdvice } from './advice.js';
import { SPARK_SAMPLES, sparkPath } from './sparkline.js';
import { newestFaults, sourceWords } from './words.js';

/** @typedef {import('../../channel/view.ts').ChannelStatus} ChannelStatus */
/** @typedef {import('../../channel/view.ts').TrackStatus} TrackStatus */
/** @typedef {import('./hls-engine.js').Rung} Rung */
/** @typedef {import('./words.js').Fault} Fault */

const FAULTS_SHOWN = 3;

/**
 * By height, as the service states it: what players know is BANDWIDTH, the peak with the buffer's burst and the sound in it.
 * @type {Map<number, number>}
 */
let statedBps = new Map();

/** @param {string} id */
export function element(id) {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no element ${id}`);
  return found;
}

/** @param {string} id @param {string} text */
export function setText(id, text) {
  const target = element(id);
  if (target.textContent !== text) target.textContent = text;
}

/** An address, which may break after a slash and nowhere in a word. @param {string} id @param {string} url */
export function setAddress(id, url) {
  const pieces = url.split(/(?<=[^/]\/)(?!\/)/);
  if (element(id).textContent !== url)
    element(id).replaceChildren(...pieces.flatMap((piece) => [piece, document.createElement('wbr')]));
}

/** A number with its unit set small. @param {string} id @param {string} value @param {string} unit */
function setFigure(id, value, unit) {
  const target = element(id);
  const small = document.createElement('small');
  small.textContent = ` ${unit}`;
  target.replaceChildren(value, small);
}

/** @param {string} text @param {string} [className] */
function listItem(text, className) {
  const item = document.createElement('li');
  item.textContent = text;
  if (className) item.className = className;
  return item;
}

/** @param {number} bitrateBps */
export function bitrateText(bitrateBps) {
  return bitrateBps >= 1e6 ? `${(bitrateBps / 1e6).toFixed(1)} Mbps` : `${Math.round(bitrateBps / 1000)} kbps`;
}

/** @param {TrackStatus} track */
function trackText(track) {
  const size = track.height === undefined ? track.id : `${track.width}×${track.height}`;
  const rate = track.frameRate === undefined ? '' : ` ${track.frameRate} fps`;
  return `${size}${rate} · ${bitrateText(track.bitrateBps)}`;
}

/** @param {number} bytes */
function bytesText(bytes) {
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
}

/** @param {number} ms */
function durationText(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

/** @param {ChannelStatus} status @param {number} nowMs @returns {[string, string][]} */
function factsOf(status, nowMs) {
  const { publisher, encoder, newestEndMs } = status;
  return [
    ['Source', publisher ? sourceWords(publisher.source) : 'nobody publishes'],
    ['On air for', publisher ? durationText(nowMs - publisher.sinceMs) : '–'],
    ['From', publisher ? publisher.address : '–'],
    ['Ladder', status.ladder],
    [
      'Encoder',
      encoder ? `${Math.round(encoder.fps)} fps${encoder.speed ? ` · ${encoder.speed.toFixed(2)}×` : ''}` : '–',
    ],
    ['Segment', status.newestNumber === undefined ? '–' : `${status.newestNumber}`],
    ['Newest media', newestEndMs === undefined ? '–' : `${durationText(nowMs - newestEndMs)} old`],
    ['Window', `${status.windowSegments} segments · ${bytesText(status.windowBytes)}`],
  ];
}

/** @param {{ fault: Fault, times: number }} row */
function faultItem({ fault, times }) {
  const item = document.createElement('li');
  const time = document.createElement('time');
  const code = document.createElement('code');
  time.textContent = new Date(fault.atMs).toLocaleTimeString();
  code.textContent = fault.code;
  item.append(time, ' ', code, times > 1 ? ` (${times} times)` : '', ` ${fault.message}`);
  if (fault.hint) {
    const hint = document.createElement('span');
    hint.textContent = fault.hint;
    item.append(hint);
  }
  return item;
}

/** @param {ChannelStatus} status @param {number} nowMs */
export function showStatus(status, nowMs) {
  const pill = element('on-air');
  const state = status.fresh || status.onAir === 'starting' ? status.onAir : 'stale';
  pill.dataset['state'] = state;
  setText('on-air', state);
  element('facts').replaceChildren(
    ...factsOf(status, nowMs).map(([name, value]) => {
      const pair = document.createElement('div');
      const term = document.createElement('dt');
      const detail = document.createElement('dd');
      term.textContent = name;
      detail.textContent = value;
      pair.append(term, detail);
      return pair;
    }),
  );
  statedBps = new Map(status.tracks.flatMap(({ height, bitrateBps }) => (height ? [[height, bitrateBps]] : [])));
  element('rungs').replaceChildren(
    ...status.tracks.map((track) => listItem(trackText(track))),
    ...status.droppedRungs.map((rung) => listItem(`${rung.id} left out: ${rung.reason}`, 'dropped')),
  );
  setText('advice-none', adviceSummary(status));
  element('advice-none').hidden = status.advice.length > 0;
  showAdvice(element('advice'), status.advice);
  element('faults-title').hidden = status.lastFaults.length === 0;
  element('faults').replaceChildren(...newestFaults(status.lastFaults, FAULTS_SHOWN).map(faultItem));
}

/** The service does not answer. */
export function showUnreachable() {
  element('on-air').dataset['state'] = 'starting';
  setText('on-air', 'no answer');
}

/** @param {readonly string[]} ids @param {string | undefined} chosen */
export function showChannels(ids, chosen) {
  const select = /** @type {HTMLSelectElement} */ (element('channel'));
  const shown = [...select.options].map((option) => option.value);
  if (shown.join() !== ids.join()) select.replaceChildren(...ids.map((id) => new Option(id, id)));
  if (chosen !== undefined && select.value !== chosen) select.value = chosen;
}

/** @param {readonly Rung[]} rungs @param {string | undefined} playing */
export function showRungs(rungs, playing) {
  const select = /** @type {HTMLSelectElement} */ (element('rung'));
  const sorted = [...rungs].sort((a, b) => b.bitrateBps - a.bitrateBps);
  const rate = (/** @type {Rung} */ rung) => bitrateText(statedBps.get(rung.height) ?? rung.bitrateBps);
  const label = (/** @type {Rung} */ rung) => `${rung.height}p · ${rate(rung)}`;
  const shown = [...select.options].slice(1).map((option) => `${option.value} ${option.text}`);
  if (shown.join() !== sorted.map((rung) => `${rung.id} ${label(rung)}`).join()) {
    const { value } = select;
    select.replaceChildren(new Option('Automatic', ''), ...sorted.map((rung) => new Option(label(rung), rung.id)));
    select.value = sorted.some((rung) => rung.id === value) ? value : '';
  }
  const current = sorted.find((rung) => rung.id === playing);
  if (current) setFigure('playing', `${current.height}p`, rate(current));
  else setText('playing', '–');
}

/**
 * @typedef {object} Sample
 * @property {number | undefined} latencyMs
 * @property {number | undefined} bufferS
 */

/** @type {Sample[]} */
const samples = [];

export function forgetSamples() {
  samples.length = 0;
}

/** @param {Sample} sample @param {{ dropped: number, total: number } | undefined} frames */
export function showSample(sample, frames) {
  samples.push(sample);
  if (samples.length > SPARK_SAMPLES) samples.shift();
  if (sample.latencyMs === undefined) setText('latency', '–');
  else setFigure('latency', (sample.latencyMs / 1000).toFixed(1), 's');
  if (sample.bufferS === undefined) setText('buffer', '–');
  else setFigure('buffer', sample.bufferS.toFixed(1), 's');
  if (frames === undefined || frames.total === 0) setText('dropped', '–');
  else setFigure('dropped', String(frames.dropped), `of ${frames.total}`);
  const draw = (/** @type {string} */ id, /** @type {string} */ path) =>
    element(id).querySelector('path')?.setAttribute('d', path);
  draw(
    'latency-line',
    sparkPath(
      samples.map((one) => one.latencyMs),
      2000,
    ),
  );
  draw(
    'buffer-line',
    sparkPath(
      samples.map((one) => one.bufferS),
      2,
    ),
  );
}
