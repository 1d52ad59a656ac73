/**
 * The console: what the service says goes to the view that is open, what people want goes to the service.
 * It never decides what is right: the service does. Invariant: one feed, one view and at most one player at a time.
 */
import { startActions } from './actions.js';
import { addressesOf } from './addresses.js';
import { showAddresses, startAddresses } from './addresses-card.js';
import { showChannelChoice } from './channel-facts.js';
import { ChannelPanel } from './channel-panel.js';
import { announce, button, element, setText } from './elements.js';
import { toggleFollowing } from './encoder-log.js';
import { Happenings } from './happenings.js';
import { showBanner, showFeed, showHealth } from './header.js';
import { FigureHistory } from './history.js';
import { openLiveFeed } from './live-feed.js';
import { showOverview, showTotals } from './overview.js';
import { playFrom, startPlayerControls, stopPlaying, toggleMute } from './player.js';
import { hashOf, routeOf } from './route.js';
import { Refusal, ServiceClient } from './service-client.js';
import { ServiceClock } from './service-clock.js';
import { startShortcuts } from './shortcuts.js';
import { startTheme, toggleTheme } from './theme.js';
import { startTimeLine } from './time-line-view.js';
import { askForToken, startTokenForm } from './token-form.js';

/** @typedef {import('../../channel/view.ts').ChannelStatus} ChannelStatus */
/** @typedef {import('./service-client.js').Service} Service */
/** @typedef {import('./service-client.js').Readiness} Readiness */
/** @typedef {import('./service-client.js').Channels} Channels */
/** @typedef {import('./happenings.js').Happening} Happening */
/** @typedef {import('./history.js').Figures} Figures */

const SERVICE_EVERY_MS = 5000;

const client = new ServiceClient(askForToken);
const figures = new FigureHistory();
const happenings = new Happenings();
const clock = new ServiceClock();
const panel = new ChannelPanel(client, figures, happenings);
const fetchPicture = (/** @type {string} */ id) => client.thumbnail(id);

/** @type {Service | undefined} */
let service;
/** @type {Readiness | undefined} */
let readiness;
/** undefined until the service has said it. @type {readonly ChannelStatus[] | undefined} */
let statuses;
/** @type {import('./live-feed.js').FeedMode} */
let mode = 'silent';
/** Of the service that was asked first. */
let firstStartedMs = Number.POSITIVE_INFINITY;
let route = routeOf(location.hash);
/** The view on the screen, so that a click does not build it twice. */
let shown = '';

const nowMs = () => clock.at(performance.now());

/** @param {'overview' | 'channel-view' | 'missing'} view */
function showView(view) {
  for (const id of ['overview', 'channel-view', 'missing']) element(id).hidden = id !== view;
  if (view !== 'channel-view') {
    stopPlaying();
    panel.close();
  }
}

/** @param {string} id */
function openChannel(id) {
  if (service === undefined) return;
  showAddresses(service, id);
  playFrom(addressesOf(location.hostname, service, id));
  panel.open(id);
}

/** Builds the view of the address when it is another one than that on the screen. */
function showRoute() {
  if (statuses === undefined || service === undefined) return;
  const ids = statuses.map(({ id }) => id);
  const isThere = route.view === 'overview' || ids.includes(route.id);
  const view = route.view === 'overview' ? 'overview' : isThere ? 'channel-view' : 'missing';
  const wanted = `${view} ${hashOf(route)}`;
  if (route.view === 'channel') showChannelChoice(ids, route.id);
  if (wanted === shown) return;
  const isFirst = shown === '';
  shown = wanted;
  showView(view);
  document.title = route.view === 'channel' ? `${route.id} · Pitchside` : 'Pitchside';
  if (view === 'missing' && route.view === 'channel') setText('missing-text', `No channel is called ${route.id}.`);
  if (view === 'channel-view' && route.view === 'channel') openChannel(route.id);
  // Who went somewhere begins there; who just came begins at the top, and who chose another channel stays in the choice.
  if (isFirst || element(view).contains(document.activeElement)) return;
  element(view).focus({ preventScroll: true });
  scrollTo(0, 0);
}

function showNow() {
  showHealth(service, readiness, nowMs());
  if (statuses === undefined) return;
  showRoute();
  if (route.view === 'overview') {
    showOverview(statuses, { nowMs: nowMs(), isKnown: mode !== 'silent', fetchPicture });
    showTotals(figures);
    return;
  }
  const { id } = route;
  const status = statuses.find((one) => one.id === id);
  const knownFromMs = happenings.knownFromMs(firstStartedMs);
  if (status) panel.show(status, { nowMs: nowMs(), knownFromMs, isKnown: mode !== 'silent' });
}

