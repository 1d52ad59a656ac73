/**
 * Keeps the page told: the service's events as they come, or the channels asked for every 2 s while there are no events.
 * It never gives up and never asks faster than the waits say. Invariant: one stream at a time, resumed after the last id that was heard.
 */
import { EventStreamReader } from './event-stream.js';

/** @typedef {'events' | 'polling' | 'silent'} FeedMode silent: the service does not answer at all. */
/**
 * @typedef {object} FeedParts
 * @property {(lastId: string, signal: AbortSignal) => Promise<ReadableStream<Uint8Array>>} open
 * @property {() => Promise<unknown>} poll the channels, as the event of this name has them
 * @property {(type: string, data: unknown) => void} onEvent
 * @property {(mode: FeedMode) => void} onMode
 * @property {(ms: number) => Promise<void>} wait
 * @property {() => number} random 0 to 1
 */

const POLL_MS = 2000;
/** The service says something at least every 5 s. */
const SILENCE_MS = 12_000;
const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 30_000;

/** 1, 2, 4, up to 30 s, the latter half by chance, so that many pages do not come at once. @param {number} failures from 1 @param {number} random */
export function retryDelayMs(failures, random) {
  const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (failures - 1));
  return Math.round(longest * (0.5 + random / 2));
}

/** @param {FeedParts} parts */
export function openLiveFeed({ open, poll, onEvent, onMode, wait, random }) {
  // From the beginning: what the service still knows fills the time line.
  let lastId = '0';
  let isClosed = false;
  /** @type {AbortController | undefined} */
  let following;

  /** @param {ReadableStream<Uint8Array>} body @param {(heard: number) => void} onHeard */
  async function read(body, onHeard) {
    const events = new EventStreamReader();
    const bytes = body.getReader();
    for (;;) {
      const { done, value } = await bytes.read();
      if (done) return;
      const messages = events.push(value);
      onHeard(messages.length);
      for (const { type, data, id } of messages) {
        if (id !== '') lastId = id;
        onEvent(type, JSON.parse(data));
      }
    }
  }

  /** One stream to its end, whatever ends it. @returns {Promise<boolean>} whether anything was heard */
  async function follow() {
    const controller = new AbortController();
    following = controller;
    let heard = 0;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let silence;
    const listen = () => {
      clearTimeout(silence);
      silence = setTimeout(() => controller.abort(), SILENCE_MS);
    };
    try {
      const body = await open(lastId, controller.signal);
      listen();
      await read(body, (messages) => {
        listen();
        if (heard === 0 && messages > 0) onMode('events');
        heard += messages;
      });
    } catch {
      // However it ended: it is tried again, and meanwhile the channels are asked for.
    }
    clearTimeout(silence);
    return heard > 0;
  }

  /** @param {number} forMs */
  async function pollFor(forMs) {
    for (let leftMs = forMs; leftMs > 0 && !isClosed; leftMs -= POLL_MS) {
      try {
        const channels = await poll();
        onMode('polling');
        onEvent('channels', channels);
      } catch {
        onMode('silent');
      }
      await wait(Math.min(leftMs, POLL_MS));
    }
  }

  async function run() {
    let failures = 0;
    while (!isClosed) {
      failures = (await follow()) ? 1 : failures + 1;
      if (!isClosed) await pollFor(retryDelayMs(failures, random()));
    }
  }
  const ended = run();
  return {
    /** @returns {Promise<void>} */
    close() {
      isClosed = true;
      following?.abort();
      return ended;
    },
  };
}
