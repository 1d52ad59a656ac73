/**
 * What the service says of one channel: state, facts, tracks, advice, last faults.
 * It never fetches and never decides what to play.
 */
import { adviceSummary, showAdvice } from './advice.js';
import { element, make, setText } from './elements.js';
import { ageText, bitrateText, bytesText, clockText, durationText, speedText, UNKNOWN } from './formats.js';
import { airStateOf, newestFaults, sourceWords, stateWords } from './words.js';

/** @typedef {import('../../channel/view.ts').ChannelStatus} ChannelStatus */
/** @typedef {import('../../channel/view.ts').TrackStatus} TrackStatus */
/** @typedef {import('./words.js').Fault} Fault */

const FAULTS_SHOWN = 3;

/** @param {TrackStatus} track */
function trackText(track) {
  const size = track.height === undefined ? track.id : `${track.width}×${track.height}`;
  const rate = track.frameRate === undefined ? '' : ` ${track.frameRate} fps`;
  return `${size}${rate} · ${bitrateText(track.bitrateBps)}`;
}

/** @param {ChannelStatus} status @param {number} nowMs @returns {[string, string][]} */
function factsOf(status, nowMs) {
  const { publisher, encoder, newestEndMs } = status;
  return [
    ['Source', publisher ? sourceWords(publisher.source) : 'nobody publishes'],
    ['On air for', publisher ? durationText(nowMs - publisher.sinceMs) : UNKNOWN],
    ['From', publisher ? publisher.address : UNKNOWN],
    ['Ladder', status.ladder],
    ['Encoder', encoder ? `${Math.round(encoder.fps)} fps · ${speedText(encoder.speed)}` : UNKNOWN],
    ['Segment', status.newestNumber === undefined ? UNKNOWN : `${status.newestNumber}`],
    ['Newest media', newestEndMs === undefined ? UNKNOWN : `${ageText(nowMs - newestEndMs)} old`],
    ['Window', `${status.windowSegments} segments · ${bytesText(status.windowBytes)}`],
    ...(status.disk.kind === 'degraded' ? [/** @type {[string, string]} */ (['Disk', status.disk.message])] : []),
  ];
}

/** @param {{ fault: Fault, times: number }} row */
function faultItem({ fault, times }) {
  const item = make(
    'li',
    '',
    make('time', '', clockText(fault.atMs)),
    ' ',
    make('code', '', fault.code),
    times > 1 ? ` (${times} times)` : '',
    ` ${fault.message}`,
  );
  if (fault.hint) item.append(make('span', '', fault.hint));
  return item;
}

/** @param {ChannelStatus} status @param {number} nowMs */
export function showFacts(status, nowMs) {
  element('on-air').dataset['state'] = airStateOf(status);
  setText('on-air', airStateOf(status));
  setText('state', stateWords(status));
  element('facts').replaceChildren(
    ...factsOf(status, nowMs).map(([name, value]) => make('div', '', make('dt', '', name), make('dd', '', value))),
  );
  element('rungs').replaceChildren(
    ...status.tracks.map((track) => make('li', '', trackText(track))),
    ...status.droppedRungs.map((rung) => make('li', 'dropped', `${rung.id} left out: ${rung.reason}`)),
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
  setText('state', '');
}

/** @param {readonly string[]} ids @param {string} chosen */
export function showChannelChoice(ids, chosen) {
  const select = /** @type {HTMLSelectElement} */ (element('channel'));
  const shown = [...select.options].map((option) => option.value);
  if (shown.join() !== ids.join()) select.replaceChildren(...ids.map((id) => new Option(id, id)));
  if (select.value !== chosen) select.value = chosen;
  setText('channel-title', `Channel ${chosen}`);
}
