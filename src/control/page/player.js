/**
 * Keeps one engine playing one channel in the page's video element: starts, restarts, watches that the picture moves.
 * It never asks the API. Invariant: whatever belongs to an earlier start is ignored.
 */
import { startDash } from './dash-engine.js';
import { element, setFigure, setText } from './elements.js';
import { bitrateText, UNKNOWN } from './formats.js';
import { startHls } from './hls-engine.js';
import { SPARK_SAMPLES, sparkPath } from './sparkline.js';

/** @typedef {import('./hls-engine.js').Engine} Engine */
/** @typedef {import('./hls-engine.js').Rung} Rung */
/** @typedef {{ hls: string, dash: string }} Urls */

const RESTART_MS = 2000;
/** Longer without a new picture, while nobody paused, means that the engine has lost its way. */
const STUCK_MS = 12_000;
const ENGINES = {
  hls: { script: 'players/hls.min.js', start: startHls },
  dash: { script: 'players/dash.all.min.js', start: startDash },
};

const video = /** @type {HTMLVideoElement} */ (element('video'));
const rungSelect = /** @type {HTMLSelectElement} */ (element('rung'));

/** @type {Urls | undefined} */
let urls;
/** @type {'hls' | 'dash'} */
let engineName = 'hls';
/** @type {Engine | undefined} */
let engine;
/** Counts starts. */
let startCount = 0;
let lastMove = { position: -1, atMs: 0 };
/** By height, as the service states it: what players know is BANDWIDTH, the peak with the buffer's burst and the sound in it. */
let statedBps = /** @type {ReadonlyMap<number, number>} */ (new Map());
/** @type {{ latencyMs: number | undefined, bufferS: number | undefined }[]} */
const samples = [];

/** @type {Map<string, Promise<void>>} */
const scripts = new Map();

/** Loads a player bundle once; a failed load may be tried again. @param {string} src */
function loadScript(src) {
  const known = scripts.get(src);
  if (known) return known;
  const loading = new Promise((/** @type {(value: void) => void} */ resolve, reject) => {
    const script = document.createElement('script');
    script.src = src;
    script.onload = () => resolve();
    script.onerror = () => {
      scripts.delete(src);
      reject(new Error(`${src} could not be loaded`));
    };
    document.head.append(script);
  });
  scripts.set(src, loading);
  return loading;
}

/** @param {string | undefined} text */
function showNotice(text) {
  element('notice').hidden = text === undefined;
  setText('notice', text ?? '');
}

function stopEngine() {
  startCount += 1;
  engine?.destroy();
  engine = undefined;
}

async function startEngine() {
  stopEngine();
  const count = startCount;
  if (urls === undefined) return;
  lastMove = { position: -1, atMs: performance.now() };
  const restartLater = (/** @type {string} */ problem) => {
    if (count !== startCount) return;
    showNotice(`Trying again: ${problem}`);
    setTimeout(() => {
      if (count === startCount) void startEngine();
    }, RESTART_MS);
  };
  try {
    await loadScript(ENGINES[engineName].script);
    if (count !== startCount) return;
    engine = ENGINES[engineName].start(video, urls[engineName], restartLater);
    if (rungSelect.value) engine.choose(rungSelect.value);
    // Refused autoplay is no fault: the controls are there.
    video.play().catch(() => {});
  } catch (error) {
    restartLater(error instanceof Error ? error.message : String(error));
  }
}

function startAnew() {
  rungSelect.value = '';
  samples.length = 0;
  showNotice(undefined);
  void startEngine();
}

/** Plays from these addresses; those of now are left alone. @param {Urls} wanted */
export function playFrom(wanted) {
  if (urls?.hls === wanted.hls && urls.dash === wanted.dash) return;
  urls = wanted;
  startAnew();
}

/** Nothing is played and nothing is fetched any more. */
export function stopPlaying() {
  urls = undefined;
  stopEngine();
}

export function toggleMute() {
  video.muted = !video.muted;
  element('unmute').hidden = !video.muted;
}

