/**
 * Writes what the publisher should set in its encoder as a list of lines that open.
 * It never judges a feed. Invariants: text from the service goes in as text; a line that is open stays open.
 */

/** @typedef {import('../../channel/view.ts').ChannelStatus} ChannelStatus */
/** @typedef {ChannelStatus['advice'][number]} Advice */

/** What there is to say when there is no advice. @param {Pick<ChannelStatus, 'advice' | 'publisher'>} status */
export function adviceSummary({ advice, publisher }) {
  if (publisher === undefined) return 'Nobody publishes.';
  return advice.length === 0 ? 'Nothing to change: keyframes, frame rate, bitrate, sound and clock are in order.' : '';
}

/** @param {string} name @param {HTMLElement} value */
function pair(name, value) {
  const term = document.createElement('dt');
  const detail = document.createElement('dd');
  term.textContent = name;
  detail.append(value);
  return [term, detail];
}

/** @param {Advice} advice @param {boolean} isOpen */
function line({ code, level, message, obs, ffmpeg }, isOpen) {
  const item = document.createElement('li');
  const details = document.createElement('details');
  const summary = document.createElement('summary');
  const settings = document.createElement('dl');
  const [inObs, inFfmpeg] = [document.createElement('span'), document.createElement('code')];
  details.dataset['code'] = code;
  details.dataset['level'] = level;
  details.open = isOpen;
  summary.textContent = message;
  inObs.textContent = obs;
  inFfmpeg.textContent = ffmpeg;
  settings.append(...pair('OBS', inObs), ...pair('ffmpeg', inFfmpeg));
  details.append(summary, settings);
  item.append(details);
  return item;
}

let shown = '';

/** Rebuilds the list only when it says something else. @param {HTMLElement} list @param {readonly Advice[]} advice */
export function showAdvice(list, advice) {
  const text = JSON.stringify(advice);
  if (text === shown) return;
  shown = text;
  const details = [...list.querySelectorAll('details')];
  const open = new Set(details.filter((one) => one.open).map((one) => one.dataset['code']));
  list.replaceChildren(...advice.map((one) => line(one, open.has(one.code))));
}
