/**
 * The service is killed and started again, on the same ports and data, under strict readers of HLS and DASH in latency normal and low:
 * same numbers, URLs and bytes, lists that go on, and the publishers' media on air again.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MediaLedger } from '../chaos/media-ledger.ts';
import { Publisher } from '../chaos/publisher.ts';
import { keyOf, type LogLine, ServiceUnderTest } from '../chaos/service-under-test.ts';
import { readStrictly } from '../chaos/strict-reader.ts';
import { makeClip } from '../rig/feeds.ts';
import { waitFor } from '../rig/service.ts';

const CHANNELS = [
  { id: 'normal', latency: 'normal', takeover: 'refuse' },
  { id: 'low', latency: 'low', takeover: 'refuse' },
] as const;
const LENGTH_MS = 34_000;

const folder = mkdtempSync(join(tmpdir(), 'service-restart-'));
const publishers: Publisher[] = [];
const lines: LogLine[] = [];
let service: ServiceUnderTest;

beforeAll(async () => {
  await makeClip(folder, 'plain', { seconds: 16.5 });
  service = await ServiceUnderTest.start(folder, CHANNELS, { isKept: true, onLine: (line) => lines.push(line) });
  for (const { id } of CHANNELS) {
    const streamName = `${id}?key=${keyOf(id)}`;
    const publisher = new Publisher({ port: service.ports.rtmp, streamName, clip: join(folder, 'plain.flv') });
    publishers.push(publisher);
    await publisher.start();
  }
  await live();
});

afterAll(async () => {
  for (const publisher of publishers) await publisher.end();
  await service?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const live = async () => {
  for (const { id } of CHANNELS)
    await waitFor(`${id} is live`, async () => (await service.status(id)).state === 'live', 30_000);
};
const base = (channel: string) => `http://127.0.0.1:${service.ports.http}/live/${channel}`;
const text = async (url: string) => {
  const answer = await fetch(url);
  return { status: answer.status, body: await answer.text() };
};

test('killed twice: one body a URL, no rule broken, the last list served goes on, live again', async () => {
  const startMs = performance.now();
  const ledger = new MediaLedger();
  const readings = CHANNELS.map(({ id }) =>
    readStrictly(base(id), ledger, startMs + LENGTH_MS, (sentMs) => service.wasAway(sentMs)),
  );
  for (const { afterMs, awayMs } of [
    { afterMs: 6000 + Math.random() * 2000, awayMs: 0 },
    { afterMs: 9000 + Math.random() * 2000, awayMs: 1500 },
  ]) {
    await sleep(afterMs);
    const lists = CHANNELS.map(({ id }) => `${base(id)}/180p/dvr.m3u8`);
    const before = await Promise.all(lists.map(text));
    await service.killFor(awayMs);
    const after = await Promise.all(lists.map(text));
    before.forEach(({ body }, i) => {
      const now = after[i];
      expect(now?.status).toBe(200);
      const uris = (list: string) => [...list.matchAll(/^\w+\/\d+\.m4s$/gm)].map(([uri]) => uri);
      const kept = uris(body).filter((uri) => uris(now?.body ?? '').includes(uri));
      expect(kept.length).toBeGreaterThanOrEqual(uris(body).length - 2);
      expect(uris(now?.body ?? '').slice(0, kept.length)).toEqual(kept);
      expect(now?.body).not.toContain('#EXT-X-DISCONTINUITY\n');
    });
    await live();
  }
  const read = await Promise.all(readings);
  const findings = read.flatMap((reading) =>
    reading.findings
      .filter(({ severity, rule }) => severity !== 'note' && rule !== 'hls.advance')
      .map(({ rule, where, message }) => ({ rule, where: where.url, message })),
  );
  expect([...findings, ...ledger.findings()]).toEqual([]);
  expect(ledger.objects).toBeGreaterThan(100);
  const goesOn = lines.filter(({ msg }) => msg === 'window of the former life goes on');
  expect(goesOn).toHaveLength(2 * CHANNELS.length);
  // The first service got its RTMP port by 0, the next one asks for it: the child fits, and its publishers stay.
  expect(lines.filter(({ msg }) => msg === 'publishers taken over from the service before')).toHaveLength(2);
  expect(lines.filter(({ level }) => level >= 50)).toEqual([]);
});
