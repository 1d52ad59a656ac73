/**
 * The console in Chromium on a real service: what it shows, what its buttons do, whom it asks for a token, and that a keyboard is enough.
 * The tests go on one service, in this order.
 */
import { resolve } from 'node:path';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ROOT, startTestService, type TestService, waitFor, waitLive } from '../rig/service.ts';

const TOKEN = 'a-control-token-of-24-ch';
const FLAGS = [
  ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
  ...['--disable-component-update', '--disable-sync', '--autoplay-policy=no-user-gesture-required'],
];

let service: TestService;
let browser: Browser;
let context: BrowserContext;
let page: Page;
/** Uncaught errors, and requests to other hosts, of all pages of this file. */
const complaints: string[] = [];
/** Pictures of cards that were asked for. */
let pictures = 0;

/** @param headers of every request of the page */
async function openPage(path: string, width = 1280, colorScheme: 'dark' | 'light' = 'dark', headers = {}) {
  context = await browser.newContext({ viewport: { width, height: 860 }, colorScheme, extraHTTPHeaders: headers });
  page = await context.newPage();
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (message.text().includes('Content Security Policy')) complaints.push(message.text());
  });
  page.on('request', (request) => {
    const { hostname, protocol, pathname } = new URL(request.url());
    if (pathname.endsWith('/thumbnail.jpg')) pictures += 1;
    if (protocol.startsWith('http') && hostname !== '127.0.0.1') complaints.push(`asked ${request.url()}`);
  });
  await page.goto(`http://127.0.0.1:${service.ports.control}/${path}`);
}

const text = (selector: string) => page.textContent(selector);
const soon = (probe: () => unknown) => expect.poll(probe, { timeout: 15_000 });
const focused = () => page.evaluate(() => document.activeElement?.id || document.activeElement?.textContent || '');
const state = () => service.directory.get('match')?.status().state;

beforeAll(async () => {
  const started = startTestService(
    { ladder: resolve(ROOT, 'test/fixtures/ladders/small.yaml') },
    { PITCHSIDE_CONTROL_TOKEN: TOKEN },
  );
  const executablePath = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium';
  [service, browser] = await Promise.all([started, chromium.launch({ executablePath, args: FLAGS })]);
  service.push({ size: '640x360', bitrate: '1500k' });
  await waitLive(service);
});

afterAll(async () => {
  await browser?.close();
  await service?.stop();
});

test('the overview has a live channel with a picture of what is on air', async () => {
  await openPage('');
  await soon(() => text('#cards .pill')).toBe('live');
  expect(await text('#cards [data-fact=publisher]')).toMatch(/^127\.0\.0\.1:\d+ · H\.264 640×360 30 fps/);
  await soon(() => text('#cards [data-fact=encoder]')).toMatch(/^\d\.\d\d× · \d+ fps$/);
  expect(await text('#cards [data-fact=age]')).toMatch(/ s old$/);
  await soon(() => text('#feed')).toBe('live');
  await page.waitForSelector('#cards canvas[data-picture=there]');
  // testsrc2 is full of colours; an empty canvas has one.
  const colours = await page.evaluate(() => {
    const canvas = document.querySelector('canvas') as HTMLCanvasElement;
    const pen = canvas.getContext('2d') as CanvasRenderingContext2D;
    const { data } = pen.getImageData(0, 0, canvas.width, canvas.height);
    return { width: canvas.width, count: new Set(new Uint32Array(data.buffer)).size };
  });
  expect(colours.width).toBeGreaterThanOrEqual(300);
  expect(colours.count).toBeGreaterThan(500);
  await soon(() => text('#total-requests')).toMatch(/^\d+(\.\d)? a second$/);
});

