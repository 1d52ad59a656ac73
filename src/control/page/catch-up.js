/**
 * Plays a little faster while the picture is older than the player wants it to be: a start that took long is made up for.
 * It never seeks and never slows down. Invariant: the rate is 1 at the target, and whenever the buffer is too thin to be eaten from.
 */

/** Nobody hears it, since browsers keep the pitch. */
const FASTEST = 1.1;
/** Seconds beyond the target at which catching up begins, and at which it ends: between them nothing changes. */
const BEGIN = 0.1;
const END = 0.03;
/** Seconds that stay in the buffer. */
const LEAST_AHEAD = 0.3;
const LOOK_EVERY_MS = 200;

/**
 * @param {object} now Seconds.
 * @param {number} now.latency
 * @param {number} now.target
 * @param {number} now.ahead in the buffer beyond what is shown
 * @param {number} now.rate the rate so far
 */
export function rateFor({ latency, target, ahead, rate }) {
  const excess = latency - target;
  if (!(excess > (rate > 1 ? END : BEGIN)) || ahead < LEAST_AHEAD) return 1;
  // The last tenths slowly, so that the target is not overrun.
  return Math.min(FASTEST, 1 + Math.max(0.02, Math.round(excess * 20) / 100));
}

/** @param {HTMLVideoElement} video */
function aheadOf({ buffered, currentTime }) {
  for (let i = 0; i < buffered.length; i += 1)
    if (buffered.start(i) <= currentTime && currentTime < buffered.end(i)) return buffered.end(i) - currentTime;
  return 0;
}

/**
 * Looks five times a second until it is stopped; whoever pauses or looks back is left alone.
 * @param {HTMLVideoElement} video
 * @param {() => { latency: number, target: number | null }} measure seconds; more than a Segment and a half beyond the target is looking back
 */
export function startCatchUp(video, measure) {
  const timer = setInterval(() => {
    const { latency, target } = measure();
    if (video.paused || video.seeking || target === null) return;
    const isLookingBack = latency - target > 3;
    const rate = isLookingBack ? 1 : rateFor({ latency, target, ahead: aheadOf(video), rate: video.playbackRate });
    if (rate !== video.playbackRate) video.playbackRate = rate;
  }, LOOK_EVERY_MS);
  return { stop: () => clearInterval(timer) };
}
