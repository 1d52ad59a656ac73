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

/** A publish that the status has from another clock reading is still the same. */
const SAME_PUBLISH_MS = 5000;

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

export class Happenings {
  /** @type {Map<string, { entries: Entry[], state: string | undefined }>} */
  #channels = new Map();

  /** @param {string} channel */
  #of(channel) {
    const known = this.#channels.get(channel) ?? { entries: [], state: undefined };
    this.#channels.set(channel, known);
    return known;
  }

  /** An event of the stream; others than those of the time line are passed over. @param {string} type @param {Happening} data @param {number} nowMs */
  add(type, data, nowMs) {
    const entry = entryOf(type, data);
    if (entry === undefined) return;
    const known = this.#of(data.channel);
    known.entries = withEntries(known.entries, [entry], nowMs);
    if (entry.kind === 'state') known.state = entry.to;
  }

  /** All channels as they are now; what is known of others is forgotten. @param {readonly ChannelStatus[]} statuses @param {number} nowMs */
  see(statuses, nowMs) {
    const ids = new Set(statuses.map(({ id }) => id));
    for (const id of this.#channels.keys()) if (!ids.has(id)) this.#channels.delete(id);
    for (const { id, state, publisher, lastFaults } of statuses) {
      const known = this.#of(id);
      /** @type {Entry[]} */
      const added = lastFaults.map((fault) => ({
        kind: 'fault',
        atMs: fault.atMs,
        code: fault.code,
        text: faultText(fault),
      }));
      if (known.state !== undefined && known.state !== state)
        added.push({ kind: 'state', atMs: nowMs, from: known.state, to: state });
      known.state = state;
      const isNew = (/** @type {Entry} */ entry) =>
        entry.kind !== 'publish' || Math.abs(entry.atMs - (publisher?.sinceMs ?? 0)) > SAME_PUBLISH_MS;
      if (publisher && known.entries.every(isNew))
        added.push(/** @type {Entry} */ (entryOf('publish', { channel: id, atMs: publisher.sinceMs, ...publisher })));
      known.entries = withEntries(known.entries, added, nowMs);
    }
  }

  /** Oldest first. @param {string} channel @returns {readonly Entry[]} */
  of(channel) {
    return this.#channels.get(channel)?.entries ?? [];
  }
}
