/**
 * The player page: asks the service once a second, keeps one engine playing, and hands both to the view.
 * It never keeps the stream key: it is fetched when somebody asks to see or copy it, and the service gives it to its own machine only.
 */
import { addressesOf, ffmpegLine } from './addresses.js';
import { startDash } from './dash-engine.js';
import { startHls } from './hls-engine.js';
import {
  element,
  forgetSamples,
  setAddress,
  setText,
  showChannels,
  showRungs,
  showSample,
  showStatus,
  showUnreachable,
} from './view.js';

/** @typedef {import('./hls-engine.js').Engine} Engine */
/** @typedef {import('../../channel/view.ts').ChannelStatus} ChannelStatus */
/** @typedef {{ httpPort: number, rtmpPort: number, streamKeysShown: boolean }} Service */

const RESTART_MS = 2000;
/** Longer without a new picture, while nobody paused, means that the engine has lost its way. */
const STUCK_MS = 12_000;
const MASK = '••••••••••••';
const ENGINES = {
  hls: { script: 'players/hls.min.js', start: startHls },
  dash: { script: 'players/dash.all.min.js', start: startDash },
};

const video = /** @type {HTMLVideoElement} */ (element('video'));
const channelSelect = /** @type {HTMLSelectElement} */ (element('channel'));
const rungSelect = /** @type {HTMLSelectElement} */ (element('rung'));
const reveal = /** @type {HTMLButtonElement} */ (element('reveal'));

/** @type {Service | undefined} */
let service;
/** @type {string | undefined} */
let channel;
/** @type {'hls' | 'dash'} */
let engineName = 'hls';
/** @type {Engine | undefined} */
let engine;
/** Counts starts; whatever belongs to an earlier start is ignored. */
let startCount = 0;
/** Service UTC minus performance.now(). */
let clockOffsetMs = 0;
let lastMove = { position: -1, atMs: 0 };

const nowMs = () => performance.now() + clockOffsetMs;

/** @param {string} path @returns {Promise<unknown>} */
async function ask(path) {
  const response = await fetch(path, { cache: 'no-store' });
  if (!response.ok) throw new Error(`${path} answered ${response.status}`);
  return response.json();
}

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
  if (service === undefined || channel === undefined) return;
  lastMove = { position: -1, atMs: performance.now() };
  const urls = addressesOf(location.hostname, service, channel);
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

function showAddresses() {
  if (service === undefined || channel === undefined) return;
  const urls = addressesOf(location.hostname, service, channel);
  setAddress('hls-url', urls.hls);
  setAddress('dash-url', urls.dash);
  setAddress('rtmp-url', urls.rtmpServer);
  hideStreamKey();
}

function hideStreamKey() {
  if (service === undefined || channel === undefined) return;
  const { rtmpServer } = addressesOf(location.hostname, service, channel);
  const shown = service.streamKeysShown;
  setText('stream-key', shown ? MASK : 'shown on the service’s own machine only');
  setText('ffmpeg-line', ffmpegLine(rtmpServer, 'STREAM_KEY'));
  reveal.textContent = 'Show';
  reveal.ariaPressed = 'false';
  reveal.hidden = !shown;
  for (const button of document.querySelectorAll('[data-copy="stream-key"]')) {
    /** @type {HTMLButtonElement} */ (button).hidden = !shown;
  }
}

/** @returns {Promise<string>} */
async function fetchStreamKey() {
  const answer = await ask(`api/v1/channels/${channel}/stream-key`);
  return /** @type {{ streamKey: string }} */ (answer).streamKey;
}

async function toggleStreamKey() {
  if (service === undefined || channel === undefined) return;
  if (reveal.ariaPressed === 'true') {
    hideStreamKey();
    return;
  }
  try {
    const streamKey = await fetchStreamKey();
    setText('stream-key', streamKey);
    setText('ffmpeg-line', ffmpegLine(addressesOf(location.hostname, service, channel).rtmpServer, streamKey));
    reveal.textContent = 'Hide';
    reveal.ariaPressed = 'true';
  } catch (error) {
    setText('stream-key', error instanceof Error ? error.message : String(error));
  }
}