/** Said aloud: another state, whether an event or a poll told of it. @param {readonly ChannelStatus[]} next */
function tellStates(next) {
  for (const { id, state } of next) {
    const before = statuses?.find((one) => one.id === id)?.state;
    if (before !== undefined && before !== state) announce(`${id} is ${state}`);
  }
}

/** @param {Channels} data */
function onChannels(data) {
  clock.hear(data.nowMs, performance.now());
  happenings.see(data.channels, data.nowMs);
  tellStates(data.channels);
  statuses = data.channels;
  showBanner(undefined);
  showNow();
}

/** @param {string} type @param {Happening} data */
function onHappening(type, data) {
  happenings.add(type, data, nowMs());
  // What the stream tells of before the page was there is no news.
  if (type === 'fault' && nowMs() - data.atMs < 10_000) announce(`${data.channel}: ${data.message}`);
}

/** @param {string} type @param {unknown} data */
function onEvent(type, data) {
  if (type === 'channels') onChannels(/** @type {Channels} */ (data));
  else if (type === 'figures') figures.add(/** @type {Figures} */ (data));
  else if (type === 'reset') happenings.reset();
  else onHappening(type, /** @type {Happening} */ (data));
}

/** @param {import('./live-feed.js').FeedMode} next */
function onMode(next) {
  mode = next;
  showFeed(mode);
  if (mode !== 'silent') return;
  happenings.lose(nowMs());
  readiness = undefined;
  showNow();
}

async function readService() {
  try {
    [service, readiness] = await Promise.all([
      client.ask('api/v1/service').then((answer) => /** @type {Service} */ (answer)),
      client.readiness(),
    ]);
    clock.hear(service.nowMs, performance.now());
    firstStartedMs = Math.min(firstStartedMs, service.startedMs);
    showNow();
  } catch {
    readiness = undefined;
  }
}

async function poll() {
  try {
    return await client.ask('api/v1/channels');
  } catch (error) {
    if (error instanceof Refusal) showBanner(error.message);
    throw error;
  }
}

function goTo(/** @type {import('./route.js').Route} */ wanted) {
  location.hash = hashOf(wanted);
}

/** @param {number} step */
function goToNeighbour(step) {
  const ids = (statuses ?? []).map(({ id }) => id);
  const at = route.view === 'channel' ? ids.indexOf(route.id) : step > 0 ? -1 : 0;
  const id = ids.at((at + step) % Math.max(1, ids.length));
  if (id !== undefined) goTo({ view: 'channel', id });
}

function clickIfShown(/** @type {string} */ id) {
  if (button(id).checkVisibility()) button(id).click();
}

startTheme();
startTokenForm();
startPlayerControls();
startAddresses(client);
startTimeLine();
panel.start();
startActions(
  (path, body) => client.wish(path, body),
  () => (route.view === 'channel' ? route.id : ''),
  () => void readService(),
);
startShortcuts([
  { key: 'o', text: 'all channels', run: () => goTo({ view: 'overview' }) },
  { key: 'n', text: 'next channel', run: () => goToNeighbour(1) },
  { key: 'p', text: 'channel before', run: () => goToNeighbour(-1) },
  { key: 'm', text: 'sound on or off', run: toggleMute },
  { key: 'f', text: 'follow the log, or hold it', run: toggleFollowing },
  { key: 's', text: 'stop the publisher (asks)', run: () => clickIfShown('stop-publisher') },
  { key: 'r', text: 'restart the encoder (asks)', run: () => clickIfShown('restart-encoder') },
  { key: 'l', text: 'reload the ladder (asks)', run: () => clickIfShown('reload-ladder') },
  { key: 'd', text: 'drain or undrain (asks)', run: () => clickIfShown('drain') },
  { key: 't', text: 'dark or light', run: toggleTheme },
]);
addEventListener('hashchange', () => {
  route = routeOf(location.hash);
  showNow();
});
element('channel').addEventListener('change', (event) =>
  goTo({ view: 'channel', id: /** @type {HTMLSelectElement} */ (event.target).value }),
);
element('skip').addEventListener('click', (event) => {
  event.preventDefault();
  /** @type {HTMLElement | null} */ (document.querySelector('main:not([hidden])'))?.focus();
});

await readService();
setInterval(() => void readService(), SERVICE_EVERY_MS);
setInterval(showNow, 1000);
const feed = openLiveFeed({
  open: (lastId, signal) => client.events(lastId, signal),
  poll,
  onEvent,
  onMode,
  wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  random: Math.random,
});
addEventListener('pagehide', () => void feed.close());
