/**
 * What happened to each channel in the last quarter of an hour, from events and from statuses. Pure: it is told and asked.
 * Both say the same things, so each is kept once; while the page only polls, a state that is another one is a change.
 */
import { withEntries } from './time-line.js';
import { sourceWords } from './words.js';

/** @typedef {import('../../channel/view.ts').ChannelStatus} ChannelStatus */
/** @typedef {import('./time-line.js').Entry} Entry */
/**
 * The data of the events `state`, `publish`, `unpublish` and `fault`.
 * @typedef {object} Happening
 * @property {string} channel
 * @property {number} atMs
 * @property {string} [from]
 * @property {string} [to]
 * @property {string} [why]
 * @property {string} [address]
 * @property {string} [source]
 * @property {string} [code]
 * @property {string} [message]
 * @property {string} [hint]
 */

/** What the status and an event tell of at nearly the same time is the same. */
const SAME_MS = 5000;
/** Faults repeat, so only what is from one moment is one. */
const SAME_FAULT_MS = 100;
/** The service keeps so many events. */
const KEPT_EVENTS = 256;
/** What the bands say of the time when nobody knew. */
const LOST = 'no answer';

/** @param {{ code: string, message: string, hint?: string | undefined }} fault */
function faultText({ code, message, hint }) {
  return [code, message, hint].filter(Boolean).join(' · ');
}

/** undefined: no event of the time line. @param {string} type @param {Happening} data @returns {Entry | undefined} */
export function entryOf(type, data) {
  const { atMs, from = '', to = '', why, address = '', source = '', code = '', message = '', hint } = data;
  if (type === 'state') return { kind: 'state', atMs, from, to, ...(why !== undefined && { why }) };
  if (type === 'publish')
    return { kind: 'publish', atMs, text: [address, sourceWords(source)].filter(Boolean).join(' · ') };
  if (type === 'unpublish') return { kind: 'unpublish', atMs, text: why ?? 'the publisher is gone' };
  if (type === 'fault') return { kind: 'fault', atMs, code, text: faultText({ code, message, hint }) };
  return undefined;
}

/** An event tells better what was only seen in a status. @param {Entry} entry @param {Entry} seen */
function isTold(entry, seen) {
  const apartMs = Math.abs(entry.atMs - seen.atMs);
  if (entry.kind === 'state' && seen.kind === 'state')
    return seen.why === undefined && entry.to === seen.to && apartMs < SAME_MS;
  if (entry.kind === 'fault' && seen.kind === 'fault') return entry.code === seen.code && apartMs < SAME_FAULT_MS;
  return entry.kind === 'publish' && seen.kind === 'publish' && apartMs < SAME_MS;
}

/** @param {ChannelStatus} status @param {readonly Entry[]} known @returns {Entry[]} those that are not known */
function entriesOf({ id, publisher, lastFaults }, known) {
  /** @type {Entry[]} */
  const entries = lastFaults.map((one) => ({ kind: 'fault', atMs: one.atMs, code: one.code, text: faultText(one) }));
  const publish = publisher && entryOf('publish', { channel: id, atMs: publisher.sinceMs, ...publisher });
  return [...entries, ...(publish ? [publish] : [])].filter((entry) => !known.some((one) => isTold(entry, one)));
}

export class Happenings {
  /** @type {Map<string, { entries: Entry[], state: string | undefined }>} */
  #channels = new Map();
  /** Events since the service said that it gives all it has kept. */
  #replayed = 0;
  #replayedFromMs = Number.POSITIVE_INFINITY;
  #knownFromMs = Number.NEGATIVE_INFINITY;

  /** @param {string} channel */
  #of(channel) {
    const known = this.#channels.get(channel) ?? { entries: [], state: undefined };
    this.#channels.set(channel, known);
    return known;
  }

  /** The service tells all that it has kept, from the oldest on: what follows may be less than what happened. */
  reset() {
    this.#replayed = 0;
    this.#replayedFromMs = Number.POSITIVE_INFINITY;
  }

  /** An event of the stream; others than those of the time line are passed over. @param {string} type @param {Happening} data @param {number} nowMs */
  add(type, data, nowMs) {
    const entry = entryOf(type, data);
    if (entry === undefined) return;
    this.#replayed += 1;
    this.#replayedFromMs = Math.min(this.#replayedFromMs, entry.atMs);
    // A full house: there may have been more before.
    if (this.#replayed === KEPT_EVENTS) this.#knownFromMs = this.#replayedFromMs;
    const known = this.#of(data.channel);
    const others = known.entries.filter((seen) => !isTold(entry, seen));
    known.entries = withEntries(others, [entry], nowMs);
    if (entry.kind === 'state') known.state = entry.to;
  }

  /** All channels as they are now; what is known of others is forgotten. @param {readonly ChannelStatus[]} statuses @param {number} nowMs */
  see(statuses, nowMs) {
    const ids = new Set(statuses.map(({ id }) => id));
    for (const id of this.#channels.keys()) if (!ids.has(id)) this.#channels.delete(id);
    for (const status of statuses) {
      const known = this.#of(status.id);
      const added = entriesOf(status, known.entries);
      if (known.state !== undefined && known.state !== status.state)
        added.push({ kind: 'state', atMs: nowMs, from: known.state, to: status.state });
      known.state = status.state;
      known.entries = withEntries(known.entries, added, nowMs);
    }
  }

  /** The service does not answer: nobody knows. @param {number} nowMs */
  lose(nowMs) {
    for (const known of this.#channels.values()) {
      if (known.state === undefined || known.state === LOST) continue;
      known.entries = withEntries(known.entries, [{ kind: 'state', atMs: nowMs, from: known.state, to: LOST }], nowMs);
      known.state = LOST;
    }
  }

  /** Oldest first. @param {string} channel @returns {readonly Entry[]} */
  of(channel) {
    return this.#channels.get(channel)?.entries ?? [];
  }

  /** From when on everything is known. @param {number} startedMs of the service that was asked first */
  knownFromMs(startedMs) {
    return Math.max(startedMs, this.#knownFromMs);
  }
}