/** What a copy button copies: the key itself even while it is masked. @param {string} id */
async function textToCopy(id) {
  if (service?.streamKeysShown && channel !== undefined) {
    if (id === 'stream-key') return fetchStreamKey();
    const { rtmpServer } = addressesOf(location.hostname, service, channel);
    if (id === 'ffmpeg-line') return ffmpegLine(rtmpServer, await fetchStreamKey());
  }
  return element(id).textContent ?? '';
}

/** The clipboard API needs a secure context; on another machine's http address the old way is the only one. @param {string} text */
async function writeClipboard(text) {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const area = document.createElement('textarea');
  area.value = text;
  document.body.append(area);
  area.select();
  const copied = document.execCommand('copy');
  area.remove();
  if (!copied) throw new Error('the browser refused');
}

/** @param {HTMLButtonElement} button */
async function copyFrom(button) {
  let result = 'Copied';
  try {
    await writeClipboard(await textToCopy(button.dataset['copy'] ?? ''));
  } catch {
    result = 'Not copied';
  }
  button.textContent = result;
  button.classList.toggle('done', result === 'Copied');
  setTimeout(() => {
    button.textContent = 'Copy';
    button.classList.remove('done');
  }, 1500);
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

function sample() {
  element('unmute').hidden = !video.muted;
  watchProgress();
  showRungs(engine?.rungs() ?? [], engine?.playing());
  const quality = video.getVideoPlaybackQuality();
  showSample(
    { latencyMs: engine?.latencyMs(nowMs()), bufferS: bufferSeconds() },
    { dropped: quality.droppedVideoFrames, total: quality.totalVideoFrames },
  );
}

/** @param {string} id */
function openChannel(id) {
  channel = id;
  rungSelect.value = '';
  forgetSamples();
  showAddresses();
  history.replaceState(null, '', `#${id}`);
  void startEngine();
}

async function poll() {
  const sentMs = performance.now();
  const answer = /** @type {{ nowMs: number, channels: ChannelStatus[] }} */ (await ask('api/v1/channels'));
  clockOffsetMs = answer.nowMs - (sentMs + performance.now()) / 2;
  const ids = answer.channels.map((status) => status.id);
  const wanted = decodeURIComponent(location.hash.slice(1));
  const id = channel !== undefined && ids.includes(channel) ? channel : ids.includes(wanted) ? wanted : ids[0];
  showChannels(ids, id);
  if (id === undefined) return;
  if (id !== channel) openChannel(id);
  const status = answer.channels.find((one) => one.id === id);
  if (status) showStatus(status, nowMs());
}

async function tick() {
  try {
    service ??= /** @type {Service} */ (await ask('api/v1/service'));
    if (!document.hidden) await poll();
  } catch {
    showUnreachable();
  }
  sample();
  setTimeout(tick, 1000);
}

channelSelect.addEventListener('change', () => openChannel(channelSelect.value));
rungSelect.addEventListener('change', () => engine?.choose(rungSelect.value || undefined));
reveal.addEventListener('click', () => void toggleStreamKey());
element('unmute').addEventListener('click', () => {
  video.muted = false;
  element('unmute').hidden = true;
});
for (const input of document.querySelectorAll('input[name="engine"]')) {
  input.addEventListener('change', () => {
    engineName = /** @type {HTMLInputElement} */ (input).value === 'dash' ? 'dash' : 'hls';
    rungSelect.value = '';
    forgetSamples();
    void startEngine();
  });
}
for (const button of document.querySelectorAll('button[data-copy]')) {
  button.addEventListener('click', () => void copyFrom(/** @type {HTMLButtonElement} */ (button)));
}
void tick();
