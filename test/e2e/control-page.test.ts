/** A channel's view in Chromium, against a stand-in for the origin and a service without events: shows state, plays by both engines, fits a phone. */
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NoticeBoard } from '../../src/channel/notices.ts';
import { type ControlServer, openControl } from '../../src/control/server.ts';
import type { Advice } from '../../src/ingest/advice-model.ts';
import { systemClock } from '../../src/system/clock.ts';
import { openMetrics } from '../../src/system/metrics.ts';
import { channelStatus, controlDirectory, idleOperator, pageInfo } from '../fakes/control-directory.ts';
import { type ControlOrigin, openControlOrigin } from '../fakes/control-origin.ts';
import { keptLog } from '../fakes/control-quiet-log.ts';

const CHROMIUM = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium';
const FLAGS = [
  ...[
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
  ],
  ...['--disable-component-update', '--disable-sync'],
];

const clock = systemClock();
const directory = controlDirectory(() => clock.nowMs());
let origin: ControlOrigin;
let control: ControlServer;
let browser: Browser;

beforeAll(async () => {
  origin = await openControlOrigin();
  control = await openControl({
    host: '127.0.0.1',
    port: 0,
    directory,
    metrics: openMetrics(),
    log: keptLog(),
    clock,
    notices: new NoticeBoard(keptLog()),
    operator: idleOperator(),
    pageInfo: pageInfo(origin.port),
  });
  browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
});
afterAll(async () => {
  await browser?.close();
  await control?.close();
  await origin?.close();
});

const FAR_APART =
  'Keyframes come <b>every</b> 8.3 s; they should come every 2 s. ' +
  'A replaced encoder begins at the last keyframe: the farther back, the more slate viewers see.';
const adviceOf = (code: Advice['code'], level: Advice['level'], message: string): Advice => ({
  ...{ code, level, message, sinceMs: 1 },
  ...{ obs: 'Keyframe Interval 2 s', ffmpeg: '-g 60 -keyint_min 60' },
});

interface Visit {
  readonly page: Page;
  /** Console errors and warnings, uncaught errors, requests to other machines. */
  readonly complaints: string[];
  close(): Promise<void>;
}

async function visit(width: number, colorScheme: 'dark' | 'light'): Promise<Visit> {
  const nowMs = clock.nowMs();
  directory.set(
    channelStatus({
      newestEndMs: nowMs - 1000,
      publisher: { address: '127.0.0.1:5', sinceMs: nowMs - 61_000, source: '1280x720 30 fps' },
    }),
    channelStatus({ id: 'training', onAir: 'slate', publisher: undefined, encoder: undefined }),
  );
  const context = await browser.newContext({ viewport: { width, height: 844 }, colorScheme });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => {
    // The stand-in lists segments a moment before they can be had; that is no fault of the page.
    const ofOrigin = message.location().url.startsWith(`http://127.0.0.1:${origin.port}/`);
    if (message.type() === 'error' && !ofOrigin) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => {
    const { hostname, protocol } = new URL(request.url());
    if (protocol.startsWith('http') && hostname !== '127.0.0.1') complaints.push(`asked ${request.url()}`);
  });
  // A link of before the console: it still means the channel.
  await page.goto(`http://127.0.0.1:${control.port}/#match`);
  return { page, complaints, close: () => context.close() };
}

const position = (page: Page) => page.evaluate(() => document.querySelector('video')?.currentTime ?? 0);

async function expectMoving(page: Page): Promise<void> {
  await expect.poll(() => position(page), { timeout: 20_000 }).toBeGreaterThan(0.2);
  const before = await position(page);
  await expect.poll(() => position(page), { timeout: 10_000 }).toBeGreaterThan(before + 1);
}

