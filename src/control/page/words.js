/**
 * What the service says, in the words of people: the source, and faults that repeat. Pure.
 * It never drops anything: what it does not know stays as it is.
 */

/** @typedef {import('../../channel/view.ts').ChannelStatus['lastFaults'][number]} Fault */

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
