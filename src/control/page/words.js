/**
 * What the service says, in the words of people: the source, and faults that repeat. Pure.
 * It never drops anything: what it does not know stays as it is.
 */

/** @typedef {import('../../channel/view.ts').ChannelStatus} ChannelStatus */
/** @typedef {ChannelStatus['lastFaults'][number]} Fault */

const CODECS = new Map([
  ['h264', 'H.264'],
  ['aac', 'AAC'],
  ['mp3', 'MP3'],
]);
const LAYOUTS = new Map([
  ['1', 'mono'],
  ['2', 'stereo'],
]);

/** `h264 1280x720 30 fps, aac 48000 Hz x 2` as `H.264 1280×720 30 fps, AAC 48 kHz stereo`. @param {string} source */
export function sourceWords(source) {
  return source
    .replace(/\b(h264|aac|mp3)\b/g, (codec) => CODECS.get(codec) ?? codec)
    .replace(/(\d)x(\d)/g, '$1×$2')
    .replace(/\b(\d{4,6}) Hz\b/g, (_all, hertz) => `${Number(hertz) / 1000} kHz`)
    .replace(/ x (\d+)/g, (_all, count) => ` ${LAYOUTS.get(count) ?? `${count} channels`}`);
}

/**
 * The newest faults, newest first, each code once with how often it came in a row.
 * @param {readonly Fault[]} faults oldest first
 * @param {number} most
 * @returns {{ fault: Fault, times: number }[]}
 */
export function newestFaults(faults, most) {
  /** @type {{ fault: Fault, times: number }[]} */
  const rows = [];
  for (const fault of faults) {
    const last = rows.at(-1);
    if (last?.fault.code === fault.code) rows[rows.length - 1] = { fault, times: last.times + 1 };
    else rows.push({ fault, times: 1 });
  }
  return rows.slice(-most).reverse();
}

/** What viewers get, in one word: `stale` when it should be fresh and is not. @param {Pick<ChannelStatus, 'fresh' | 'onAir'>} status */
export function airStateOf({ fresh, onAir }) {
  return fresh || onAir === 'starting' ? onAir : 'stale';
}

/** The state of the table, where it says more than what is on air. @param {Pick<ChannelStatus, 'state' | 'onAir'>} status */
export function stateWords({ state, onAir }) {
  return state === onAir ? '' : state;
}

/** For a list of channels: `2 live, 1 slate`. @param {readonly Pick<ChannelStatus, 'fresh' | 'onAir'>[]} statuses */
export function airSummary(statuses) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const status of statuses) counts.set(airStateOf(status), (counts.get(airStateOf(status)) ?? 0) + 1);
  return [...counts].map(([state, count]) => `${count} ${state}`).join(', ');
}

/** How grave a line of the encoder's log is, by its words. @param {string} text */
export function gravityOf(text) {
  if (/\b(error|failed|invalid|cannot|fatal)\b/i.test(text)) return 'error';
  return /\b(warning|deprecated|discarding|overrun|missing)\b/i.test(text) ? 'warning' : 'plain';
}
