/** One publish from before it to after it: slate, media, slate, media, and what viewers are told of it (nothing). */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Push, startTestService, type TestService, waitFor, waitLive } from '../rig/service.ts';
import { metricOf, type Viewer, viewerOf, watchChannel } from './service-client.ts';

const folder = mkdtempSync(join(tmpdir(), 'service-publish-'));
let service: TestService;
let viewer: Viewer;
let push: Push;

beforeAll(async () => {
  service = await startTestService();
  viewer = viewerOf(service);
});
afterAll(async () => {
  await service?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const status = () => service.directory.get('match')?.status();
const onAir = () => status()?.onAir;

/** Stream facts of the newest Segment of a rendition, by ffprobe. */
async function probeNewest(track: string) {
  const { segments } = await viewer.playlist(track);
  const map = segments[0]?.map;
  const media = await Promise.all([viewer.get(`${track}/${map}`), viewer.get(`${track}/${segments.at(-1)?.uri}`)]);
  const file = join(folder, 'newest.mp4');
  writeFileSync(file, Buffer.concat(media.map(({ body }) => body)));
  const entries = 'stream=codec_name,width,height,sample_rate,channels';
  const text = execFileSync('ffprobe', ['-v', 'error', '-show_entries', entries, '-of', 'json', file], {
    encoding: 'utf8',
  });
  return { file, stream: JSON.parse(text).streams[0] };
}

function loudestDb(file: string): number {
  const args = ['-hide_banner', '-nostdin', '-i', file, '-af', 'volumedetect', '-f', 'null', '-'];
  const said = execFileSync('sh', ['-c', 'exec ffmpeg "$@" 2>&1', 'sh', ...args], { encoding: 'utf8' });
  return Number(/max_volume: (\S+) dB/.exec(said)?.[1]);
}

/** One Period, one CMAF header, no EXT-X-DISCONTINUITY in any list. */
async function expectNothingDeclared(): Promise<void> {
  for (const track of await viewer.renditions()) {
    const { segments } = await viewer.playlist(track, 'dvr.m3u8');
    expect(segments.filter(({ isDiscontinuity }) => isDiscontinuity)).toEqual([]);
    expect(segments.filter(({ map }) => map !== undefined)).toHaveLength(1);
  }
  expect(await viewer.periods('dvr.mpd')).toHaveLength(1);
}

describe.sequential('a channel', () => {
  test('answers its slate before the first publish, at once, with Segments behind it', async () => {
    // The very first request is held while the slate is being encoded; a slow machine may need a second one.
    await waitFor('the slate', async () => (await viewer.get('master.m3u8')).status === 200);
    const master = await viewer.get('master.m3u8');
    expect([master.status, master.headers['content-type']]).toEqual([200, 'application/vnd.apple.mpegurl']);
    expect(await viewer.renditions()).toEqual(expect.arrayContaining(['180p', '90p', 'audio']));
    for (const track of await viewer.renditions()) {
      const answer = await viewer.get(`${track}/media.m3u8`);
      expect([answer.status, answer.headers['content-type']]).toEqual([200, 'application/vnd.apple.mpegurl']);
      expect((await viewer.playlist(track)).segments.length).toBeGreaterThanOrEqual(6);
    }
    const mpd = await viewer.get('manifest.mpd');
    expect([mpd.status, mpd.headers['content-type']]).toEqual([200, 'application/dash+xml']);
    expect(onAir()).toBe('slate');
    const watch = watchChannel(service);
    expect(await watch.end()).toEqual([]);
    expect(watch.taken.size).toBeGreaterThan(3 * 30);
    expect((await fetch(`http://127.0.0.1:${service.ports.control}/readyz`)).status).toBe(200);
  });

  test('goes from slate to media, to slate and back, and declares nothing; numbers go on', async () => {
    const watch = watchChannel(service);
    push = service.push();
    await waitLive(service);
    expect(await metricOf(service, 'ingest_publishes_total', { channel: 'match' })).toBe(1);
    await push.stop('SIGKILL');
    await waitFor('slate', () => onAir() === 'slate' && status()?.publisher === undefined);
    const edge = status()?.newestNumber ?? 0;
    await waitFor('slate goes on', () => (status()?.newestNumber ?? 0) >= edge + 2);
    expect(status()?.fresh).toBe(true);
    push = service.push();
    await waitLive(service);
    expect(await watch.end()).toEqual([]);
    await expectNothingDeclared();
    expect(await metricOf(service, 'packager_periods_total')).toBe(1);
    expect(await metricOf(service, 'ingest_refusals_total')).toBe(0);
  });

  test('has the pictures of the rungs and AAC 48 kHz stereo with the feed’s tone', async () => {
    await waitLive(service);
    expect((await probeNewest('180p')).stream).toMatchObject({ codec_name: 'h264', width: 320, height: 180 });
    const { file, stream } = await probeNewest('audio');
    expect(stream).toMatchObject({ codec_name: 'aac', sample_rate: '48000', channels: 2 });
    expect(loudestDb(file)).toBeGreaterThan(-30);
  });
});

describe.sequential('the origin in front of real manifests and media', () => {
  test('a GET of the next Segment is held and answered when it is there; two ahead is 404 for a second', async () => {
    const { segments } = await viewer.playlist('180p');
    const newest = segments.at(-1);
    const named = (ahead: number) => `180p/${newest?.uri.replace(/\d+\.m4s$/, `${(newest?.number ?? 0) + ahead}.m4s`)}`;
    const startMs = performance.now();
    const [next, after] = await Promise.all([viewer.get(named(1)), viewer.get(named(3))]);
    expect(next.status).toBe(200);
    expect(next.body.length).toBeGreaterThan(1000);
    expect(performance.now() - startMs).toBeLessThan(3500);
    expect([after.status, after.headers['cache-control']]).toEqual([404, 'public, max-age=1']);
    expect(JSON.parse(after.body.toString())).toEqual({ code: 'HTTP_NOT_YET', message: expect.any(String) });
  });

  test('HEAD, 304 and gzip of manifests and Segments say the same as GET', async () => {
    const { segments } = await viewer.playlist('180p');
    for (const path of ['master.m3u8', 'manifest.mpd', `180p/${segments[0]?.uri}`]) {
      const got = await viewer.get(path);
      const head = await viewer.get(path, {}, 'HEAD');
      expect([head.status, head.headers['content-length'], head.headers.etag, head.body.length]).toEqual([
        200,
        String(got.body.length),
        got.headers.etag,
        0,
      ]);
      expect(got.headers.etag).toMatch(/^"[^"]+"$/);
      const again = await viewer.get(path, { 'If-None-Match': got.headers.etag ?? '' });
      expect([again.status, again.body.length, again.headers['cache-control']]).toEqual([
        304,
        0,
        got.headers['cache-control'],
      ]);
      expect(got.headers['access-control-allow-origin']).toBe('*');
    }
    const zipped = await viewer.get('180p/dvr.m3u8', { 'Accept-Encoding': 'gzip' });
    expect(zipped.headers['content-encoding']).toBe('gzip');
    expect(gunzipSync(zipped.body).toString()).toContain('#EXT-X-MEDIA-SEQUENCE');
    expect(zipped.headers.vary).toMatch(/accept-encoding/i);
  });

  test('/time is the channels’ clock', async () => {
    const { body } = await viewer.get('../../time').then(async (dots) => {
      // A path with `..` that nobody normalised names nothing.
      expect(dots.status).toBe(404);
      const answer = await fetch(`http://127.0.0.1:${service.ports.http}/time`);
      return { body: await answer.text() };
    });
    expect(Math.abs(Date.parse(body) - Date.now())).toBeLessThan(1000);
  });
});

describe.sequential('a feed', () => {
  test('without audio gets silence under the same Tracks, and nothing is declared', async () => {
    await push.stop();
    await waitFor('the publisher is gone', () => status()?.state === 'slate');
    const watch = watchChannel(service);
    push = service.push({ audio: 'none' });
    await waitLive(service);
    expect(status()?.publisher?.source).toContain('no audio');
    const { file, stream } = await probeNewest('audio');
    expect(stream).toMatchObject({ codec_name: 'aac', sample_rate: '48000', channels: 2 });
    expect(loudestDb(file)).toBeLessThan(-80);
    expect(await watch.end()).toEqual([]);
    await expectNothingDeclared();
  });

  test('with mono at 44.1 kHz comes out as AAC 48 kHz stereo', async () => {
    await push.stop();
    await waitFor('the publisher is gone', () => status()?.state === 'slate');
    push = service.push({ audio: 'mono-44100' });
    await waitLive(service);
    expect(status()?.publisher?.source).toContain('44100 Hz x 1');
    const { file, stream } = await probeNewest('audio');
    expect(stream).toMatchObject({ codec_name: 'aac', sample_rate: '48000', channels: 2 });
    expect(loudestDb(file)).toBeGreaterThan(-30);
    await expectNothingDeclared();
  });
});