test('a keyboard is enough: skip link, cards, a channel, shortcuts, and back', async () => {
  await page.keyboard.press('Tab');
  expect(await focused()).toBe('skip');
  await page.keyboard.press('Enter');
  expect(await focused()).toBe('overview');
  await page.keyboard.press('Tab');
  expect(await focused()).toBe('match');
  await page.keyboard.press('Enter');
  await soon(focused).toBe('channel-view');
  expect(page.url()).toMatch(/#\/match$/);
  await page.keyboard.press('?');
  expect(await page.isVisible('#help-dialog')).toBe(true);
  expect(await text('#shortcut-list')).toContain('stop the publisher');
  await page.keyboard.press('Escape');
  expect(await page.isVisible('#help-dialog')).toBe(false);
  await page.keyboard.press('o');
  await soon(() => page.isVisible('#overview')).toBe(true);
  await page.keyboard.press('n');
  await soon(() => page.isVisible('#channel-view')).toBe(true);
  await page.keyboard.press('t');
  expect(await page.evaluate(() => document.documentElement.dataset['theme'])).toBe('light');
  await page.keyboard.press('t');
});

test('a channel plays, with its ladder, its log and charts that have data', async () => {
  pictures = 0;
  const position = () => page.evaluate(() => document.querySelector('video')?.currentTime ?? 0);
  await soon(position).toBeGreaterThan(0.2);
  const before = await position();
  await soon(position).toBeGreaterThan(before + 1);
  await soon(() => text('#latency')).toMatch(/^\d+\.\d s$/);
  expect(await text('#ladder-rows tr:first-child')).toMatch(/640×360.*Mbps|640×360.*kbps/);
  expect(await text('#encoder-arguments')).toContain('libx264');
  const points = (title: string) =>
    page.evaluate((wanted) => {
      const chart = [...document.querySelectorAll('.chart')].find(
        (one) => one.querySelector('h2')?.textContent === wanted,
      );
      return Math.max(
        ...[...(chart?.querySelectorAll('.area, .line') ?? [])].map(
          (path) => path.getAttribute('d')?.split('L').length ?? 0,
        ),
      );
    }, title);
  for (const title of ['Requests by kind', 'Requests by cache class', 'Encoder speed', 'Latency'])
    await soon(() => points(title)).toBeGreaterThan(3);
  expect(await text('#charts .legend')).toContain('segment');
  expect(await text('#time-line-legend')).toContain('live');
});

test('a wish asks once: Escape takes it back, Enter makes it, the focus returns, and what came of it is said', async () => {
  const asked: string[] = [];
  page.on('request', (request) => {
    if (request.method() === 'POST') asked.push(new URL(request.url()).pathname);
  });
  await page.focus('#restart-encoder');
  await page.keyboard.press('Enter');
  expect(await page.isVisible('#confirm-dialog')).toBe(true);
  expect(await focused()).toBe('confirm-go');
  await page.keyboard.press('Escape');
  expect(await page.isVisible('#confirm-dialog')).toBe(false);
  expect(await focused()).toBe('restart-encoder');
  expect(asked).toEqual([]);

  const runs = () => service.directory.get('match')?.status().runs.length ?? 0;
  const before = runs();
  await page.keyboard.press('Enter');
  await page.keyboard.press('Enter');
  await soon(() => text('#toasts')).toBe('The encoder of match was restarted.');
  expect(asked).toEqual(['/api/v1/channels/match/restart-encoder']);
  await waitFor('another run', () => runs() > before, 10_000);

  await page.click('#reload-ladder');
  await page.click('#confirm-go');
  await soon(() => text('#toasts')).toContain('The ladder of match was read');

  await page.click('#drain');
  await page.click('#confirm-go');
  await soon(() => text('#ready')).toBe('draining');
  expect((await fetch(`http://127.0.0.1:${service.ports.control}/readyz`)).status).toBe(503);
  await page.click('#drain');
  await page.click('#confirm-go');
  await soon(() => text('#drain')).toBe('Drain');
  expect((await fetch(`http://127.0.0.1:${service.ports.control}/readyz`)).status).toBe(200);
});

test('an encoder that dies is a fault on the time line, with its words', async () => {
  const pid = service.directory.get('match')?.status().encoder?.pid;
  expect(pid).toBeGreaterThan(0);
  process.kill(pid ?? 0, 'SIGKILL');
  await soon(() => page.locator('#marks [data-kind=fault]').count()).toBe(1);
  expect(await page.getAttribute('#marks [data-kind=fault]', 'aria-label')).toMatch(
    /fault: ENCODER_EXITED · the encoder was ended by SIGKILL/,
  );
  await page.hover('#marks [data-kind=fault]');
  expect(await text('#time-line-text')).toContain('ENCODER_EXITED');
  expect(await text('#faults')).toContain('ENCODER_EXITED');
});

test('nobody asks for pictures of cards that nobody sees', () => {
  expect(pictures).toBe(0);
});

test('a publisher that is stopped is on the time line, within reach of the keyboard; stopped again, the error is read', async () => {
  const isSaid = () => page.locator('#marks [data-kind=unpublish]').count();
  expect(await isSaid()).toBe(0);
  await page.focus('#stop-publisher');
  await page.keyboard.press('s');
  await page.keyboard.press('Enter');
  await soon(() => text('#toasts')).toContain('The publisher of match was stopped.');
  await soon(isSaid).toBe(1);
  await soon(() => page.locator('#bands [data-state=slate]').count()).toBeGreaterThan(0);
  await page.focus('#marks [tabindex="0"]');
  await page.keyboard.press('End');
  const last = await text('#time-line-text');
  await page.keyboard.press('Home');
  expect(await text('#time-line-text')).toMatch(/^\d\d:\d\d:\d\d (publish|state)/);
  expect(await text('#time-line-text')).not.toBe(last);
  await waitFor('slate', () => state() === 'slate');
  await page.click('#stop-publisher');
  await page.click('#confirm-go');
  await soon(() => text('#confirm-result')).not.toBe('');
  expect(await page.isVisible('#confirm-dialog')).toBe(true);
  await page.keyboard.press('Escape');
});

test('from elsewhere it asks for the token, refuses a wrong one, and is told by events with the right one', async () => {
  await context.close();
  // As a proxy would: what comes from elsewhere is no request of this machine.
  await openPage('', 360, 'light', { 'X-Forwarded-For': '192.0.2.7' });
  await soon(() => page.isVisible('#token-dialog')).toBe(true);
  await page.keyboard.type('not-the-token-at-all');
  await page.keyboard.press('Enter');
  await soon(() => text('#token-wrong')).toBe('The service refused this token.');
  await page.keyboard.type(TOKEN);
  await page.keyboard.press('Enter');
  await soon(() => text('#cards .pill')).toMatch(/slate|live/);
  expect(await page.isVisible('#token-dialog')).toBe(false);
  await soon(() => text('#feed')).toBe('live');
  expect(await page.evaluate(() => Object.values(sessionStorage))).toEqual([TOKEN]);
  expect(page.url()).not.toContain(TOKEN);
});

test('360 px are enough for each view, and dark and light are two', async () => {
  const grounds: string[] = [];
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    for (const hash of ['#/', '#/match']) {
      await page.goto(`http://127.0.0.1:${service.ports.control}/${hash}`);
      await soon(() => page.isVisible(hash === '#/' ? '#cards .pill' : '#facts dd')).toBe(true);
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360);
    }
    grounds.push(await page.evaluate(() => getComputedStyle(document.body).backgroundColor));
  }
  expect(grounds).toEqual(['rgb(243, 245, 242)', 'rgb(12, 17, 14)']);
});

test('nothing went wrong in the page, and no other host was asked', () => {
  expect(complaints).toEqual([]);
});
