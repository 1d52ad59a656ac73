/**
 * hls.js behind the page's engine contract.
 * It never restarts itself: a fatal error is reported once and the page starts a new engine.
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
  // Each stall moves the target away for good, by a second: with parts, one part is what a stall shows to be missing.
  hls.on(Hls.Events.LEVEL_LOADED, (_event, { details }) => {
    if (details.partTarget > 0) hls.config.liveSyncOnStallIncrease = details.partTarget;
  });
  hls.on(Hls.Events.ERROR, (_event, data) => {
    if (data.fatal) onProblem(data.response?.code ? `${data.details} (${data.response.code})` : data.details);
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
      hls.destroy();
    },
  };
}
