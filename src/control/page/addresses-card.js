/**
 * The addresses to play and to push, and their copy buttons.
 * It never keeps the stream key: it is fetched when somebody asks to see or copy it, and the service gives it to its own machine only.
 */
import { addressesOf, ffmpegLine } from './addresses.js';
import { button, element, setAddress, setText } from './elements.js';

/** @typedef {import('./service-client.js').Service} Service */
/** @typedef {import('./service-client.js').ServiceClient} ServiceClient */
/** @typedef {{ service: Service, channel: string }} Place */

const MASK = '••••••••••••';
const reveal = button('reveal');

/** @type {Place | undefined} */
let place;
/** @type {ServiceClient | undefined} */
let client;

const urlsOf = (/** @type {Place} */ { service, channel }) => addressesOf(location.hostname, service, channel);

/** @param {Place} shown */
function hideStreamKey(shown) {
  const { rtmpServer } = urlsOf(shown);
  const isShown = shown.service.streamKeysShown;
  setText('stream-key', isShown ? MASK : 'shown on the service’s own machine only');
  setText('ffmpeg-line', ffmpegLine(rtmpServer, 'STREAM_KEY'));
  reveal.textContent = 'Show';
  reveal.ariaPressed = 'false';
  reveal.hidden = !isShown;
  for (const copy of document.querySelectorAll('[data-copy="stream-key"]')) {
    /** @type {HTMLButtonElement} */ (copy).hidden = !isShown;
  }
}

/** @param {Service} service @param {string} channel */
export function showAddresses(service, channel) {
  place = { service, channel };
  const urls = urlsOf(place);
  setAddress('hls-url', urls.hls);
  setAddress('dash-url', urls.dash);
  setAddress('rtmp-url', urls.rtmpServer);
  hideStreamKey(place);
}

/** @returns {Promise<string>} */
async function fetchStreamKey() {
  const answer = await client?.ask(`api/v1/channels/${place?.channel}/stream-key`);
  return /** @type {{ streamKey: string }} */ (answer).streamKey;
}

async function toggleStreamKey() {
  const shown = place;
  if (shown === undefined) return;
  if (reveal.ariaPressed === 'true') {
    hideStreamKey(shown);
    return;
  }
  try {
    const streamKey = await fetchStreamKey();
    // Another channel was opened meanwhile.
    if (shown !== place) return;
    setText('stream-key', streamKey);
    setText('ffmpeg-line', ffmpegLine(urlsOf(shown).rtmpServer, streamKey));
    reveal.textContent = 'Hide';
    reveal.ariaPressed = 'true';
  } catch (error) {
    setText('stream-key', error instanceof Error ? error.message : String(error));
  }
}

/** What a copy button copies: the key itself even while it is masked. @param {string} id */
async function textToCopy(id) {
  if (place?.service.streamKeysShown) {
    if (id === 'stream-key') return fetchStreamKey();
    if (id === 'ffmpeg-line') return ffmpegLine(urlsOf(place).rtmpServer, await fetchStreamKey());
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

/** @param {HTMLButtonElement} copy */
async function copyFrom(copy) {
  let result = 'Copied';
  try {
    await writeClipboard(await textToCopy(copy.dataset['copy'] ?? ''));
  } catch {
    result = 'Not copied';
  }
  copy.textContent = result;
  copy.classList.toggle('done', result === 'Copied');
  setTimeout(() => {
    copy.textContent = 'Copy';
    copy.classList.remove('done');
  }, 1500);
}

/** @param {ServiceClient} asked */
export function startAddresses(asked) {
  client = asked;
  reveal.addEventListener('click', () => void toggleStreamKey());
  for (const copy of document.querySelectorAll('button[data-copy]')) {
    copy.addEventListener('click', () => void copyFrom(/** @type {HTMLButtonElement} */ (copy)));
  }
}
