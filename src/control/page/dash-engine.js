/**
 * dash.js behind the page's engine contract (see hls-engine.js).
 * It never restarts itself: an error that ends playing is reported and the page starts a new engine.
 */

/** @typedef {import('./hls-engine.js').Engine} Engine */
/** @typedef {{ dashjs: typeof import('dashjs') }} DashWindow */

/**
 * @param {HTMLVideoElement} video
 * @param {string} url
 * @param {(problem: string) => void} onProblem
 * @returns {Engine}
 */
export function startDash(video, url, onProblem) {
  const { dashjs } = /** @type {DashWindow} */ (/** @type {unknown} */ (window));
  const player = dashjs.MediaPlayer().create();
  // dash.js would ask a server on the internet for the time when an MPD names no source.
  const defaultTimingSource = {
    scheme: 'urn:mpeg:dash:utc:http-xsdate:2014',
    value: new URL('/time', url).href,
  };
  player.updateSettings({
    debug: { logLevel: dashjs.Debug.LOG_LEVEL_NONE },
    streaming: { utcSynchronization: { defaultTimingSource } },
  });
  player.on(dashjs.MediaPlayer.events.ERROR, (event) => {
    const error = /** @type {{ code?: number, message?: string }} */ (event.error);
    // Playing goes on with the last clock offset when one time request fails.
    if (error.code === dashjs.MediaPlayer.errors.TIME_SYNC_FAILED_ERROR_CODE) return;
    onProblem(error.message ?? `dash.js error ${error.code}`);
  });
  player.initialize(video, url, true);
  const automatic = (/** @type {boolean} */ on) =>
    player.updateSettings({
      streaming: { abr: { autoSwitchBitrate: { video: on } } },
    });
  return {
    rungs: () =>
      player.isReady()
        ? player.getRepresentationsByType('video').map(({ id, height, bandwidth }) => ({
            id,
            height,
            bitrateBps: bandwidth,
          }))
        : [],
    playing: () => (player.isReady() ? player.getCurrentRepresentationForType('video')?.id : undefined),
    choose(id) {
      automatic(id === undefined);
      if (id !== undefined && player.isReady()) player.setRepresentationForTypeById('video', id, true);
    },
    latencyMs() {
      const seconds = player.isReady() ? player.getCurrentLiveLatency() : Number.NaN;
      return seconds > 0 ? seconds * 1000 : undefined;
    },
    destroy: () => player.destroy(),
  };
}
