/** Nobody publishes: the presentation ends and begins again, or passes as gaps, or shows the operator's own slate. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { checkStream } from '../../src/check/check-stream.ts';
import { systemClock } from '../../src/system/clock.ts';
import { FFMPEG, KEY, startTestService, type TestService, TINY_LADDER, waitFor, waitLive } from '../rig/service.ts';

const folder = mkdtempSync(join(tmpdir(), 'pitchside-absent-'));
let service: TestService | undefined;
afterEach(async () => {
  await service?.stop();
  service = undefined;
});
afterAll(() => rmSync(folder, { recursive: true }));

async function start(...settings: readonly string[]): Promise<TestService> {
  const config = join(folder, 'settings.yaml');
  const lines = [`ladder: ${TINY_LADDER}`, `keys: { primary: ${KEY} }`, 'reconnectGrace: 0s', ...settings];
  writeFileSync(config, `channels:\n  match:\n${lines.map((line) => `    ${line}\n`).join('')}`);
  service = await startTestService({ config });
  return service;
}

const status = () => service!.directory.get('match')!.status();
const get = (path: string) => fetch(`${service!.base}/${path}`);
const text = async (path: string) => (await get(path)).text();
const urisIn = (playlist: string) => playlist.split('\n').filter((line) => line.endsWith('.m4s'));
const numbersIn = (playlist: string) => urisIn(playlist).map((uri) => Number(/(\d+)\.m4s$/.exec(uri)![1]));

test('after absentTimeout the lists are final and a static MPD offers just them; who comes back begins another presentation', async () => {
  const { base, push, endPushes, ports } = await start('absentTimeout: 10s', 'latency: low');
  push();
  await waitLive(service!);
  await endPushes('SIGKILL');
  await waitFor('the end', () => status().state === 'ended', 20_000);
  const ended = new Map<string, string>();
  for (const track of ['180p', '90p', 'audio'])
    for (const file of ['media.m3u8', 'dvr.m3u8']) {
      const answer = await get(`${track}/${file}?_HLS_msn=99999999999`);
      expect(answer.headers.get('cache-control')).toContain('max-age=1');
      const playlist = await answer.text();
      expect(playlist.endsWith('#EXT-X-ENDLIST\n')).toBe(true);
      expect(playlist).not.toMatch(/PRELOAD|REPORT|SERVER-CONTROL|EXT-X-PART/);
      ended.set(`${track}/${file}`, playlist);
    }
  for (const file of ['manifest.mpd', 'dvr.mpd']) expect(await text(file)).toContain('type="static"');
  for (const url of [`${base}/manifest.mpd`, `${base}/master.m3u8`]) {
    const { findings, summary } = await checkStream({ url, seconds: 3, clock: systemClock() });
    expect(summary.errors, JSON.stringify(findings)).toBe(0);
  }
  expect((await fetch(`http://127.0.0.1:${ports.control}/readyz`)).status).toBe(200);

  push();
  await waitLive(service!);
  const before = ended.get('180p/media.m3u8')!;
  const after = await text('180p/media.m3u8');
  expect(after).not.toContain('ENDLIST');
  expect(Math.min(...numbersIn(after))).toBeGreaterThan(Math.max(...numbersIn(before)));
  expect(await text('manifest.mpd')).toContain('type="dynamic"');
  const old = urisIn(before);
  for (const uri of [old[0], old.at(-1)]) expect((await get(`180p/${uri}`)).status).toBe(200);
}, 60_000);

test('whenAbsent: gap passes as gaps: no discontinuity, no Period, 200 with nothing in it, and live again after it', async () => {
  const { base, push, endPushes } = await start('whenAbsent: gap');
  push();
  await waitLive(service!);
  const periods = async () => [...(await text('manifest.mpd')).matchAll(/<Period id="([^"]+)"/g)].map(([, id]) => id);
  const before = await periods();
  await endPushes('SIGKILL');
  await waitFor('a gap', () => status().onAir === 'gap', 10_000);
  expect(status()).toMatchObject({ state: 'gap', fresh: true });
  push();
  await waitLive(service!);
  const playlist = await text('180p/media.m3u8');
  const gaps = [...playlist.matchAll(/#EXT-X-GAP\n(?:#.*\n)*(.*\.m4s)/g)].map(([, uri]) => uri!);
  expect(gaps.length).toBeGreaterThan(0);
  expect(playlist).not.toContain('#EXT-X-DISCONTINUITY\n');
  expect(await periods()).toEqual(before);
  for (const track of ['180p', '90p', 'audio']) {
    const answer = await get(`${track}/${gaps[0]}`);
    expect([answer.status, (await answer.arrayBuffer()).byteLength < 200]).toEqual([200, true]);
  }
  const { findings, summary } = await checkStream({ url: `${base}/manifest.mpd`, seconds: 4, clock: systemClock() });
  expect(summary.errors, JSON.stringify(findings)).toBe(0);
}, 60_000);

describe('a slate of your own', () => {
  /** Mean of R, G, B of a box of the first picture of the newest Segment. */
  async function colourAt(crop: string): Promise<number[]> {
    const playlist = await text('180p/media.m3u8');
    const map = /URI="([^"]+)"/.exec(playlist)![1];
    const bytes = await Promise.all(
      [map, urisIn(playlist).at(-1)].map(async (uri) => Buffer.from(await (await get(`180p/${uri}`)).arrayBuffer())),
    );
    const filter = `crop=${crop},scale=1:1:flags=area,format=rgb24`;
    const args = [
      '-v',
      'error',
      '-f',
      'mp4',
      '-i',
      'pipe:0',
      '-frames:v',
      '1',
      '-vf',
      filter,
      '-f',
      'rawvideo',
      'pipe:1',
    ];
    return [...spawnSync(FFMPEG, args, { input: Buffer.concat(bytes) }).stdout];
  }

  test('is fitted into the frame between black bars, its transparency is black', async () => {
    const picture = join(folder, 'own %d.png');
    // A square: magenta above, transparent below.
    const draw = 'color=magenta:s=100x100,format=rgba,geq=r=255:g=0:b=255:a=255*lt(Y\\,50)';
    expect(
      spawnSync(FFMPEG, [
        '-v',
        'error',
        '-f',
        'lavfi',
        '-i',
        draw,
        '-frames:v',
        '1',
        '-update',
        '1',
        '-f',
        'image2',
        '-pattern_type',
        'none',
        '-y',
        `file:${picture}`,
      ]).stderr.toString(),
    ).toBe('');
    await start(`slate: ${picture}`);
    await waitFor('the slate', async () => (await get('180p/media.m3u8')).ok);
    expect(status().lastFaults).toEqual([]);
    const [red, green, blue] = await colourAt('80:60:120:20');
    expect([red! > 200, green! < 60, blue! > 200]).toEqual([true, true, true]);
    for (const box of ['40:160:10:10', '40:160:270:10', '80:60:120:110'])
      for (const value of await colourAt(box)) expect(value, box).toBeLessThan(30);
  }, 30_000);

  test('that cannot be decoded is the built-in one, and the status says so', async () => {
    const picture = join(folder, 'broken.png');
    writeFileSync(picture, Buffer.from('89504e470d0a1a0a0000000d494844520000078000000438080600000000', 'hex'));
    await start(`slate: ${picture}`);
    await waitFor('the slate', async () => (await get('180p/media.m3u8')).ok);
    expect(status().lastFaults.map(({ code }) => code)).toEqual(['SLATE_PICTURE']);
  }, 30_000);
});
