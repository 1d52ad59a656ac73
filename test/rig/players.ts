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

export type PlayerName = 'hls.js' | 'dash.js' | 'shaka-hls' | 'shaka-dash';

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
};

const PAGE = `<!doctype html><meta charset="utf-8"><title>watch</title>
<video id="video" width="640" height="360" crossorigin="anonymous" playsinline></video>
<script src="/hls.js"></script><script src="/dash.js"></script><script src="/shaka.js"></script><script src="/watch.js"></script>`;

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
  open(player: PlayerName, url: string, config?: object): Promise<Screen>;
  close(): Promise<void>;
}

interface Screen {
  readonly page: Page;
  watched(): Promise<Watched>;
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
    open: (player, url, config = {}) => openScreen(browser, port, player, url, config),
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

async function openScreen(
  browser: Browser,
  port: number,
  player: PlayerName,
  url: string,
  config: object,
): Promise<Screen> {
  const page = await browser.newPage();
  const consoleErrors: string[] = [];
  page.on('pageerror', (error) => consoleErrors.push(String(error)));
  await page.goto(`http://127.0.0.1:${port}/`);
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
}
