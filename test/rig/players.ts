/**
 * Real players in Debian's Chromium, one page at a time: what they show, hear and complain of, as figures.
 * It never fetches anything from outside: player bundles come from node_modules over loopback.
 */
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { ROOT } from './service.ts';

/** page-hls and page-dash are the engines of the service's own page. */
export type PlayerName = 'hls.js' | 'dash.js' | 'shaka-hls' | 'shaka-dash' | 'page-hls' | 'page-dash';

/** Counted since the page was opened, or since `reset()`. */
interface Watched {
  readonly frames: number;
  /** Different pictures among those frames, by a hash of a small copy. */
  readonly pictures: number;
  /** Mean of the newest picture's channels, alpha included: 64 is black, 255 white. */
  readonly brightness: number;
  readonly audioEnergy: number;
  readonly waiting: number;
  readonly dropped: number;
  readonly decoded: number;
  readonly heights: readonly number[];
  readonly errors: readonly string[];
  readonly currentTime: number;
  readonly latencySeconds: number;
}

const BUNDLES: Readonly<Record<string, string>> = {
  '/hls.js': 'node_modules/hls.js/dist/hls.min.js',
  '/dash.js': 'node_modules/dashjs/dist/modern/umd/dash.all.min.js',
  '/shaka.js': 'node_modules/shaka-player/dist/shaka-player.compiled.js',
  '/watch.js': 'test/rig/watch-page.js',
  // Under their own paths: they import one another.
  '/test/rig/glass-page.js': 'test/rig/glass-page.js',
  '/test/rig/picture-clock.js': 'test/rig/picture-clock.js',
  '/samples/clock-strip.mjs': 'samples/clock-strip.mjs',
  ...Object.fromEntries(
    ['hls-engine', 'dash-engine', 'catch-up'].map((name) => [
      `/src/control/page/${name}.js`,
      `src/control/page/${name}.js`,
    ]),
  ),
};

const PAGE = `<!doctype html><meta charset="utf-8"><title>watch</title>
<video id="video" width="640" height="360" crossorigin="anonymous" playsinline></video>
<script src="/hls.js"></script><script src="/dash.js"></script><script src="/shaka.js"></script><script src="/watch.js"></script>
<script type="module" src="/test/rig/glass-page.js"></script>`;

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--autoplay-policy=no-user-gesture-required',
];

export interface Theatre {
  open(player: PlayerName, url: string, config?: object, watching?: Watching): Promise<Screen>;
  close(): Promise<void>;
}

interface Watching {
  /** Reads the clock strip from the picture, from the start on. */
  readonly clock: boolean;
}

/** One look at the strip. Instants are UTC ms. */
export interface StripRead {
  /** When the picture was due on the screen (`expectedDisplayTime` of requestVideoFrameCallback). */
  readonly seenMs: number;
  /** null: it could not be read. */
  readonly stripMs: number | null;
  /** Seconds, on the player's own time line. */
  readonly mediaTime: number;
  /** Seconds in the buffer beyond what is shown. */
  readonly ahead: number;
  readonly rate: number;
  readonly height: number;
}

/** What was seen from the call of the player on. */
export interface GlassNotes {
  readonly startedMs: number;
  readonly endedMs: number;
  /** Of each new picture. */
  readonly frames: readonly number[];
  readonly reads: readonly StripRead[];
  /** `waiting` events while nobody paused. */
  readonly waits: readonly number[];
  readonly rateChanges: number;
}

/** Requests of the page below `/live` and the like; what it loads itself does not count. */
export interface Traffic {
  readonly requests: number;
  /** Without an answer, those the player gave up included. */
  readonly failed: number;
  readonly byStatus: Readonly<Record<number, number>>;
}

interface Screen {
  readonly page: Page;
  watched(): Promise<Watched>;
  glass(): Promise<GlassNotes>;
  traffic(): Traffic;
  reset(): Promise<void>;
  /** Download limit of the page in kbit/s; undefined lifts it. */
  throttle(kbps: number | undefined): Promise<void>;
  close(): Promise<void>;
}

export async function openTheatre(): Promise<Theatre> {
  const server = await servePage();
  const { port } = server.address() as AddressInfo;
  const executablePath = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium';
  const browser = await chromium.launch({ executablePath, headless: true, args: FLAGS });
  return {
    open: (player, url, config = {}, watching = { clock: false }) =>
      openScreen(browser, port, { player, url, config, ...watching }),
    async close() {
      await browser.close();
      server.closeAllConnections();
      server.close();
    },
  };
}

async function servePage(): Promise<Server> {
  const server = createServer((request, response) => {
    const file = BUNDLES[request.url ?? ''];
    if (file === undefined) {
      response.setHeader('content-type', 'text/html');
      response.end(PAGE);
      return;
    }
    response.setHeader('content-type', 'text/javascript');
    void readFile(resolve(ROOT, file)).then((bytes) => response.end(bytes));
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return server;
}

interface Showing extends Watching {
  readonly player: PlayerName;
  readonly url: string;
  readonly config: object;
}

/** Counts what the page asks of one server. */
function countTraffic(page: Page, origin: string): () => Traffic {
  const byStatus: Record<number, number> = {};
  let requests = 0;
  let failed = 0;
  page.on('request', (request) => {
    if (request.url().startsWith(origin)) requests += 1;
  });
  page.on('response', (response) => {
    if (response.url().startsWith(origin)) byStatus[response.status()] = (byStatus[response.status()] ?? 0) + 1;
  });
  page.on('requestfailed', (request) => {
    if (request.url().startsWith(origin)) failed += 1;
  });
  return () => ({ requests, failed, byStatus: { ...byStatus } });
}

async function openScreen(browser: Browser, port: number, showing: Showing): Promise<Screen> {
  const { player, url, config, clock } = showing;
  // Edges on loopback have certificates of their own making.
  const page = await browser.newPage({ ignoreHTTPSErrors: true });
  const traffic = countTraffic(page, new URL(url).origin);
  const consoleErrors: string[] = [];
  page.on('pageerror', (error) => consoleErrors.push(String(error)));
  await page.goto(`http://127.0.0.1:${port}/`);
  if (clock) await page.evaluate(() => globalThis.glass.start());
  await page.evaluate(([name, address, settings]) => globalThis.watchPage.start(name, address, settings), [
    player,
    url,
    config,
  ] as const);
  const session = await page.context().newCDPSession(page);
  return {
    page,
    async watched() {
      const seen = await page.evaluate(() => globalThis.watchPage.watched());
      return { ...seen, errors: [...seen.errors, ...consoleErrors] };
    },
    glass: () => page.evaluate(() => globalThis.glass.notes()),
    traffic,
    reset: () => page.evaluate(() => globalThis.watchPage.reset()),
    async throttle(kbps) {
      await session.send('Network.enable');
      const bytesPerSecond = kbps === undefined ? -1 : (kbps * 1000) / 8;
      await session.send('Network.emulateNetworkConditions', {
        offline: false,
        latency: 0,
        downloadThroughput: bytesPerSecond,
        uploadThroughput: -1,
      });
    },
    close: () => page.close(),
  };
}

declare global {
  var watchPage: {
    start(player: string, url: string, config: object): void;
    watched(): Watched;
    reset(): void;
  };
  var glass: { start(): void; notes(): GlassNotes };
}
