/**
 * The view of one channel: facts, time line, charts, ladder and log, each brought up to date once a second or when it is asked for.
 * It asks only while its channel is open and the page can be seen. Invariant: an answer that belongs to another channel is dropped.
 */
import { showFacts, showUnreachable } from './channel-facts.js';
import { Chart } from './chart-view.js';
import { element } from './elements.js';
import { forgetLog, showLog, startLog } from './encoder-log.js';
import { countText, speedText } from './formats.js';
import { LatencyHistory } from './history.js';
import { forgetLadder, showLadder } from './ladder-table.js';
import { samplePlayer } from './player.js';
import { showTimeLine } from './time-line-view.js';

/** @typedef {import('../../channel/view.ts').ChannelStatus} ChannelStatus */
/** @typedef {import('./service-client.js').ServiceClient} ServiceClient */
/** @typedef {import('./history.js').FigureHistory} FigureHistory */
/** @typedef {import('./happenings.js').Happenings} Happenings */

const LOG_EVERY_MS = 2000;
const LADDER_EVERY_MS = 5000;

export class ChannelPanel {
  #client;
  #figures;
  #happenings;
  #latencies = new LatencyHistory();
  /** @type {{ kinds: Chart, caches: Chart, speed: Chart, latency: Chart } | undefined} */
  #charts;
  /** @type {string | undefined} */
  #channel;
  /** When a second began that was sampled: an event and a tick may come in one. */
  #sampledMs = Number.NEGATIVE_INFINITY;

  /** @param {ServiceClient} client @param {FigureHistory} figures @param {Happenings} happenings */
  constructor(client, figures, happenings) {
    this.#client = client;
    this.#figures = figures;
    this.#happenings = happenings;
  }

  start() {
    startLog();
    const parent = element('charts');
    const rate = (/** @type {number} */ value) => `${countText(value)}/s`;
    const empty = 'No requests.';
    this.#charts = {
      kinds: new Chart(parent, { title: 'Requests by kind', shape: 'stack', text: rate, floor: 5, empty }),
      caches: new Chart(parent, { title: 'Requests by cache class', shape: 'stack', text: rate, floor: 5, empty }),
      speed: new Chart(parent, {
        ...{ title: 'Encoder speed', shape: 'lines', text: speedText, floor: 2, reference: 1 },
        empty: 'No encoder runs.',
      }),
      latency: new Chart(parent, {
        ...{ title: 'Latency', shape: 'lines', text: (value) => `${value.toFixed(1)} s`, floor: 5 },
        empty: 'Nothing plays.',
      }),
    };
    setInterval(() => void this.#readLog(), LOG_EVERY_MS);
    setInterval(() => void this.#readLadder(), LADDER_EVERY_MS);
  }

  /** @param {string} channel */
  open(channel) {
    this.#channel = channel;
    this.#latencies.forget();
    forgetLog();
    forgetLadder();
    void this.#readLog();
    void this.#readLadder();
  }

  close() {
    this.#channel = undefined;
  }

  /**
   * What is asked of the open channel; undefined when there is none, nobody looks, or it is not to be had.
   * @param {string} what @returns {Promise<unknown>}
   */
  async #ask(what) {
    const channel = this.#channel;
    if (channel === undefined || document.hidden) return undefined;
    try {
      const answer = await this.#client.ask(`api/v1/channels/${encodeURIComponent(channel)}/${what}`);
      return channel === this.#channel ? answer : undefined;
    } catch {
      // It stays as it is; the head of the page says when the service does not answer.
      return undefined;
    }
  }

  async #readLog() {
    const answer = /** @type {{ lines: import('./encoder-log.js').LogLine[] } | undefined} */ (
      await this.#ask('encoder-log')
    );
    if (answer) showLog(answer.lines);
  }

  async #readLadder() {
    const answer = /** @type {import('./ladder-table.js').Ladder | undefined} */ (await this.#ask('ladder'));
    if (answer) showLadder(answer);
  }

  /** @param {ChannelStatus} status @param {{ nowMs: number, knownFromMs: number, isKnown: boolean }} now isKnown: the service answers */
  show(status, { nowMs, knownFromMs, isKnown }) {
    if (isKnown) showFacts(status, nowMs);
    else showUnreachable();
    const { state } = status;
    showTimeLine(this.#happenings.of(status.id), { nowMs, knownFromMs, state });
    if (nowMs - this.#sampledMs < 900 && nowMs >= this.#sampledMs) return;
    this.#sampledMs = nowMs;
    const stated = status.tracks.flatMap(({ height, bitrateBps }) =>
      height ? [/** @type {const} */ ([height, bitrateBps])] : [],
    );
    const latencyMs = samplePlayer(nowMs, new Map(stated));
    this.#latencies.add({
      atMs: nowMs,
      player: latencyMs === undefined ? undefined : latencyMs / 1000,
      newest: status.newestEndMs === undefined || !isKnown ? undefined : Math.max(0, nowMs - status.newestEndMs) / 1000,
    });
    this.#charts?.kinds.show(this.#figures.requests('kind'), nowMs);
    this.#charts?.caches.show(this.#figures.requests('cache'), nowMs);
    this.#charts?.speed.show(this.#figures.speed(status.id), nowMs);
    this.#charts?.latency.show(this.#latencies.series(), nowMs);
  }
}