function bufferSeconds() {
  for (let index = 0; index < video.buffered.length; index += 1) {
    const start = video.buffered.start(index);
    const end = video.buffered.end(index);
    if (video.currentTime >= start - 0.1 && video.currentTime <= end) return end - video.currentTime;
  }
  return video.readyState === 0 ? undefined : 0;
}

function watchProgress() {
  const now = performance.now();
  if (video.paused || document.hidden || video.currentTime !== lastMove.position) {
    if (!video.paused && video.currentTime > 0 && lastMove.position >= 0) showNotice(undefined);
    lastMove = { position: video.currentTime, atMs: now };
  } else if (engine && now - lastMove.atMs > STUCK_MS) {
    void startEngine();
  }
}

/** @param {readonly Rung[]} rungs @param {string | undefined} playing */
function showRungs(rungs, playing) {
  const sorted = [...rungs].sort((a, b) => b.bitrateBps - a.bitrateBps);
  const rate = (/** @type {Rung} */ rung) => bitrateText(statedBps.get(rung.height) ?? rung.bitrateBps);
  const label = (/** @type {Rung} */ rung) => `${rung.height}p · ${rate(rung)}`;
  const shown = [...rungSelect.options].slice(1).map((option) => `${option.value} ${option.text}`);
  if (shown.join() !== sorted.map((rung) => `${rung.id} ${label(rung)}`).join()) {
    const { value } = rungSelect;
    rungSelect.replaceChildren(new Option('Automatic', ''), ...sorted.map((rung) => new Option(label(rung), rung.id)));
    rungSelect.value = sorted.some((rung) => rung.id === value) ? value : '';
  }
  const current = sorted.find((rung) => rung.id === playing);
  if (current) setFigure('playing', `${current.height}p`, rate(current));
  else setText('playing', UNKNOWN);
}

/** @param {string} id @param {readonly (number | undefined)[]} values @param {number} floor */
function drawSpark(id, values, floor) {
  element(id).querySelector('path')?.setAttribute('d', sparkPath(values, floor));
}

/** @param {number | undefined} latencyMs */
function showSample(latencyMs) {
  const bufferS = bufferSeconds();
  samples.push({ latencyMs, bufferS });
  if (samples.length > SPARK_SAMPLES) samples.shift();
  if (latencyMs === undefined) setText('latency', UNKNOWN);
  else setFigure('latency', (latencyMs / 1000).toFixed(1), 's');
  if (bufferS === undefined) setText('buffer', UNKNOWN);
  else setFigure('buffer', bufferS.toFixed(1), 's');
  const { droppedVideoFrames, totalVideoFrames } = video.getVideoPlaybackQuality();
  if (totalVideoFrames === 0) setText('dropped', UNKNOWN);
  else setFigure('dropped', String(droppedVideoFrames), `of ${totalVideoFrames}`);
  drawSpark(
    'latency-line',
    samples.map((one) => one.latencyMs),
    2000,
  );
  drawSpark(
    'buffer-line',
    samples.map((one) => one.bufferS),
    2,
  );
}

/**
 * Once a second: what plays, how late, how much is buffered.
 * @param {number} nowMs the service's UTC @param {ReadonlyMap<number, number>} stated bitrate by height
 * @returns {number | undefined} latency in ms
 */
export function samplePlayer(nowMs, stated) {
  statedBps = stated;
  element('unmute').hidden = !video.muted;
  watchProgress();
  showRungs(engine?.rungs() ?? [], engine?.playing());
  const latencyMs = engine?.latencyMs(nowMs);
  showSample(latencyMs);
  return latencyMs;
}

export function startPlayerControls() {
  rungSelect.addEventListener('change', () => engine?.choose(rungSelect.value || undefined));
  element('unmute').addEventListener('click', toggleMute);
  for (const input of document.querySelectorAll('input[name="engine"]')) {
    input.addEventListener('change', () => {
      engineName = /** @type {HTMLInputElement} */ (input).value === 'dash' ? 'dash' : 'hls';
      startAnew();
    });
  }
}
