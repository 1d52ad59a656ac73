/**
 * Caddy in front of Varnish in front of an origin, asked by Chromium over HTTP/2 and over HTTP/3: one page, many requests at once on
 * one connection, read from another site.
 */
import { chromium } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openTestOrigin, type TestOrigin } from '../e2e/origin-client.ts';
import { FakeChannel, textRevision } from '../fakes/channel-view.ts';
import { type Edge, openCaddyEdge, openVarnishEdge, type TlsEdge } from '../rig/edges.ts';

const CHROMIUM = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium';
const channel = new FakeChannel();
const LIST = { kind: 'hls-media', track: 'v720' } as const;
let origin: TestOrigin;
let varnish: Edge;
let caddy: TlsEdge;

beforeAll(async () => {
  channel.setMedia({ kind: 'segment', track: 'v720', gen: 'g1', number: 1 }, Buffer.alloc(200_000, 7));
  origin = await openTestOrigin([channel]);
  varnish = await openVarnishEdge(origin.port);
  caddy = await openCaddyEdge(varnish.port);
});

afterAll(async () => {
  await caddy?.close();
  await varnish?.close();
  await origin?.close();
});

/** What the page at `base` gets: 40 held playlist requests, media with a CMCD field (a preflight), the clock. */
async function readPage([base, msn]: readonly [string, number]) {
  const list = `${base}/live/match/v720/media.m3u8?_HLS_msn=${msn}&CMCD=`;
  const held = Promise.all(Array.from({ length: 40 }, async (_, index) => (await fetch(`${list}${index}`)).text()));
  const segment = `${base}/live/match/v720/g1/1.m4s`;
  const media = await fetch(segment, { headers: { 'CMCD-Request': 'mtp=1' } });
  const bytes = (await media.arrayBuffer()).byteLength;
  const again = await fetch(`${segment}?session=2`);
  await again.arrayBuffer();
  const clock = await (await fetch(`${base}/time`)).text();
  const texts = await held;
  const protocols = performance
    .getEntriesByType('resource')
    .map((entry) => (entry as { nextHopProtocol?: string }).nextHopProtocol);
  return { texts, bytes, clock, cache: again.headers.get('cache-status'), protocols: [...new Set(protocols)] };
}

test.each([
  ['h2', 7],
  ['h3', 8],
] as const)('%s', async (protocol, msn) => {
  const key = `p-${protocol}`;
  channel.setText(LIST, { kind: 'pending', key, holdMs: 10_000, late: 'expired' });
  const before = await origin.count('http_responses_total', { kind: 'hls-blocked' });
  const quic = protocol === 'h3' ? [`--origin-to-force-quic-on=localhost:${caddy.port}`] : ['--disable-quic'];
  const trust = `--ignore-certificate-errors-spki-list=${caddy.publicKeyHash}`;
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', trust, ...quic] });
  try {
    const page = await browser.newPage();
    const reading = page.evaluate(readPage, [`https://localhost:${caddy.port}`, msn] as const);
    await expect.poll(() => origin.count('http_waiting_requests'), { timeout: 20_000 }).toBe(1);
    channel.setText(LIST, { kind: 'ready', revision: textRevision(`#EXTM3U\n# ${protocol}\n`), of: 'edge' });
    channel.wake(key);
    const { texts, bytes, clock, cache, protocols } = await reading;
    expect(texts).toEqual(Array(40).fill(`#EXTM3U\n# ${protocol}\n`));
    expect(bytes).toBe(200_000);
    expect(cache).toMatch(/^varnish; hit; ttl=\d+$/);
    expect(Math.abs(Date.parse(clock) - Date.now())).toBeLessThan(10_000);
    expect(protocols).toEqual([protocol]);
    expect((await origin.count('http_responses_total', { kind: 'hls-blocked' })) - before).toBe(1);
  } finally {
    await browser.close();
  }
});
