/**
 * hls.js behind the page's engine contract.
 * It loads again by itself where the service was not there; any other fatal error is reported once and the page starts a new engine.
 */

import { startCatchUp } from './catch-up.js';

/** @typedef {import('hls.js').default} Hls */
/** @typedef {{ Hls: typeof import('hls.js').default }} HlsWindow */
/**
 * @typedef {object} Rung
 * @property {string} id Of the engine: a playlist's URL or a Representation's id.
 * @property {number} height
 * @property {number} bitrateBps
 */
/**
 * What the page can ask of a player.
 * @typedef {object} Engine
 * @property {() => Rung[]} rungs
 * @property {() => string | undefined} playing Id of the rung on the screen.
 * @property {(id: string | undefined) => void} choose undefined is automatic.
 * @property {(nowMs: number) => number | undefined} latencyMs Against the service's UTC.
 * @property {() => void} destroy
 */

/** A service that starts again is away for a second or two. */
const LOAD_AGAIN_MS = 1000;
/** Longer than any buffer: then a new engine is no loss. */
const GIVE_UP_MS = 30_000;

/**
 * hls.js stops loading after two lists in a row that failed, picture and sound counted together, which is a second without a service; its API
 * leaves it to the page to call startLoad() then. What is in the buffer plays on meanwhile.
 * @param {Hls} hls
 * @returns {{ takes: (data: import('hls.js').ErrorData) => boolean, stop: () => void }} takes: it is tried again.
 */
function startLoadingAgain(hls) {
  /** @type {number | undefined} */
  let sinceMs;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const { Hls } = /** @type {HlsWindow} */ (/** @type {unknown} */ (window));
  hls.on(Hls.Events.LEVEL_LOADED, () => {
    sinceMs = undefined;
  });
  return {
    takes({ type, response }) {
      const status = response?.code ?? 0;
      const isAway = type === Hls.ErrorTypes.NETWORK_ERROR && (status === 0 || status >= 500);
      // Without a first multivariant playlist there is nothing to go on with.
      if (!isAway || hls.levels.length === 0) return false;
      sinceMs ??= performance.now();
      if (performance.now() - sinceMs >= GIVE_UP_MS) return false;
      clearTimeout(timer);
      timer = setTimeout(() => hls.startLoad(), LOAD_AGAIN_MS);
      return true;
    },
    stop: () => clearTimeout(timer),
  };
}

/**
 * Safari on older iPhones has no MediaSource, but plays HLS itself.
 * @param {HTMLVideoElement} video @param {string} url @param {(problem: string) => void} onProblem @returns {Engine}
 */
function startNative(video, url, onProblem) {
  const onError = () => onProblem(video.error?.message || 'the browser could not play the stream');
  video.addEventListener('error', onError);
  video.src = url;
  return {
    rungs: () => [],
    playing: () => undefined,
    choose: () => {},
    latencyMs: () => undefined,
    destroy() {
      video.removeEventListener('error', onError);
      video.removeAttribute('src');
      video.load();
    },
  };
}

/**
 * @param {HTMLVideoElement} video
 * @param {string} url
 * @param {(problem: string) => void} onProblem called at most once, when playing cannot go on
 * @returns {Engine}
 */
export function startHls(video, url, onProblem) {
  const { Hls } = /** @type {HlsWindow} */ (/** @type {unknown} */ (window));
  if (!Hls.isSupported()) return startNative(video, url, onProblem);
  // maxLiveSyncPlaybackRate stays 1: with less than a second in the buffer hls.js would never catch up, and that is all there is of parts.
  const hls = new Hls({ lowLatencyMode: true, backBufferLength: 30 });
  const catchUp = startCatchUp(video, () => ({ latency: hls.latency, target: hls.targetLatency }));
  const loading = startLoadingAgain(hls);
  // Each stall moves the target away for good, by a second: with parts, one part is what a stall shows to be missing.
  hls.on(Hls.Events.LEVEL_LOADED, (_event, { details }) => {
    if (details.partTarget > 0) hls.config.liveSyncOnStallIncrease = details.partTarget;
  });
  hls.on(Hls.Events.ERROR, (_event, data) => {
    if (data.fatal && !loading.takes(data))
      onProblem(data.response?.code ? `${data.details} (${data.response.code})` : data.details);
  });
  hls.loadSource(url);
  hls.attachMedia(video);
  return {
    rungs: () =>
      hls.levels.map((level) => ({
        id: level.uri,
        height: level.height,
        bitrateBps: level.bitrate,
      })),
    playing() {
      const level = hls.levels[hls.currentLevel];
      return level?.uri;
    },
    choose(id) {
      hls.nextLevel = id === undefined ? -1 : hls.levels.findIndex((level) => level.uri === id);
    },
    latencyMs: (nowMs) => (hls.playingDate ? nowMs - hls.playingDate.getTime() : undefined),
    destroy() {
      catchUp.stop();
      loading.stop();
      hls.destroy();
    },
  };
}