describe('the view of a channel', () => {
  test.each([
    ['hls', 'dark'],
    ['dash', 'light'],
  ] as const)('plays by %s, shows rung, latency and buffer, and complains of nothing', async (engine, theme) => {
    const { page, complaints, close } = await visit(1280, theme);
    if (engine === 'dash') await page.click('label:has(input[value=dash])');
    await expectMoving(page);
    await expect.poll(() => page.textContent('#playing'), { timeout: 10_000 }).toMatch(/^(360|180)p /);
    await expect.poll(() => page.textContent('#latency')).toMatch(/^\d+\.\d s$/);
    await expect.poll(() => page.textContent('#buffer')).toMatch(/^\d+\.\d s$/);
    await expect.poll(() => page.textContent('#dropped')).toMatch(/^\d+ of \d+$/);
    expect(await page.evaluate(() => document.querySelectorAll('#rung option').length)).toBe(3);
    await page.selectOption('#rung', { index: 2 });
    await expect.poll(() => page.textContent('#playing'), { timeout: 20_000 }).toMatch(/^180p /);
    expect(complaints).toEqual([]);
    await close();
  });

  test('shows what the service says, and follows it', async () => {
    const { page, close } = await visit(1280, 'light');
    await expect.poll(() => page.textContent('#on-air')).toBe('live');
    expect(await page.textContent('#facts')).toContain('1280×720 30 fps');
    expect(await page.textContent('#rungs')).toContain('v1080 left out: the source has 720 lines');
    directory.set(
      channelStatus({
        onAir: 'slate',
        lastFaults: [
          { atMs: 1, code: 'ENCODER_STALLED', message: 'once' },
          { atMs: 2, code: 'ENCODER_STALLED', message: '<b>stalled</b>', hint: 'Free the <i>machine</i>.' },
        ],
      }),
    );
    await expect.poll(() => page.textContent('#on-air'), { timeout: 5000 }).toBe('slate');
    expect(await page.textContent('#faults')).toContain(
      'ENCODER_STALLED (2 times) <b>stalled</b>Free the <i>machine</i>.',
    );
    await close();
  });

  test.each([
    [1280, 'light'],
    [390, 'dark'],
  ] as const)('lists the advice at %d px quietly: nothing moves, a line opens and stays open', async (width, theme) => {
    const { page, complaints, close } = await visit(width, theme);
    await expect.poll(() => page.textContent('#advice-none')).toMatch(/^Nothing to change/);
    await page.evaluate(() => document.querySelector('.advice')?.scrollIntoView({ block: 'center' }));
    const tops = () =>
      page.evaluate(() => [...document.querySelectorAll('.card')].map((card) => card.getBoundingClientRect().top));
    const before = await tops();
    const publisher = { address: '127.0.0.1:5', sinceMs: 1, source: '1280x720 30 fps' };
    const shown = (...advice: ReturnType<typeof adviceOf>[]) => directory.set(channelStatus({ publisher, advice }));
    shown(adviceOf('KEYFRAMES_FAR_APART', 'warn', FAR_APART));
    await expect.poll(() => page.locator('#advice li').count(), { timeout: 5000 }).toBe(1);
    expect(await page.textContent('#advice summary')).toContain('<b>every</b> 8.3 s');
    expect(await page.isVisible('#advice-none')).toBe(false);
    expect(await tops()).toEqual(before);
    expect(await page.isVisible('#advice dd')).toBe(false);
    await page.click('#advice summary');
    expect(await page.textContent('#advice dl')).toContain('OBSKeyframe Interval 2 s');
    shown(
      adviceOf('KEYFRAMES_FAR_APART', 'warn', 'Keyframes come every 5.0 s; they should come every 2 s.'),
      adviceOf('AUDIO_RATE', 'info', 'The audio is sampled at 44100 Hz.'),
    );
    await expect.poll(() => page.locator('#advice li').count(), { timeout: 5000 }).toBe(2);
    expect(await page.isVisible('[data-code=KEYFRAMES_FAR_APART] dl')).toBe(true);
    expect(await page.isVisible('[data-code=AUDIO_RATE] dl')).toBe(false);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
    shown();
    await expect.poll(() => page.isVisible('#advice-none'), { timeout: 5000 }).toBe(true);
    expect(complaints).toEqual([]);
    await close();
  });

  test('shows the addresses, and the stream key only when it is asked to', async () => {
    const { page, close } = await visit(1280, 'dark');
    await expect
      .poll(() => page.textContent('#hls-url'))
      .toBe(`http://127.0.0.1:${origin.port}/live/match/master.m3u8`);
    expect(await page.textContent('#rtmp-url')).toBe('rtmp://127.0.0.1:1935/live');
    expect(await page.content()).not.toContain('S3CRET');
    await page.click('#reveal');
    await expect.poll(() => page.textContent('#stream-key')).toBe('match?key=S3CRET');
    expect(await page.textContent('#ffmpeg-line')).toContain('rtmp://127.0.0.1:1935/live/match?key=S3CRET');
    await page.click('#reveal');
    expect(await page.content()).not.toContain('S3CRET');
    await close();
  });

  test('changes the channel, keeps it in the address, and unmutes', async () => {
    const { page, close } = await visit(1280, 'dark');
    await expect.poll(() => page.locator('#channel option').count()).toBe(2);
    await page.selectOption('#channel', 'training');
    await expect.poll(() => page.textContent('#dash-url')).toContain('/live/training/manifest.mpd');
    expect(page.url()).toMatch(/#\/training$/);
    await page.click('#unmute');
    expect(await page.evaluate(() => document.querySelector('video')?.muted)).toBe(false);
    await close();
  });

  test.each(['dark', 'light'] as const)('fits a phone of 390 px without scrolling sideways (%s)', async (theme) => {
    const { page, close } = await visit(390, theme);
    await expect.poll(() => page.textContent('#on-air')).toBe('live');
    const wide = await page.evaluate(() => {
      const beyond = [...document.querySelectorAll('body *')].filter(
        (one) => one.getBoundingClientRect().right > 390.5,
      );
      const inScroller = (one: Element) => one.closest('code') !== null;
      return {
        width: document.documentElement.scrollWidth,
        beyond: beyond.filter((one) => !inScroller(one)).map((one) => one.outerHTML.slice(0, 80)),
      };
    });
    expect(wide).toEqual({ width: 390, beyond: [] });
    const colour = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    expect(colour).toBe(theme === 'dark' ? 'rgb(12, 17, 14)' : 'rgb(243, 245, 242)');
    await close();
  });
});
