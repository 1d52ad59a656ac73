/**
 * The last quarter of an hour of a Channel as a time line: its states as bands, what happened as marks. Pure: entries in, places out.
 * Places are shares of the span, 0 at its beginning and 1 at now. Invariant: bands do not overlap and stay within the span.
 */

/**
 * @typedef {object} StateEntry
 * @property {'state'} kind
 * @property {number} atMs
 * @property {string} from
 * @property {string} to
 * @property {string} [why]
 */
/**
 * @typedef {object} MarkEntry
 * @property {'publish' | 'unpublish' | 'fault'} kind
 * @property {number} atMs
 * @property {string} text What happened, in words.
 * @property {string} [code] Of a fault.
 */
/** @typedef {StateEntry | MarkEntry} Entry */
/** @typedef {{ state: string, fromMs: number, toMs: number, left: number, width: number }} Band */
/** @typedef {{ kind: Entry['kind'], atMs: number, text: string, key: string, left: number, times: number }} Mark */

export const TIME_LINE_MS = 15 * 60_000;
/** More than that in a quarter of an hour is a storm; the newest are kept. */
const MOST_ENTRIES = 512;

/** @param {Entry} entry */
function sameAs(entry) {
  const what = entry.kind === 'state' ? `${entry.from} ${entry.to}` : entry.kind === 'fault' ? entry.code : entry.text;
  return `${entry.kind} ${entry.atMs} ${what}`;
}

/**
 * Entries with those added, each once (a stream that is resumed and a status say the same), oldest first, none that has left the span
 * except the last state before it, which says what it was at its beginning.
 * @param {readonly Entry[]} entries @param {readonly Entry[]} added @param {number} nowMs @returns {Entry[]}
 */
export function withEntries(entries, added, nowMs) {
  const all = new Map([...entries, ...added].map((entry) => [sameAs(entry), entry]));
  const sorted = [...all.values()].sort((a, b) => a.atMs - b.atMs);
  const beginMs = nowMs - TIME_LINE_MS;
  const before = sorted.filter((entry) => entry.kind === 'state' && entry.atMs < beginMs).slice(-1);
  return [...before, ...sorted.filter((entry) => entry.atMs >= beginMs)].slice(-MOST_ENTRIES);
}

/**
 * @param {readonly Entry[]} entries oldest first
 * @param {{ nowMs: number, knownFromMs: number, state: string | undefined }} now state: that of now, for a Channel without an entry
 * @returns {Band[]}
 */
export function bandsOf(entries, { nowMs, knownFromMs, state }) {
  const beginMs = nowMs - TIME_LINE_MS;
  const changes = entries.filter((entry) => entry.kind === 'state');
  const first = changes[0]?.from ?? state;
  if (first === undefined) return [];
  const steps = [{ state: first, atMs: knownFromMs }, ...changes.map(({ to, atMs }) => ({ state: to, atMs }))];
  /** @type {Band[]} */
  const bands = [];
  steps.forEach((step, index) => {
    const fromMs = Math.max(beginMs, step.atMs);
    const toMs = Math.min(nowMs, steps[index + 1]?.atMs ?? nowMs);
    if (toMs <= fromMs) return;
    const last = bands.at(-1);
    if (last?.state === step.state && last.toMs === fromMs) {
      last.toMs = toMs;
      last.width = (toMs - last.fromMs) / TIME_LINE_MS;
      return;
    }
    const left = (fromMs - beginMs) / TIME_LINE_MS;
    bands.push({ state: step.state, fromMs, toMs, left, width: (toMs - fromMs) / TIME_LINE_MS });
  });
  return bands;
}

/** @param {Entry} entry */
function wordsOf(entry) {
  if (entry.kind !== 'state') return entry.text;
  return `${entry.from} → ${entry.to}${entry.why ? `: ${entry.why}` : ''}`;
}

/** What makes two marks the same thing again. @param {Entry} entry */
function sortOf(entry) {
  return entry.kind === 'state' ? `state ${entry.from} ${entry.to}` : `${entry.kind} ${entry.code ?? ''}`;
}

/**
 * Marks, oldest first; the same thing again within `nearMs` is one mark that counts, at the place and with the words of its newest.
 * @param {readonly Entry[]} entries oldest first @param {number} nowMs @param {number} nearMs @returns {Mark[]}
 */
export function marksOf(entries, nowMs, nearMs) {
  const beginMs = nowMs - TIME_LINE_MS;
  /** @type {Mark[]} */
  const marks = [];
  /** @type {Map<string, number>} */
  const newest = new Map();
  for (const entry of entries) {
    if (entry.atMs < beginMs) continue;
    const index = newest.get(sortOf(entry)) ?? -1;
    const near = marks[index];
    const isNear = near !== undefined && entry.atMs - near.atMs < nearMs;
    // It keeps its key, so that who is on it stays on it.
    const key = isNear ? near.key : sameAs(entry);
    const left = Math.min(1, (entry.atMs - beginMs) / TIME_LINE_MS);
    const mark = {
      kind: entry.kind,
      atMs: entry.atMs,
      text: wordsOf(entry),
      key,
      left,
      times: (isNear ? near.times : 0) + 1,
    };
    if (isNear) marks[index] = mark;
    else newest.set(sortOf(entry), marks.push(mark) - 1);
  }
  return marks;
}

/** How long it was what, longest first, for who does not see the bands. @param {readonly Band[]} bands @returns {[string, number][]} state and ms */
export function sharesOf(bands) {
  /** @type {Map<string, number>} */
  const sums = new Map();
  for (const { state, fromMs, toMs } of bands) sums.set(state, (sums.get(state) ?? 0) + toMs - fromMs);
  return [...sums].sort((a, b) => b[1] - a[1]);
}
